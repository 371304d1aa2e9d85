"""`registry github outcome` and `drift`: what is told after a merge, and when nobody merges anything."""

from __future__ import annotations

import json
import shutil
from typing import Any

from registry.brought import find_brought
from registry.history import Commit, Logged
from registry.identity import ModelId
from registry.report.ending import Ending, render_markdown
from tests.build import a_descriptor, a_version, git, write
from tests.command import Done, registry
from tests.workflows.desk import Desk
from tests.workflows.github import GitHub

MARKER = "<!-- registry: outcome -->"
MISTAKE = a_version(a_descriptor(colour="red"))
URL = "https://github.invalid/acme/models/actions/runs/42"


def a_merge(desk: Desk, number: int, model: str, files: dict[str, bytes]) -> str:
    """A pull request that adds a version is merged; returns the commit on main."""
    clone = desk.clone()
    write(clone, model, files)
    desk.propose(clone, number)
    return desk.merge(number)


def reconcile(desk: Desk, *arguments: str, code: int = 0) -> None:
    """Check main out and reconcile with it, into a storage that stays."""
    desk.check_out(depth=1000)
    done = registry(desk.here, "reconcile", "--report", str(desk.folder / "report.json"), *arguments, env=kept(desk))
    assert done.code == code, done.err


def kept(desk: Desk) -> dict[str, str]:
    """Storage and records beside the checkout."""
    folder = desk.folder / "kept"
    folder.mkdir(exist_ok=True)
    return {"REGISTRY_STORAGE": str(folder / "storage"), "REGISTRY_DATABASE": f"sqlite:///{folder / 'registry.db'}"}


def tell(desk: Desk, *, event: str = "schedule", **payload: Any) -> Done:
    """The step after reconcile."""
    return desk.run("outcome", "--report", str(desk.folder / "report.json"), event=event, payload=payload)


def pages(github: GitHub) -> dict[int, str]:
    """The one comment of each pull request that has some, without marker and log."""
    assert all(len(comments) == 1 for comments in github.comments.values())
    bodies = {number: comment["body"] for number, [comment] in github.comments.items()}
    assert all(body.startswith(f"{MARKER}\n") and URL in body for body in bodies.values())
    return {number: body.removeprefix(f"{MARKER}\n").partition("\n<sub>")[0] for number, body in bodies.items()}


def test_every_pull_request_since_the_last_run_learns_how_its_versions_ended(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    a_merge(desk, 7, "tiny/1.1", a_version())
    a_merge(desk, 8, "other/1.0", MISTAKE)
    clone = desk.clone()
    (clone / "notes.txt").write_text("no model")
    desk.propose(clone, 9)
    desk.merge(9)
    reconcile(desk, code=1)
    github.deployments += [{"id": 5, "sha": git(desk.here, "rev-parse", "HEAD"), "environment": "production"}]

    done = tell(desk)
    assert (done.code, done.out, done.err) == (0, "told #7, #8; deployment failure\n", "")
    told = pages(github)
    assert told.keys() == {7, 8}
    assert told[7] == (
        "**ok: 1 registered**\n\n| version | how it ended | why |\n|---|---|---|\n| `tiny/1.1` | registered |  |\n"
    )
    assert told[8].startswith("**failed: 1 refused**\n")
    assert "`colour` is not a key of the top level" in told[8]
    assert told[8].endswith("Next: mend what is named in another pull request.\n")
    [status] = github.deployment_statuses
    assert (status["state"], status["description"]) == ("failure", "1 registered, 1 refused, 1 unchanged")

    assert tell(desk).out == done.out
    assert pages(github) == told


def test_what_was_pending_is_told_to_the_pull_request_that_brought_it(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    a_merge(desk, 7, "tiny/1.1", a_version())
    a_merge(desk, 8, "other/1.0", a_version())
    reconcile(desk, "tiny/1.1")
    tell(desk)
    assert pages(github)[8].startswith("**pending: 1 pending**\n")
    assert pages(github)[8].endswith("Next: nothing; the next run tries again.\n")

    reconcile(desk)
    assert tell(desk).out == "told #8; no deployment to tell\n"
    assert pages(github)[8].startswith("**ok: 1 registered**\n")


def test_a_run_that_ended_before_its_report_says_so_to_what_was_pushed(desk: Desk, github: GitHub) -> None:
    before = git(desk.origin, "rev-parse", "main")
    a_merge(desk, 6, "tiny/1.1", a_version())
    a_merge(desk, 7, "tiny/1.2", a_version())
    desk.check_out(depth=1000)
    done = tell(desk, event="push", before=before)
    assert (done.code, done.out) == (0, "told #6, #7; no deployment to tell\n")
    assert pages(github)[7].startswith("**not registered: the run after the merge ended before it could begin**")


def test_a_superseded_run_leaves_the_word_to_the_newer_one(desk: Desk, github: GitHub) -> None:
    a_merge(desk, 7, "tiny/1.1", a_version())
    reconcile(desk)
    reconcile(desk, "--ref", "HEAD~1")
    assert tell(desk).out == "no pull request to tell; no deployment to tell\n"


def test_a_message_that_names_another_pull_request_is_not_believed(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    clone = desk.clone()
    write(clone, "tiny/1.1", a_version())
    desk.propose(clone, 7)
    git(clone, "commit", "--quiet", "--amend", "--message=Merge pull request #1 from ada/models")
    desk.propose(clone, 7)
    desk.merge(7)
    github.add_pull(1, "other", "f" * 40)
    reconcile(desk)
    tell(desk)
    assert pages(github).keys() == {7}


def test_a_comment_that_cannot_be_written_does_not_keep_the_others_from_theirs(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    a_merge(desk, 7, "tiny/1.1", a_version())
    a_merge(desk, 8, "tiny/1.2", a_version())
    reconcile(desk)
    github.forbidden = "/issues/7/"
    done = tell(desk)
    assert (done.code, done.out) == (0, "told #8; no deployment to tell\n")
    assert done.err.startswith("warning: no comment on #7: ")


def logged(number: int, *models: str) -> Logged:
    parents = (f"c{number - 1}",) if number else ()
    made = Commit(f"c{number}", parents, "Ada <a@b.c>", "Ada <a@b.c>", "2026-01-02T03:04:05Z", "-")
    return Logged(made, [f"models/{model}/model.yaml" for model in models])


def test_the_commits_to_tell_of_are_limited() -> None:
    log = (logged(number, f"tiny/{number}") for number in range(1000, 0, -1))
    found = list(find_brought(log, "models", {"c1"}, ()))
    assert len(found) == 100
    assert found[0] == ("c1000", {ModelId("tiny", "1000")})


def test_without_a_beginning_the_newest_commit_and_what_was_done_are_told_of() -> None:
    log = [logged(3, "tiny/3"), logged(2, "tiny/2"), logged(1, "tiny/1"), logged(0, "tiny/0", "tiny/2")]
    assert [commit for commit, _ in find_brought(log, "models", (), {ModelId("tiny", "2")})] == ["c3", "c2"]


def test_hostile_words_are_no_markup_and_many_versions_fit() -> None:
    reason = "@everyone <img src=x> [a](http://b.c) | `x` " * 20
    models = [ModelId("tiny", str(number)) for number in range(2000)]
    version = {"outcome": "failed", "reason": reason, "hint": "", "retryable": True, "findings": [], "note": ""}
    ending = Ending("c", None, "", dict.fromkeys(models, version), (), {"refused": 0, "failed": 2000})
    page = render_markdown(models, ending, None)
    assert len(page) < 60_000
    assert "more versions.\n" in page
    assert page.endswith("Next: nothing; the next run tries again.\n")
    assert [mark for mark in ("@everyone", "<img", "](", "http://") if mark in page] == []


def drift(desk: Desk, *arguments: str, env: dict[str, str] | None = None) -> Done:
    """The scheduled look."""
    return desk.run("drift", *arguments, event="schedule", payload={}, env=kept(desk) | (env or {}))


def test_drift_is_one_issue_that_is_opened_updated_and_closed(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    assert drift(desk).out == "ok: 1 version recorded, no drift; no issue\n"
    assert github.issues == {}

    kept_file = desk.folder / "kept" / "storage" / "tiny" / "1.0" / "model.bin"
    kept_file.unlink()
    done = drift(desk)
    assert (done.code, done.out) == (0, "drift: 1 missing; 1 version recorded; issue opened\n")
    [issue] = github.issues.values()
    assert [label["name"] for label in issue["labels"]] == ["registry-drift"]
    assert "missing tiny/1.0: " in issue["body"]
    assert "next: `registry reconcile --full` repairs what git can repair" in issue["body"]

    (kept_file.parent / "index.md").unlink()
    assert drift(desk).out == "drift: 2 missing; 1 version recorded; issue updated\n"
    assert len(github.issues) == 1
    assert issue["body"].count("missing tiny/1.0: ") == 2

    reconcile(desk, "--full")
    assert drift(desk).out == "ok: 1 version recorded, no drift; issue closed\n"
    assert issue["state"] == "closed"
    assert github.comments[issue["number"]][0]["body"].startswith("None is left at ")
    assert drift(desk).out.endswith("no issue\n")


def test_what_is_pending_for_too_long_counts_too(desk: Desk, github: GitHub) -> None:
    a_merge(desk, 7, "other/1.0", MISTAKE)
    reconcile(desk, code=1)
    assert drift(desk).out.endswith("; no issue\n")
    state = desk.folder / "kept" / "storage" / ".registry" / "state.json"
    found = json.loads(state.read_text())
    found["pending"] = {"other/1.0": "2026-01-02T03:04:05Z"}
    state.write_text(json.dumps(found))
    assert drift(desk).out.endswith("; issue opened\n")
    assert drift(desk, "--pending-hours", "1000000").out.endswith("; issue closed\n")


def test_an_endpoint_that_cannot_be_asked_is_no_drift(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    done = drift(desk, env={"REGISTRY_ENDPOINT": "http://127.0.0.1:1"})
    assert done.code == 3
    assert github.issues == {}


def test_an_issue_that_cannot_be_written_fails(desk: Desk, github: GitHub) -> None:
    reconcile(desk)
    shutil.rmtree(desk.folder / "kept" / "storage" / "tiny")
    github.forbidden = "/issues"
    done = drift(desk)
    assert done.code == 3
    assert "GitHub answers 403" in done.err
