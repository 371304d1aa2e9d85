"""What GitHub tells a run of itself: where its log is, what started it, and how to speak to GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.errors import UsageError

if TYPE_CHECKING:
    from registry.forge import Forge

_NEEDED = ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH", "GITHUB_EVENT_NAME", "GITHUB_SHA")


@dataclass(frozen=True)
class Job:
    """A job of a workflow."""

    event: Mapping[str, Any]  # what started it, as GitHub tells it; branches and names in it are written by strangers
    event_name: str
    repository: str  # OWNER/NAME
    branch: str  # the default one
    commit: str
    server: str
    api: str
    url: str | None  # where its log is
    token: str = field(repr=False)


def load_job(environment: Mapping[str, str]) -> Job:
    """The job that this process is part of; raises UsageError outside of GitHub's workflows."""
    missing = [key for key in _NEEDED if not environment.get(key)]
    if missing:
        hint = "run it in a workflow, and give the step GITHUB_TOKEN: ${{ github.token }}"
        raise UsageError(f"the environment has no {', '.join(missing)}", hint=hint)
    event = _event(environment)
    about = event.get("repository") or {}  # which a schedule does not tell: it starts on the default branch alone
    return Job(
        event=event,
        event_name=environment["GITHUB_EVENT_NAME"],
        repository=environment["GITHUB_REPOSITORY"],
        branch=about.get("default_branch") or environment.get("GITHUB_REF_NAME", ""),
        commit=environment["GITHUB_SHA"],
        server=environment.get("GITHUB_SERVER_URL") or "https://github.com",
        api=environment.get("GITHUB_API_URL") or "https://api.github.com",
        url=run_url(environment),
        token=environment["GITHUB_TOKEN"],
    )


@contextmanager
def open_forge(job: Job) -> Iterator[Forge]:
    """The job's repository on GitHub, for the time of the block."""
    from registry.forge import Forge

    with closing(Forge(job.api, job.repository, job.token)) as forge:
        yield forge


def run_url(environment: Mapping[str, str]) -> str | None:
    """Where the log of this run can be read; None outside of GitHub's workflows."""
    keys = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if not all(environment.get(key) for key in keys):
        return None
    server, repository, run = (environment[key] for key in keys)
    return f"{server}/{repository}/actions/runs/{run}"


def merged_pull_requests(environment: Mapping[str, str]) -> Mapping[str, int]:
    """The pull request whose merge started this run, by its commit on the main line; none where none is named."""
    pull: Any = _event(environment).get("pull_request")
    try:
        number, commit, is_merged = pull["number"], pull["merge_commit_sha"], pull.get("merged")
    except (KeyError, TypeError, AttributeError):
        return {}
    return {commit: number} if is_merged and type(number) is int and isinstance(commit, str) else {}


def _event(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """What started the run; empty where that cannot be read."""
    try:
        found = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
