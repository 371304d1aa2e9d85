"""A forge in a folder: a bare repository with pull requests, whose workflows act runs for real on this machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.build import a_version, git, write
from tests.workflows.github import GitHub
from tests.workflows.said import Run, parse_run

ROOT = Path(__file__).parent.parent.parent
STUBS = Path(__file__).parent / "stubs"
TOOL = ("registry", "requirements", "pyproject.toml", "README.md", "LICENSE", ".github", ".gitignore", ".gitattributes")
MODEL = "tiny/1.0"  # what main holds at first
SLUG = "acme/models"
LONGEST_RUN = 240  # seconds
_USES = re.compile(r"uses:\s+([\w.-]+/([\w.-]+)@\S+)")


@dataclass(frozen=True)
class Event:
    """Something that starts workflows, and the commit whose workflow files count."""

    name: str
    payload: Mapping[str, Any]
    commit: str


class Forge:
    """A repository with the tool and one small model on main; `env` is added to what each run sees."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None, github: GitHub | None = None) -> None:
        self.folder = folder
        self.origin = folder / "origin.git"
        self.github = github or GitHub(SLUG)
        self.env = dict(env or {})
        self._numbers = {"clone": 0, "pull": 0, "run": 0}
        first = folder / "first"
        self.fill(first)
        write(first, MODEL, a_version())
        make_origin(first, self.origin)

    def fill(self, first: Path) -> None:
        """Put into the first commit what workflows need: here the tool."""
        copy_tool(first)

    def actions(self, repository: Path) -> list[str]:
        """The options by which act finds actions of others."""
        return stubs(repository)

    def clone(self) -> Path:
        """A new clone with main checked out; its `git push` arrives in `origin`."""
        folder = self._next("clone")
        git(self.folder, "clone", "--quiet", self._url, str(folder))
        return folder

    def push(self, clone: Path, branch: str, message: str = "a change") -> str:
        """Commit everything in a clone and push it as `branch`; returns the commit's id."""
        commit(clone, message)
        git(clone, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return git(clone, "rev-parse", "HEAD")

    def open_pull_request(self, branch: str) -> Event:
        """Ask main to take a branch; the test merge is at `refs/pull/<number>/merge`, as on GitHub."""
        self._numbers["pull"] += 1
        number = self._numbers["pull"]
        base, head = self._id("main"), self._id(branch)
        merge = self._merge([branch], f"refs/pull/{number}/merge")
        self.github.add_pull(number, branch, head)
        pull = {"number": number, "head": {"ref": branch, "sha": head}, "base": {"ref": "main", "sha": base}}
        return self._event("pull_request", merge, action="opened", number=number, pull_request=pull)

    def push_again(self, clone: Path, number: int) -> Event:
        """Commit everything in a clone and push it to the branch of a pull request."""
        head = self.github.pulls[number]["head"]
        base, head["sha"] = self._id("main"), self.push(clone, head["ref"])
        merge = self._merge([head["ref"]], f"refs/pull/{number}/merge")
        pull = {
            "number": number,
            "head": {"ref": head["ref"], "sha": head["sha"]},
            "base": {"ref": "main", "sha": base},
        }
        return self._event("pull_request", merge, action="synchronize", number=number, pull_request=pull)

    def follow(self, number: int, **told: Any) -> Event:
        """What starts when a run about a pull request is over; `told` is what the run says otherwise of itself."""
        head = self.github.pulls[number]["head"]
        repository = {"id": 1, "full_name": head["repo"]["full_name"]}
        run = {"event": "pull_request", "head_sha": head["sha"], "head_branch": head["ref"], "conclusion": "success"}
        run |= {"head_repository": repository, "pull_requests": [], **told}
        return self._event("workflow_run", self._id("main"), action="completed", workflow_run=run)

    def queue(self, *branches: str) -> Event:
        """Put branches into the merge queue as one group."""
        base, name = self._id("main"), "gh-readonly-queue/main/pr-1"
        head = self._merge(branches, f"refs/heads/{name}")
        group = {"base_ref": "refs/heads/main", "base_sha": base, "head_ref": f"refs/heads/{name}", "head_sha": head}
        return self._event("merge_group", head, action="checks_requested", merge_group=group)

    def merge(self, branch: str) -> Event:
        """Merge a branch into main; the event is the push that this is."""
        before = self._id("main")
        after = self._merge([branch], "refs/heads/main")
        for number, pull in self.github.pulls.items():
            if pull["head"]["ref"] == branch:
                self.github.merge(number, after)
        return self._event("push", after, ref="refs/heads/main", before=before, after=after, deleted=False)

    def schedule(self) -> Event:
        """The clock strikes, on main."""
        return self._event("schedule", self._id("main"), ref="refs/heads/main", schedule="0 * * * *")

    def dispatch(self, **inputs: str) -> Event:
        """Somebody starts a workflow by hand, on main."""
        return self._event("workflow_dispatch", self._id("main"), ref="refs/heads/main", inputs=inputs)

    def run(
        self,
        event: Event,
        workflow: str,
        *,
        env: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        """Run one file of .github/workflows as it stands at the event's commit."""
        folder = self._next("run")
        repository = folder / "repository"
        git(self.folder, "clone", "--quiet", "--no-checkout", self._url, str(repository))
        git(repository, "fetch", "--quiet", "origin", event.commit)
        git(repository, "checkout", "--quiet", "--detach", event.commit)
        (folder / "event.json").write_text(json.dumps(event.payload))
        (folder / "home").mkdir()
        seen = {"GITHUB_REPOSITORY": SLUG, "GITHUB_RUN_ID": str(self._numbers["run"]), **self.env, **(env or {})}
        seen |= {"FORGE_ORIGIN": self._url, "FORGE_PYTHON": os.path.realpath(sys.executable)}
        secrets = {"GITHUB_TOKEN": self.github.token, **(secrets or {})}
        seen |= self._ways(folder)
        command = [act(), event.name, "--json", "-W", f".github/workflows/{workflow}", "-e", str(folder / "event.json")]
        command += _offline(folder) + self.actions(repository)
        command += [*_each("--env", seen), *_each("-s", secrets), *_each("--var", variables or {})]
        try:
            return parse_run(_output(command, repository, folder / "home"))
        finally:
            shutil.rmtree(folder / "cache", ignore_errors=True)  # what failed leaves a whole environment there

    @property
    def _url(self) -> str:
        return self.origin.as_uri()  # a plain path would ignore --depth

    def _ways(self, folder: Path) -> dict[str, str]:
        """How steps reach the API, and git the repository on github.com."""
        config = folder / "gitconfig"
        config.write_text(f'[url "{self._url}"]\n\tinsteadOf = https://github.com/{SLUG}\n')
        return {"GITHUB_API_URL": self.github.url, "GIT_CONFIG_GLOBAL": str(config)}

    def _next(self, kind: str) -> Path:
        self._numbers[kind] += 1
        folder = self.folder / f"{kind}-{self._numbers[kind]}"
        folder.mkdir()
        return folder

    def _id(self, branch: str) -> str:
        return git(self.origin, "rev-parse", f"refs/heads/{branch}")

    def _merge(self, branches: Iterable[str], ref: str) -> str:
        """Merge branches into main one after the other, and put the result at a ref."""
        clone = self.clone()
        for branch in branches:
            git(clone, "merge", "--quiet", "--no-ff", f"--message=Merge {branch}", f"origin/{branch}")
        git(clone, "push", "--quiet", "--force", "origin", f"HEAD:{ref}")
        return git(clone, "rev-parse", "HEAD")

    def _event(self, name: str, commit: str, **payload: Any) -> Event:
        return Event(name, {"repository": {"full_name": SLUG, "default_branch": "main"}, **payload}, commit)


def act() -> str:
    """Where act is; without it the test is skipped, and fails where CI is set."""
    return tool("act")


def tool(name: str) -> str:
    """A program of the test requirements; without it the test is skipped, and fails where CI is set."""
    program = Path(sys.executable).with_name(name)
    if program.exists():
        return str(program)
    message = f"{name} is not installed: pip install -r requirements/test.txt"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


def copy_tool(folder: Path) -> None:
    """Copy the tool as it stands in the working tree: what git tracks, and what it neither tracks nor ignores."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *TOOL)
    for name in sorted(set(filter(None, listed.split("\x00")))):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def commit(repository: Path, message: str) -> None:
    """Commit everything."""
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", f"--message={message}")


def make_origin(first: Path, origin: Path) -> str:
    """Commit a folder as the main branch of a new repository, and push it; returns the commit's id."""
    git(first, "init", "--quiet", "--initial-branch=main")
    commit(first, "what there is at first")
    git(first, "clone", "--quiet", "--bare", str(first), str(origin))
    git(origin, "config", "uploadpack.allowAnySHA1InWant", "true")  # as GitHub does
    return git(first, "rev-parse", "HEAD")


def wheelhouse(folder: Path) -> dict[str, str]:
    """Download what the tool needs once; returns the environment in which pip installs from there alone."""
    requirements = ROOT / "requirements" / "run.txt"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "-d", str(folder)]
    subprocess.run([*command, "-r", str(requirements)], check=True, timeout=LONGEST_RUN, capture_output=True)
    return {"PIP_FIND_LINKS": str(folder), "PIP_NO_INDEX": "1"}


def _offline(folder: Path) -> list[str]:
    """Steps run on this machine, nothing listens on an outer address, and no file of the repository sets anything."""
    options = ["-P", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--no-cache-server"]
    options += ["--action-cache-path", str(folder / "cache")]
    for kind in ("env", "secret", "var", "input"):
        options += [f"--{kind}-file", os.devnull]
    return options


def stubs(repository: Path) -> list[str]:
    """Stand-ins for each action that the files of a repository use."""
    files = [*repository.glob(".github/**/*.yml")]
    used = {match.groups() for file in files for match in _USES.finditer(file.read_text())}
    return [part for name, stub in sorted(used) for part in ("--local-repository", f"{name}={STUBS / stub}")]


def _each(option: str, values: Mapping[str, str]) -> list[str]:
    return [part for key, value in values.items() for part in (option, f"{key}={value}")]


def _environment(home: Path) -> dict[str, str]:
    """What steps inherit: no setting of this machine's user but where pip finds packages, and not this environment."""
    path = [entry for entry in os.environ["PATH"].split(os.pathsep) if not Path(entry).is_relative_to(sys.prefix)]
    pip = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    quiet = {"GIT_PAGER": "cat", "TERM": "dumb", "NO_COLOR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return {"PATH": os.pathsep.join(path), "HOME": str(home), "GIT_CONFIG_GLOBAL": os.devnull, **quiet, **pip}


def _output(command: list[str], repository: Path, home: Path) -> str:
    with subprocess.Popen(
        command,
        cwd=repository,
        env=_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            return process.communicate(timeout=LONGEST_RUN)[0]
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # the steps too
            raise
