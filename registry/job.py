"""What is the same for all versions of a run, and what git tells of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.history import Origin
from registry.identity import ModelId
from registry.wire import Json


@dataclass(frozen=True)
class Job:
    """One commit on its way to one endpoint."""

    commit: str
    instance: str  # of the endpoint; empty where it does not say, and so may know nothing but PUT
    trees: Mapping[ModelId, str]  # git's ids of the versions' folders
    origins: Mapping[ModelId, Origin]
    run: str | None = None  # URL of the run

    def origin_of(self, model: ModelId, generation: int) -> Json:
        """From which commit, by whom and by which run a version comes, as receipt and provenance say it."""
        change, merge, pull_request = self.origins[model]
        return {
            "commit": self.commit,
            "tree": self.trees[model],
            "author": change.author,
            "committer": change.committer,
            "merge_commit": merge,
            "pull_request": pull_request,
            "run": self.run,
            "generation": generation,
        }
