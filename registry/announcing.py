"""Tell merged pull requests how their versions ended: which they are, GitHub knows, and git what each brought."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from registry.errors import ForgeError
from registry.forge import Forge
from registry.identity import ModelId
from registry.report.ending import Ending, render_markdown

MARKER = "<!-- registry: outcome -->"

Ended = Literal["success", "failure", "error"]
Brought = Iterable[tuple[str, Collection[ModelId]]]  # commits of the main line, each with the versions that it changed


@dataclass(frozen=True)
class Announcer:
    """Speaks on GitHub of what became of a merge; what it cannot say is a warning."""

    forge: Forge
    branch: str  # that was merged into
    url: str | None  # where the log is
    warn: Callable[[str], None]

    def announce(self, brought: Brought, ending: Ending | None) -> list[int]:
        """Write the one comment of each pull request that brought a version; returns which were told."""
        told = []
        for number, models in sorted(self._pull_requests(brought).items()):
            try:
                self.forge.put_comment(number, MARKER, render_markdown(models, ending, self.url))
                told.append(number)
            except ForgeError as error:
                self.warn(f"no comment on #{number}: {error}")
        return told

    def deployed(self, environment: str, commit: str, ending: Ending | None) -> str | None:
        """Say on the deployment of a commit how it ended; returns what was said, None where there is no deployment."""
        state: Ended = "error" if ending is None else "success" if ending.is_good else "failure"
        words = ending.note or ending.verdict if ending else "it ended before it could begin"
        try:
            is_there = self.forge.set_deployment_status(environment, commit, state, words, self.url or "")
        except ForgeError as error:
            self.warn(f"no status on the deployment to {environment}: {error}")
            return None
        return state if is_there else None

    def _pull_requests(self, brought: Brought) -> Mapping[int, set[ModelId]]:
        """The versions that each pull request brought, in however many commits."""
        found: dict[int, set[ModelId]] = {}
        for commit, models in brought:
            for number in self._merged_by(commit) if models else ():
                found.setdefault(number, set()).update(models)
        return found

    def _merged_by(self, commit: str) -> Iterator[int]:
        try:
            yield from self.forge.merged_by(commit, self.branch)
        except ForgeError as error:
            self.warn(f"the pull requests of {commit[:12]} are not known: {error}")
