"""What the base holds counts as registered, unless the endpoint says that it never was."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from starlette.requests import Request
from starlette.responses import Response

from registry.policy import Policy
from registry.server.api import make_app
from registry.server.embedded import serve_embedded
from registry.server.records import Records
from tests.azurite import free_port
from tests.build import a_commit, a_descriptor, a_version, git, write
from tests.command import Done
from tests.e2e.place import Place
from tests.e2e.sources import source

TOKEN = "the-token-of-the-endpoint"
API = "/api/v1.0/model"
CHANGED = a_version(a_descriptor(model_config__type="DECODER"))
READY = json.dumps({"status": "ready", "instance": "one", "generation": 1}).encode()


@pytest.fixture
def place(folder_place: Place) -> Place:
    """A base with versions that were never registered."""
    for model in ("fresh/1.0", "known/1.0", "other/1.0"):
        a_commit(folder_place.repository, model, a_version())
    return folder_place


@pytest.fixture
def known_place(place: Place) -> Place:
    """The same with `known/1.0` registered."""
    assert place.run("reconcile", "known/1.0").code == 0
    return place


@contextmanager
def endpoint(place: Place, token: str | None = None, *, public_reads: bool = False) -> Iterator[tuple[str, list[str]]]:
    """The URL of the endpoint on the place's records, and the paths that it is asked for."""
    asked: list[str] = []
    with closing(Records(f"sqlite:///{place.repository / '.registry' / 'registry.db'}")) as records:
        policy = Policy(public_reads=public_reads)
        app = make_app(records=records, storage=place.storage, policy=policy, token=token)

        @app.middleware("http")
        async def note(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
            asked.append(request.url.path)
            return await go_on(request)

        with serve_embedded(app) as url:
            yield url, asked


def change(place: Place, *models: str) -> None:
    """Change what a registered version keeps, in the working tree."""
    for model in models:
        write(place.repository, model, CHANGED)


def validate(place: Place, *arguments: str, **env: str) -> Done:
    """The command against the last commit."""
    return place.run("validate", "--base", "HEAD", "--online", "--format", "json", *arguments, **env)


def found(done: Done) -> list[tuple[str, str]]:
    """Model and rule of each finding."""
    return [("/".join(f["path"].split("/")[1:3]), f["rule"]) for f in done.json["findings"]]


def test_what_was_never_registered_may_change_and_nothing_else_is_asked_for(known_place: Place) -> None:
    change(known_place, "fresh/1.0", "known/1.0")
    write(known_place.repository, "other/1.0", a_version(a_descriptor(model_config__description="Better.")))
    write(known_place.repository, "new/1.0", a_version())
    with endpoint(known_place) as (url, asked):
        done = validate(known_place, REGISTRY_ENDPOINT=url)

    known = [("fresh/1.0", "never-registered"), ("known/1.0", "registered-content")]
    assert found(done) == [*known, ("new/1.0", "new-model")]
    assert (done.code, done.err) == (1, "")
    assert asked == ["/readyz", f"{API}/fresh/1.0", f"{API}/fresh/1.0/status", f"{API}/known/1.0"]
    (notice, *_) = done.json["findings"]
    assert (notice["severity"], notice["line"], notice["message"]) == (
        "notice", 1, "fresh/1.0 is in the base and was never registered, so it may be changed or taken out freely",
    )  # fmt: skip


def test_what_was_never_registered_may_be_removed_at_once(known_place: Place) -> None:
    git(known_place.repository, "rm", "-r", "--quiet", "models/fresh/1.0", "models/known/1.0")
    removal = json.dumps({"lifecycle": {"state": "removed", "reason": "A mistake."}}).encode()
    for model in ("fresh/1.0", "known/1.0"):
        write(known_place.repository, model, {"model.yaml": removal})
    with endpoint(known_place) as (url, _):
        done = validate(known_place, REGISTRY_ENDPOINT=url)

    assert found(done) == [("fresh/1.0", "never-registered"), ("known/1.0", "registered-removed")]


def test_where_nothing_is_broken_the_endpoint_is_not_asked(place: Place) -> None:
    write(place.repository, "other/1.0", a_version(a_descriptor(model_config__description="Better.")))
    with endpoint(place) as (url, asked):
        done = validate(place, REGISTRY_ENDPOINT=url)

    assert (done.code, done.err, asked) == (0, "", [])


def test_without_the_option_or_without_an_endpoint_all_counts_as_registered(place: Place) -> None:
    change(place, "fresh/1.0")
    with endpoint(place) as (url, asked):
        offline = place.run("validate", "--base", "HEAD", "--format", "json", REGISTRY_ENDPOINT=url)
    unset = validate(place)

    assert found(offline) == found(unset) == [("fresh/1.0", "registered-content")]
    assert (offline.err, asked) == ("", [])
    said = "what the base holds counts as registered: no endpoint is set, and the embedded one is not asked\n"
    assert (unset.code, unset.err) == (1, said)


def test_an_endpoint_that_does_not_answer_changes_nothing_and_is_named(place: Place) -> None:
    change(place, "fresh/1.0")
    url = f"http://127.0.0.1:{free_port()}"
    done = validate(place, REGISTRY_ENDPOINT=url)

    assert (done.code, found(done)) == (1, [("fresh/1.0", "registered-content")])
    assert done.err.startswith(f"what the base holds counts as registered: GET {url}/readyz: no answer: ")


def test_what_answers_404_to_everything_is_not_believed(place: Place) -> None:
    change(place, "fresh/1.0")
    with source({}) as url:
        done = validate(place, REGISTRY_ENDPOINT=url)

    assert found(done) == [("fresh/1.0", "registered-content")]
    assert "the endpoint does not say what it is, so its 404 means nothing" in done.err


def test_closed_reads_are_named_with_the_token_to_set(place: Place) -> None:
    change(place, "fresh/1.0")
    with endpoint(place, TOKEN) as (url, _):
        without = validate(place, REGISTRY_ENDPOINT=url)
        allowed = validate(place, REGISTRY_ENDPOINT=url, REGISTRY_TOKEN=TOKEN)

    assert found(without) == [("fresh/1.0", "registered-content")]
    assert "answers 401" in without.err
    assert "Set REGISTRY_TOKEN to a token of this endpoint" in without.err
    assert (found(allowed), allowed.err) == ([("fresh/1.0", "never-registered")], "")
    assert TOKEN not in allowed.out + allowed.err


def test_open_reads_do_not_hide_a_private_version_behind_404(known_place: Place) -> None:
    a_commit(known_place.repository, "open/1.0", a_version(a_descriptor(model_config__private=False)))
    change(known_place, "fresh/1.0", "known/1.0", "open/1.0")
    with endpoint(known_place, TOKEN, public_reads=True) as (url, _):
        without = validate(known_place, REGISTRY_ENDPOINT=url)
        wrong = validate(known_place, REGISTRY_ENDPOINT=url, REGISTRY_TOKEN="of-another-endpoint")
        allowed = validate(known_place, REGISTRY_ENDPOINT=url, REGISTRY_TOKEN=TOKEN)

    unknown = [("fresh/1.0", "registered-content"), ("known/1.0", "registered-content")]
    assert found(without) == found(wrong) == [*unknown, ("open/1.0", "never-registered")]
    assert without.err == wrong.err
    assert "the endpoint shows private versions to its token alone. Set REGISTRY_TOKEN" in wrong.err
    assert found(allowed) == [
        ("fresh/1.0", "never-registered"), ("known/1.0", "registered-content"), ("open/1.0", "never-registered"),
    ]  # fmt: skip
    assert allowed.err == ""


@pytest.mark.parametrize(
    ("state", "rule"),
    [("Failed", "never-registered"), ("InProgress", "registered-content"), ("Finished", "registered-content")],
)
def test_what_failed_was_never_registered_and_what_is_on_its_way_counts(place: Place, state: str, rule: str) -> None:
    change(place, "fresh/1.0")
    status = json.dumps({"state": state, "message": "no bytes"}).encode()
    with source({"/readyz": READY, f"{API}/fresh/1.0": 404, f"{API}/fresh/1.0/status": status}) as url:
        done = validate(place, REGISTRY_ENDPOINT=url)

    assert found(done) == [("fresh/1.0", rule)]


@pytest.mark.parametrize("status", [200, 403, 405, 410, 500])
def test_what_is_no_404_says_nothing_for_a_change(place: Place, status: int) -> None:
    change(place, "fresh/1.0")
    with source({"/readyz": READY, f"{API}/fresh/1.0": status}) as url:
        done = validate(place, REGISTRY_ENDPOINT=url)

    assert (done.code, found(done)) == (1, [("fresh/1.0", "registered-content")])
