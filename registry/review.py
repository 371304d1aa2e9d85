"""What a reviewer should know of a change: one value, from which every page is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from registry.diff import Change
from registry.finding import Finding, Severity
from registry.plan import Item
from registry.rules import RETRYABLE, RULES

CALLS = {"register": "PUT", "amend": "PATCH", "remove": "DELETE"}  # that merging sends for a version


@dataclass(frozen=True)
class Owned:
    """Something that somebody has to look at, and who owns it (nobody: CODEOWNERS names none)."""

    path: str
    owners: tuple[str, ...]
    why: str = ""  # nothing more than that it changes


@dataclass(frozen=True)
class Review:
    """A change as its reviewers see it; `base` and `head` are full ids of commits."""

    base: str
    head: str
    findings: Sequence[Finding]  # sorted; those that a maintainer should look at among them
    judged: int  # versions that were looked at
    changes: Sequence[Change]
    items: Sequence[Item]  # what merging would do, with the base taken as converged
    unchecked: Sequence[str] = ()  # what could not be checked here, each in a sentence
    owned: Sequence[Owned] = ()

    @property
    def mistakes(self) -> list[Finding]:
        """What the author has to mend, or should know."""
        return [finding for finding in self.findings if not is_look(finding)]

    @property
    def exit_code(self) -> int:
        """0 nothing wrong; 3 where asking again may help; 1 where somebody has to mend something."""
        errors = {finding.rule for finding in self.findings if finding.severity is Severity.ERROR}
        return 0 if not errors else 3 if errors <= RETRYABLE else 1

    def calls(self) -> dict[str, int]:
        """How many calls of each kind merging sends to the endpoint."""
        counts = Counter(CALLS[item.action] for item in self.items if item.action in CALLS)
        return {call: counts[call] for call in CALLS.values() if counts[call]}


def is_look(finding: Finding) -> bool:
    """Whether a finding is no mistake, but something that a maintainer should look at."""
    return finding.severity is not Severity.ERROR and RULES[finding.rule].family in ("review", "settings")
