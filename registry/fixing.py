"""Fix descriptors of the working tree: what can be computed is written, and what is left is looked for again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff

from registry.checks import check_version
from registry.digests import Digest
from registry.errors import DescriptorError
from registry.evidence import load_facts
from registry.finding import Finding, weigh
from registry.fixes import Outcomes, Result, fix_text
from registry.hiding import hide_secrets
from registry.identity import model_of
from registry.judging import Scope, judge
from registry.policy import Policy
from registry.repository import Repository
from registry.snapshot import Snapshot, Version, parse_version
from registry.tree import DESCRIPTOR, MAX_BYTES, TreeFile
from registry.writing import read_file, write_file

_MOST_ROUNDS = 20  # one fix may bring the next finding to light


def fix(repository: Repository, scope: Scope, policy: Policy, *, write: bool) -> Outcomes:
    """Fix the descriptors in a scope of the working tree; without `write` only say what would change."""
    found, judged, _ = judge(repository, scope, policy)
    named = {model_of(finding.path, scope.models) for finding in found if finding.path.endswith(f"/{DESCRIPTOR}")}
    only = {model for model in named if model is not None}
    before = load_facts(repository, repository.working_snapshot(scope.models, only)).versions.values() if only else ()
    fixer = _Fixer(repository, scope.models, policy, _known_pins(repository, scope.models, found))
    results: list[Result] = []
    left = set(found)
    for version in before:
        after, result = fixer.fix(version, write=write)
        if result is not None:
            results.append(result)
            left = left.difference(check_version(version, policy)).union(check_version(after, policy))
    return Outcomes(results, weigh(list(left), {}), judged, write)


@dataclass(frozen=True)
class _Fixer:
    """Fixes one descriptor after the other."""

    repository: Repository
    models: str
    policy: Policy
    pins: Mapping[str, Digest]  # by URL

    def fix(self, version: Version, *, write: bool) -> tuple[Version, Result | None]:
        """The version as it is afterwards, and what was done where something was to do."""
        if version.node is None and not version.findings:
            return version, None  # no descriptor, or a link
        place = self.repository.root / version.path
        try:
            text = read_file(place).decode()
            fixed, new, mended = self._fixed(version, text)
            if mended and write:
                if read_file(place) != text.encode():
                    raise DescriptorError("the descriptor was changed meanwhile", hint="run `registry fix` again")
                write_file(place, new.encode(), lambda back: back == new.encode())
        except UnicodeDecodeError:
            return version, None
        except DescriptorError as error:
            return version, Result(version.path, reason=str(error), hint=error.hint)
        return fixed, Result(version.path, mended, _diff(version.path, text, new)) if mended else None

    def _fixed(self, version: Version, text: str) -> tuple[Version, str, Sequence[Finding]]:
        """The version, its text and what is mended, once no fix is left."""
        mended: list[Finding] = []
        version = self._parsed(version, text)
        for _ in range(_MOST_ROUNDS):
            fixed = fix_text(version, text, check_version(version, self.policy), self.pins)
            if not fixed.findings:
                break
            mended += fixed.findings
            text = fixed.text
            version = self._parsed(version, text)
        return version, text, mended

    def _parsed(self, version: Version, text: str) -> Version:
        """The version with another descriptor, and what the files that it names now say."""
        data = text.encode()
        file = TreeFile(version.path, "100644", "", len(data), data if len(data) <= MAX_BYTES else None)
        now = parse_version(version.id, self.models, {**version.files, DESCRIPTOR: file})
        return load_facts(self.repository, Snapshot(self.models, {version.id: now})).versions[version.id]


def _known_pins(repository: Repository, models: str, found: Iterable[Finding]) -> Mapping[str, Digest]:
    """What descriptors of the working tree say that a URL holds, where a pin is missing and they agree."""
    if not any(finding.rule == "pin-missing" for finding in found):
        return {}
    pins: dict[str, set[Digest]] = {}
    for version in repository.working_snapshot(models).versions.values():
        for file in version.descriptor.model_files.values() if version.descriptor else ():
            if file.sha256 is not None and file.size is not None and file.local is None:
                pins.setdefault(file.source, set()).add(Digest(file.sha256, file.size))
    return {url: digests.pop() for url, digests in pins.items() if len(digests) == 1}


def _diff(path: str, old: str, new: str) -> list[str]:
    """What changes, line by line, without what is secret in it."""
    before, after = (hide_secrets(text).splitlines() for text in (old, new))
    return list(unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm=""))
