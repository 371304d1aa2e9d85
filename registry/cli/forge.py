"""What GitHub tells a run of itself: where its log is, and which pull request started it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


def run_url(environment: Mapping[str, str]) -> str | None:
    """Where the log of this run can be read; None outside of GitHub's workflows."""
    keys = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if not all(environment.get(key) for key in keys):
        return None
    server, repository, run = (environment[key] for key in keys)
    return f"{server}/{repository}/actions/runs/{run}"


def merged_pull_requests(environment: Mapping[str, str]) -> Mapping[str, int]:
    """The pull request whose merge started this run, by its commit on the main line; none where none is named."""
    try:
        event = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_bytes())
        pull = event["pull_request"]
        number, commit = pull["number"], pull["merge_commit_sha"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {commit: number} if pull.get("merged") and type(number) is int and isinstance(commit, str) else {}
