"""Pin remote files: read each source once, and write what was read into the descriptors of the working tree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from registry.checks.sources import has_credentials
from registry.descriptor import File
from registry.digests import Digest, digest_of
from registry.edits.pins import is_pinned, make_pin_splices
from registry.edits.splices import apply_splices
from registry.errors import DescriptorError, SourceError
from registry.identity import ModelId
from registry.nodes import to_value
from registry.pins import VALIDATE, Outcomes, Result, judge
from registry.repository import Repository
from registry.snapshot import Version
from registry.sources import Sources
from registry.tree import MAX_BYTES
from registry.web import redact
from registry.writing import read_file, write_file
from registry.yaml12 import is_lfs_pointer, parse_yaml, too_large

OnRead = Callable[[str, Digest], None]  # URL, and what its bytes are


def pin(
    repository: Repository,
    sources: Sources,
    models: str,
    only: Collection[ModelId],
    *,
    jobs: int,
    update: bool,
    on_read: OnRead,
) -> Outcomes:
    """Pin what lacks a pin, in all versions or only some; with `update` read every source, and correct pins."""
    versions = list(repository.working_snapshot(models, only or None).versions.values())
    urls = {file.source for version in versions for _, file in _unpinned(version, update=update) if file}
    with ThreadPool(min(jobs, len(urls)) or 1) as pool:  # its threads end with the process: Ctrl-C waits for no source
        reads = {url: pool.apply_async(_read, (sources, url, on_read)) for url in sorted(urls)}
        pinner = _Pinner(repository.root, reads, update=update)
        return Outcomes(tuple(result for version in versions for result in pinner.pin(version)))


def _read(sources: Sources, url: str, on_read: OnRead) -> Digest | SourceError:
    """What the bytes of a source are, or why they cannot be had."""
    if has_credentials(url):
        return SourceError("the URL carries credentials", hint="take everything from `?` on and any user out")
    try:
        found = digest_of(_checked(url, sources.stream(url)))
    except SourceError as error:
        return error
    on_read(url, found)
    return found


def _checked(url: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks; raises SourceError where they begin like something that stands in for the file."""
    first = next(chunks, b"")
    is_page = first[:1024].lstrip().lower().startswith((b"<!doctype html", b"<html"))
    if is_page and not urlsplit(url).path.lower().endswith((".html", ".htm")):
        hint = "see whether the URL wants a login, or leads to a page about the file"
        raise SourceError(f"the source {redact(url)} answers an HTML page, not the file", hint=hint)
    if is_lfs_pointer(first):
        hint = "name the URL of the file that it stands for"
        raise SourceError(f"the source {redact(url)} answers a Git LFS pointer, not the file", hint=hint)
    yield first
    yield from chunks


def _unpinned(version: Version, *, update: bool) -> list[tuple[str, File | None]]:
    """The remote targets whose sources have to be read, with what the descriptor says of each."""
    files = [] if version.findings else _remote_files(version)
    return [(t, file) for t, file in files if update or file is None or file.sha256 is None or file.size is None]


def _remote_files(version: Version) -> Iterator[tuple[str, File | None]]:
    """Each remote target with what the descriptor says of it; None where that is wrong."""
    if version.node is None:
        return
    for target in version.keys("model_files"):
        if "://" in (version.source(target) or "") and version.local(target) is None:
            value = to_value(version.node.value["model_files"].value[target])
            try:
                yield target, File.model_validate(value if isinstance(value, dict) else {"source": value})
            except ValidationError:
                yield target, None


@dataclass(frozen=True)
class _Pinner:
    """Writes what was read into one descriptor after the other."""

    root: Path
    reads: Mapping[str, AsyncResult[Digest | SourceError]]  # by URL
    update: bool

    def pin(self, version: Version) -> list[Result]:
        """How each target ended that had to be read; the one descriptor where it cannot be pinned at all."""
        unpinned = _unpinned(version, update=self.update)
        if version.node is not None and not version.findings and not unpinned:
            return []
        for _, file in unpinned:
            if file:
                self.reads[file.source].wait()
        try:
            return self._pin_now(version)
        except DescriptorError as error:
            return [Result(version.id, None, "failed", reason=str(error), hint=error.hint)]

    def _pin_now(self, version: Version) -> list[Result]:
        """Pin the descriptor as it is by now: reading may have taken hours."""
        data = read_file(self.root / version.path)
        node, findings = parse_yaml(version.path, data)
        if node is None or findings:
            raise DescriptorError("the descriptor cannot be read", hint=VALIDATE)
        now = replace(version, node=node, findings=())
        results = [self._judge(now.id, target, file) for target, file in _unpinned(now, update=self.update)]
        pins = {r.target: r.pin for r in results if r.target and r.pin and r.outcome in ("pinned", "updated")}
        try:
            self._write(now, data.decode(), pins)
        except DescriptorError as error:
            return [_unwritten(result, error) if result.target in pins else result for result in results]
        return results

    def _write(self, version: Version, text: str, pins: Mapping[str, Digest]) -> None:
        node, path = version.node, version.path
        if node is None or not pins:
            return
        new = apply_splices(text, make_pin_splices(text, node, pins)).encode()
        if len(new) > MAX_BYTES:
            raise DescriptorError(f"with its pins {too_large(path, len(new)).message}")
        write_file(self.root / path, new, lambda data: is_pinned(node, parse_yaml(path, data)[0], pins))

    def _judge(self, model: ModelId, target: str, file: File | None) -> Result:
        if file is not None and file.source not in self.reads:
            return Result(model, target, "failed", reason="the descriptor was changed meanwhile", retryable=True)
        return judge(model, target, file, self.reads[file.source].get() if file else None, update=self.update)


def _unwritten(result: Result, error: DescriptorError) -> Result:
    by_hand = f"write it by hand: sha256: {result.pin.sha256}, size: {result.pin.size}" if result.pin else ""
    return replace(result, outcome="failed", reason=str(error), hint=error.hint or by_hand)
