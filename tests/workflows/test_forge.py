"""What is said to GitHub, over HTTP, to a double that holds each request and answer to GitHub's description."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from registry.errors import ForgeError
from registry.forge import Forge, Head
from registry.patience import Patience
from tests import faults
from tests.proxy import Fault, Proxy
from tests.workflows.github import TOKEN, GitHub

HEAD, OTHER = "a" * 40, "b" * 40
MARKER = "<!-- registry: a test -->"
STRANGER = {"login": "mallory", "type": "User"}
SHORT = Patience(connect=1, silence=2, slow=4, again=4)


@pytest.fixture
def forge(github: GitHub) -> Iterator[Forge]:
    """What is tested, before that GitHub."""
    with closing(Forge(github.url, github.slug, TOKEN, patience=SHORT)) as forge:
        yield forge


@pytest.fixture
def proxy(github: GitHub) -> Iterator[Proxy]:
    """A way to GitHub that can be disturbed."""
    with Proxy({"/": urlsplit(github.url).port or 0}).running() as running:
        yield running


@pytest.fixture
def disturbed(proxy: Proxy, github: GitHub) -> Iterator[Forge]:
    """What is tested, on that way."""
    with closing(Forge(proxy.url, github.slug, TOKEN, patience=SHORT)) as forge:
        yield forge


def test_the_pull_request_of_a_fork_is_found_by_its_branch_and_its_commit(forge: Forge, github: GitHub) -> None:
    github.add_pull(1, "proposal", OTHER, repository="ada/models")
    github.add_pull(2, "proposal", HEAD, repository="mallory/models")
    github.add_pull(3, "proposal", HEAD, repository="ada/models", base="release")
    github.add_pull(4, "proposal", HEAD, repository="ada/models-too")
    assert forge.find_pull_request(Head("ada/models", "proposal", HEAD), "main") is None

    github.add_pull(5, "proposal", HEAD, repository="ada/models")
    found = forge.find_pull_request(Head("ada/models", "proposal", HEAD), "main")
    assert found is not None
    assert found.number == 5
    github.pulls[5]["state"] = "closed"
    assert forge.find_pull_request(Head("ada/models", "proposal", HEAD), "main") is None
    assert not forge.pull_request(5).is_open


def test_a_pull_request_whose_fork_is_gone_belongs_to_nobody(forge: Forge, github: GitHub) -> None:
    github.add_pull(1, "proposal", HEAD, repository="ada/models")["head"]["repo"] = None
    assert forge.find_pull_request(Head("ada/models", "proposal", HEAD), "main") is None


def test_a_commit_was_brought_by_what_was_merged_into_the_branch(forge: Forge, github: GitHub) -> None:
    for number, base in ((7, "main"), (8, "main"), (9, "release")):
        github.add_pull(number, f"branch-{number}", OTHER, base=base)
        github.merge(number, HEAD)
    github.pulls[8]["merged_at"] = None
    assert forge.merged_by(HEAD, "main") == [7]


def test_a_status_is_set_on_the_commit_and_says_no_more_than_github_takes(forge: Forge, github: GitHub) -> None:
    forge.set_status(HEAD, "registry/validate", "failure", "x" * 200, "https://github.example/run")
    [status] = github.statuses
    assert (status["sha"], status["state"], status["context"]) == (HEAD, "failure", "registry/validate")
    assert status["description"] == "x" * 139 + "…"
    assert status["target_url"] == "https://github.example/run"


def test_one_comment_is_written_and_then_updated(forge: Forge, github: GitHub) -> None:
    assert forge.put_comment(7, MARKER, "first")
    assert not forge.put_comment(7, MARKER, "second")
    assert [comment["body"] for comment in github.comments[7]] == [f"{MARKER}\nsecond"]


def test_a_comment_of_somebody_else_is_neither_believed_nor_changed(forge: Forge, github: GitHub) -> None:
    forged = github.add_comment(7, f"{MARKER}\nall is well", STRANGER)
    app = github.add_comment(7, f"{MARKER}\nall is well", {"login": "mallory[bot]", "type": "Bot"})
    named = github.add_comment(7, f"{MARKER}\nall is well", {"login": "github-actions[bot]", "type": "User"})
    ours = github.add_comment(7, f"other words, and then {MARKER}")
    forge.put_comment(7, MARKER, "the page")
    assert [comment["body"] for comment in (forged, app, named)] == [f"{MARKER}\nall is well"] * 3
    assert ours["body"].startswith("other words")
    assert github.comments[7][-1]["body"] == f"{MARKER}\nthe page"


def test_our_comment_is_found_behind_hundreds_of_others(forge: Forge, github: GitHub) -> None:
    for number in range(250):
        github.add_comment(7, f"comment {number}", STRANGER)
    ours = github.add_comment(7, f"{MARKER}\nfirst")
    assert not forge.put_comment(7, MARKER, "second")
    assert ours["body"] == f"{MARKER}\nsecond"


def test_one_issue_is_opened_updated_and_closed_with_a_word(forge: Forge, github: GitHub) -> None:
    github.add_issue(f"{MARKER}\nforged", labels=["drift"], user=STRANGER)
    github.add_issue(f"{MARKER}\na pull request", labels=["drift"], pull_request={"url": "https://github.example/-"})
    assert forge.put_issue("drift", MARKER, "Drift", "one")
    assert not forge.put_issue("drift", MARKER, "Drift", "two")
    forged, pull, ours = github.issues.values()
    assert (ours["title"], ours["body"], ours["state"]) == ("Drift", f"{MARKER}\ntwo", "open")

    assert forge.close_issues("drift", MARKER, "none is left") == 1
    assert forge.close_issues("drift", MARKER, "none is left") == 0
    assert (ours["state"], ours["state_reason"]) == ("closed", "completed")
    assert [comment["body"] for comment in github.comments[ours["number"]]] == ["none is left"]
    assert (forged["state"], pull["state"]) == ("open", "open")


def test_a_deployment_is_told_how_it_ended(forge: Forge, github: GitHub) -> None:
    assert not forge.set_deployment_status("production", HEAD, "success", "2 registered", "https://github.example/run")
    github.deployments += [{"id": 5, "sha": HEAD, "environment": "production"}]
    github.deployments += [{"id": 6, "sha": HEAD, "environment": "staging"}]
    assert forge.set_deployment_status("production", HEAD, "success", "2 registered", "https://github.example/run")
    [status] = github.deployment_statuses
    assert (status["deployment"], status["state"], status["description"]) == (5, "success", "2 registered")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_answer_that_fails_is_asked_for_again(disturbed: Forge, proxy: Proxy, github: GitHub, status: int) -> None:
    proxy.spoil(lambda _: True, faults.answered(status), times=2)
    disturbed.set_status(HEAD, "registry/validate", "success", "ok", None)
    assert len(github.statuses) == 1


def test_github_is_left_alone_as_long_as_it_says(disturbed: Forge, proxy: Proxy, github: GitHub) -> None:
    limited = faults.answered(429, {"Retry-After": "1"}, b'{"message": "secondary rate limit"}')
    proxy.spoil(lambda asked: asked.method == "GET", limited)
    proxy.spoil(lambda asked: asked.method == "POST", limited)
    assert disturbed.put_comment(7, MARKER, "the page")
    first, again, post, look, last = proxy.asked
    assert [asked.method for asked in (first, again, post, look, last)] == ["GET", "GET", "POST", "GET", "POST"]
    assert again.time - first.time >= 1
    assert look.time - post.time >= 1
    assert len(github.comments[7]) == 1


@pytest.mark.parametrize("fault", [faults.lost_at_once, faults.reset], ids=["lost", "reset"])
def test_a_connection_that_breaks_leads_to_one_comment(
    disturbed: Forge, proxy: Proxy, github: GitHub, fault: Fault
) -> None:
    proxy.spoil(lambda asked: asked.method == "POST", fault)
    disturbed.put_comment(7, MARKER, "the page")
    assert len(github.comments[7]) == 1


def test_a_comment_whose_answer_was_lost_is_not_written_twice(disturbed: Forge, proxy: Proxy, github: GitHub) -> None:
    proxy.spoil(lambda asked: asked.method == "POST", faults.after(lambda: None))
    disturbed.put_comment(7, MARKER, "the page")
    assert [comment["body"] for comment in github.comments[7]] == [f"{MARKER}\nthe page"]


def test_a_token_that_may_not_is_an_error_with_a_way_on_and_without_the_token(github: GitHub) -> None:
    with (
        closing(Forge(github.url, github.slug, "ghs_wrong", patience=SHORT)) as forge,
        pytest.raises(ForgeError) as caught,
    ):
        forge.put_comment(7, MARKER, "secret words")
    assert str(caught.value) == "GET /issues/7/comments: GitHub answers 401 Bad credentials"
    assert "permissions" in caught.value.hint
    assert not caught.value.retryable
    assert "ghs_wrong" not in repr(caught.value)


def test_a_limit_that_is_used_up_is_no_lack_of_permission(disturbed: Forge, proxy: Proxy) -> None:
    said = b'{"message": "API rate limit exceeded"}'
    proxy.spoil(lambda _: True, faults.answered(403, {"X-RateLimit-Remaining": "0"}, said))
    with pytest.raises(ForgeError) as caught:
        disturbed.pull_request(7)
    assert (caught.value.retryable, caught.value.hint, caught.value.exit_code) == (True, "", 3)


def test_nobody_there_is_an_error_that_may_pass(github: GitHub) -> None:
    with (
        closing(Forge("http://127.0.0.1:1", github.slug, TOKEN, patience=Patience(retries=1))) as forge,
        pytest.raises(ForgeError, match="no answer: it takes no connection") as caught,
    ):
        forge.merged_by(HEAD, "main")
    assert caught.value.retryable


def test_an_answer_that_is_none_is_an_error(disturbed: Forge, proxy: Proxy) -> None:
    proxy.spoil(lambda _: True, faults.answered(200, body=b"<html>"))
    with pytest.raises(ForgeError, match="without what was asked for"):
        disturbed.pull_request(7)


def test_the_double_refuses_what_github_does_not_know(github: GitHub) -> None:
    said = github.answer("POST", f"/repos/{github.slug}/statuses/{HEAD}", {"Authorization": f"Bearer {TOKEN}"}, b"{}")
    assert said[0] == 422
    assert len(github.violations) == 1
    github.violations.clear()
