"""A repository on GitHub without its workflows: a bare origin with pull requests, and the double that knows them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.build import a_repository, a_version, git, write
from tests.command import Done, registry
from tests.workflows.github import GitHub

MODEL = "tiny/1.0"  # what main holds at first
SERVER = "https://github.invalid"


class Desk:
    """Where the commands of the workflows run: a clone of main, one commit deep, as a workflow checks it out."""

    def __init__(self, folder: Path, github: GitHub, settings: str = "[tool.registry]\n") -> None:
        self.folder, self.github = folder, github
        self.origin, self.here = folder / "origin.git", folder / "here"
        self._clones = 0
        first = a_repository(folder / "first", settings)
        write(first, MODEL, a_version())
        self._commit(first, "a model")
        git(folder, "clone", "--quiet", "--bare", str(first), str(self.origin))
        git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")  # as GitHub does
        self.check_out()

    def check_out(self, depth: int = 1) -> None:
        """Take main as it is now, without anything that fetches more."""
        shutil.rmtree(self.here, ignore_errors=True)
        git(self.folder, "clone", "--quiet", f"--depth={depth}", self.origin.as_uri(), str(self.here))
        git(self.here, "remote", "remove", "origin")

    def clone(self) -> Path:
        """A clone with main checked out."""
        self._clones += 1
        folder = self.folder / f"clone-{self._clones}"
        git(self.folder, "clone", "--quiet", self.origin.as_uri(), str(folder))
        return folder

    def propose(self, clone: Path, number: int, branch: str = "proposal", repository: str = "") -> str:
        """Commit everything in a clone, and ask main to take it from a branch here or in a fork; returns the head."""
        self._commit(clone, f"Merge pull request #{number} from nowhere")
        head = git(clone, "rev-parse", "HEAD")
        git(clone, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/head")
        if number in self.github.pulls:
            self.github.pulls[number]["head"]["sha"] = head
        else:
            self.github.add_pull(number, branch, head, repository=repository)
        self.make_test_merge(number)
        return head

    def make_test_merge(self, number: int) -> None:
        """GitHub merges a pull request for a test."""
        merge = self._merge(number)
        if merge:
            git(self.origin, "update-ref", f"refs/pull/{number}/merge", merge)
        self.github.pulls[number]["mergeable"] = merge is not None

    def merge(self, number: int) -> str:
        """A pull request is merged into main; returns the commit."""
        merge = self._merge(number) or ""
        git(self.origin, "update-ref", "refs/heads/main", merge)
        self.github.merge(number, merge)
        return merge

    def run(
        self,
        command: str,
        *arguments: str,
        event: str,
        payload: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
    ) -> Done:
        """`registry github COMMAND` in the checkout, for an event."""
        file = self.folder / "event.json"
        file.write_text(json.dumps({"repository": {"default_branch": "main"}, **payload}))
        config = self.folder / "gitconfig"
        config.write_text(f'[url "{self.origin.as_uri()}"]\n\tinsteadOf = {SERVER}/{self.github.slug}\n')
        given = {
            "GITHUB_TOKEN": self.github.token,
            "GITHUB_REPOSITORY": self.github.slug,
            "GITHUB_EVENT_PATH": str(file),
            "GITHUB_EVENT_NAME": event,
            "GITHUB_SHA": git(self.here, "rev-parse", "HEAD"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": "42",
            "GITHUB_SERVER_URL": SERVER,
            "GITHUB_API_URL": self.github.url,
            "GIT_CONFIG_GLOBAL": str(config),
        }
        done = registry(self.here, "github", command, *arguments, env=given | dict(env or {}))
        assert self.github.token not in done.out + done.err
        return done

    def review(
        self,
        number: int,
        *,
        event: str = "pull_request",
        wait: int = 0,
        env: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Done:
        """The run that follows one about a pull request, of which a test may tell something else."""
        head = self.github.pulls[number]["head"]
        repository = {"full_name": head["repo"]["full_name"]} if head["repo"] else None
        run = {"event": event, "head_sha": head["sha"], "head_branch": head["ref"], "head_repository": repository}
        payload = {"workflow_run": {**run, "conclusion": "success", "pull_requests": [], **changes}}
        return self.run("review", f"--wait={wait}", event="workflow_run", payload=payload, env=env)

    def _merge(self, number: int) -> str | None:
        """The commit that merges a pull request into main as it is now; None where they conflict."""
        clone = self.clone()
        git(clone, "fetch", "--quiet", "origin", f"refs/pull/{number}/head")
        try:
            git(clone, "merge", "--quiet", "--no-ff", f"--message=Merge #{number}", "FETCH_HEAD")
        except subprocess.CalledProcessError:
            return None
        git(clone, "push", "--quiet", "--force", "origin", "HEAD:refs/test/merge")
        return git(clone, "rev-parse", "HEAD")

    def _commit(self, repository: Path, message: str) -> None:
        git(repository, "add", "--all")
        git(repository, "commit", "--quiet", "--allow-empty", f"--message={message}")
