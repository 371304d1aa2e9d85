"""`registry github review`: what a run is believed, and what is said of it on GitHub."""

from __future__ import annotations

from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from registry.forge import Forge, Head
from registry.remote import Remote
from registry.repository import Repository
from registry.review import Review
from registry.telling import Teller
from tests.build import a_descriptor, a_version, git, write
from tests.workflows.desk import SERVER, Desk
from tests.workflows.github import TOKEN, Asked, GitHub

MARKER = "<!-- registry: review -->"
MISTAKE = a_version(a_descriptor(colour="red"))


def a_proposal(desk: Desk, number: int = 7, *, good: bool = True, repository: str = "") -> str:
    """A pull request that adds a version; returns its head."""
    clone = desk.clone()
    write(clone, "tiny/1.1", a_version() if good else MISTAKE)
    return desk.propose(clone, number, repository=repository)


def said(github: GitHub) -> list[tuple[str, str]]:
    """Which states were set on which commits, in order."""
    return [(status["sha"], status["state"]) for status in github.statuses]


@pytest.mark.parametrize("repository", ["", "ada/models"], ids=["here", "fork"])
def test_a_good_pull_request_gets_its_status_and_the_page(desk: Desk, github: GitHub, repository: str) -> None:
    head = a_proposal(desk, repository=repository)
    done = desk.review(7)
    assert (done.code, done.err) == (0, "")
    assert done.out == f"#7 ok: 1 version, nothing wrong; status success on {head[:12]}, comment written\n"
    [status] = github.statuses
    assert (status["sha"], status["state"], status["context"]) == (head, "success", "registry/validate")
    assert status["description"] == "ok: 1 version, nothing wrong"
    assert status["target_url"] == f"{SERVER}/acme/models/actions/runs/42"
    [comment] = github.comments[7]
    assert comment["body"].startswith(f"{MARKER}\n**ok: 1 version, nothing wrong**\n")
    assert "`tiny/1.1`" in comment["body"]


def test_a_mistake_turns_the_status_red_and_mending_it_updates_the_same_comment(desk: Desk, github: GitHub) -> None:
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    first = desk.propose(clone, 7)
    assert desk.review(7).code == 0
    assert "unknown-key" in github.comments[7][0]["body"]

    write(clone, "tiny/1.1", a_version())
    second = desk.propose(clone, 7)
    done = desk.review(7)
    assert done.out.endswith("comment updated\n")
    assert said(github) == [(first, "failure"), (second, "success")]
    [comment] = github.comments[7]
    assert "unknown-key" not in comment["body"]


def test_nothing_is_checked_out_and_the_branch_stays(desk: Desk) -> None:
    a_proposal(desk)
    before = git(desk.here, "rev-parse", "HEAD"), git(desk.here, "branch", "--all")
    desk.review(7)
    assert (git(desk.here, "rev-parse", "HEAD"), git(desk.here, "branch", "--all")) == before
    assert git(desk.here, "status", "--porcelain") == ""
    assert not (desk.here / "models" / "tiny" / "1.1").exists()


def test_a_branch_of_the_same_name_in_another_fork_is_not_the_one(desk: Desk, github: GitHub) -> None:
    a_proposal(desk, 7, repository="ada/models")
    bad = a_proposal(desk, 8, good=False, repository="mallory/models")
    done = desk.review(7, head_repository={"full_name": "ada/models"}, head_sha=bad)
    assert done.out == f"nothing to say: no open pull request to main has {bad[:12]} as its head\n"
    assert (github.statuses, github.comments) == ([], {})


@pytest.mark.parametrize(
    "changes", [{"event": "push"}, {"event": "workflow_dispatch"}, {"head_repository": None}, {"head_sha": "f" * 40}]
)
def test_a_run_that_is_about_no_pull_request_says_nothing(desk: Desk, github: GitHub, changes: dict[str, Any]) -> None:
    a_proposal(desk)
    done = desk.review(7, **changes)
    assert (done.code, done.out[:15]) == (0, "nothing to say:")
    assert (github.statuses, github.comments) == ([], {})


def test_a_head_that_moved_before_it_was_judged_says_nothing(desk: Desk, github: GitHub) -> None:
    old = a_proposal(desk)
    a_proposal(desk, good=False)
    assert desk.review(7, head_sha=old).code == 0
    assert (github.statuses, github.comments) == ([], {})


def test_a_head_that_moves_while_it_is_looked_up_says_nothing(desk: Desk, github: GitHub) -> None:
    a_proposal(desk)

    def move(asked: Asked) -> None:
        if asked.path == "/pulls/7":
            github.pulls[7]["head"]["sha"] = "f" * 40

    github.before = move
    assert desk.review(7).out == "nothing to say: #7 has another head by now, or is closed\n"
    assert (github.statuses, github.comments) == ([], {})


def test_a_head_that_moves_while_it_is_judged_keeps_its_status_and_gets_no_comment(desk: Desk, github: GitHub) -> None:
    head = a_proposal(desk)

    def move(asked: Asked) -> None:
        if asked.method == "POST":
            github.pulls[7]["head"]["sha"] = "f" * 40

    github.before = move
    assert desk.review(7).out.endswith("and no comment: there is another head by now\n")
    assert said(github) == [(head, "success")]
    assert github.comments == {}


def test_the_test_merge_of_an_older_head_is_not_judged(desk: Desk, github: GitHub) -> None:
    a_proposal(desk)
    clone = desk.clone()
    write(clone, "tiny/1.1", MISTAKE)
    git(clone, "checkout", "--quiet", "-b", "moved")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message=moved")
    github.pulls[7]["head"]["sha"] = moved = git(clone, "rev-parse", "HEAD")

    done = desk.review(7)
    assert done.code == 3
    assert done.err.startswith(f"error: GitHub has no test merge of {moved[:12]} in #7 yet\nhint: run this job again")
    assert said(github) == [(moved, "error")]


def test_a_test_merge_that_comes_late_is_waited_for(desk: Desk, github: GitHub) -> None:
    head = a_proposal(desk)
    github.pulls[7]["mergeable"] = None
    looks = []

    def make(asked: Asked) -> None:
        looks.append(asked.path)
        if looks.count("/pulls/7") == 2:
            github.pulls[7]["mergeable"] = True

    github.before = make
    assert desk.review(7, wait=1).code == 0
    assert said(github) == [(head, "success")]


def test_a_conflict_is_a_failure_with_that_word(desk: Desk, github: GitHub) -> None:
    clone, other = desk.clone(), desk.clone()
    write(clone, "tiny/1.0", {"index.md": b"one\n"})
    write(other, "tiny/1.0", {"index.md": b"two\n"})
    head = desk.propose(clone, 7)
    desk.propose(other, 8)
    desk.merge(8)
    desk.make_test_merge(7)
    assert desk.review(7).code == 0
    [status] = github.statuses
    assert (status["sha"], status["state"]) == (head, "failure")
    assert "conflicts with main" in status["description"]
    assert "conflicts with main" in github.comments[7][0]["body"]


def test_the_base_is_what_it_is_merged_with_and_not_what_it_came_from(desk: Desk, github: GitHub) -> None:
    a_proposal(desk)
    clone = desk.clone()
    write(clone, "other/1.0", a_version())
    desk.propose(clone, 8)
    desk.merge(8)
    desk.make_test_merge(7)
    desk.review(7)
    assert "other/1.0" not in github.comments[7][0]["body"]


def test_a_group_in_the_merge_queue_gets_a_status_and_no_comment(desk: Desk, github: GitHub) -> None:
    head = a_proposal(desk, good=False)
    group = git(desk.origin, "rev-parse", "refs/pull/7/merge")
    branch = "gh-readonly-queue/main/pr-7-abc"
    git(desk.origin, "update-ref", f"refs/heads/{branch}", group)
    here: dict[str, Any] = {"head_sha": group, "head_branch": branch}
    assert desk.review(7, event="merge_group", **here, head_repository={"full_name": "mallory/models"}).code == 0
    assert desk.review(7, event="merge_group", head_sha=head, head_branch="proposal").code == 0
    assert said(github) == []

    done = desk.review(7, event="merge_group", **here)
    assert (done.code, done.out) == (0, f"failed: 1 version, 1 error; status failure on {group[:12]}\n")
    assert said(github) == [(group, "failure")]
    assert github.comments == {}


def test_a_comment_that_cannot_be_written_is_a_warning(desk: Desk, github: GitHub) -> None:
    head = a_proposal(desk)
    github.forbidden = "/issues/"
    done = desk.review(7)
    assert done.code == 0
    assert done.err.startswith("warning: no comment on #7: GET /issues/7/comments: GitHub answers 403")
    assert said(github) == [(head, "success")]


def test_a_status_that_cannot_be_set_is_a_failure(desk: Desk, github: GitHub) -> None:
    a_proposal(desk)
    github.forbidden = "/statuses/"
    done = desk.review(7)
    assert done.code == 3
    assert "permissions" in done.err
    assert github.comments == {}


def test_the_forged_comment_of_a_stranger_is_left_and_not_believed(desk: Desk, github: GitHub) -> None:
    a_proposal(desk, good=False)
    forged = github.add_comment(7, f"{MARKER}\n**ok**", {"login": "mallory", "type": "User"})
    desk.review(7)
    assert forged["body"] == f"{MARKER}\n**ok**"
    assert github.comments[7][1]["body"].startswith(f"{MARKER}\n**failed")


def test_settings_of_the_base_that_cannot_be_read_leave_nothing_green(tmp_path: Path, github: GitHub) -> None:
    desk = Desk(tmp_path, github, "[tool.registry]\ncolour = 1\n")
    head = a_proposal(desk)
    assert desk.review(7).code == 2
    assert said(github) == [(head, "error")]
    assert github.statuses[0]["description"].startswith("could not be judged: ")


def test_the_token_goes_to_the_server_in_a_header_and_is_in_no_output(desk: Desk, github: GitHub) -> None:
    a_proposal(desk)
    seen: list[str | None] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers["Authorization"])
            self.send_error(403)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        run = {"head_sha": github.pulls[7]["head"]["sha"], "head_branch": "proposal", "event": "pull_request"}
        payload = {"workflow_run": {**run, "head_repository": {"full_name": "acme/models"}}}
        done = desk.run("review", event="workflow_run", payload=payload, env={"GITHUB_SERVER_URL": url})
        server.shutdown()
    assert done.code == 2
    assert "refs/pull/7/merge cannot be fetched" in done.err
    assert seen[0] is not None
    assert seen[0].startswith("Basic ")
    assert seen[0].removeprefix("Basic ") not in done.out + done.err + str(github.statuses)
    assert TOKEN not in done.err


def test_outside_of_a_workflow_it_says_what_is_missing(desk: Desk) -> None:
    done = desk.run("review", event="push", payload={})
    assert (done.code, done.err.splitlines()[0]) == (2, "error: no run of another workflow started this one")
    missing = desk.run("review", event="push", payload={}, env={"GITHUB_TOKEN": ""})
    assert (missing.code, missing.err.splitlines()[0]) == (2, "error: the environment has no GITHUB_TOKEN")


def test_a_tool_that_breaks_leaves_nothing_green(desk: Desk, github: GitHub) -> None:
    head = a_proposal(desk)
    repository, place = Repository(desk.here), f"{SERVER}/{github.slug}"
    git(desk.here, "config", f"url.{desk.origin.as_uri()}.insteadOf", place)

    def broken(base: str, head: str) -> Review:
        raise ZeroDivisionError

    with closing(Forge(github.url, github.slug, TOKEN)) as forge:
        remote = Remote(desk.here, place, TOKEN)
        teller = Teller(forge, remote, repository, broken, github.slug, "main", None, 0, print)
        with pytest.raises(ZeroDivisionError):
            teller.tell_pull_request(Head(github.slug, "proposal", head))
    assert said(github) == [(head, "error")]
    assert github.statuses[0]["description"] == "could not be judged: the tool broke, see the log"
