"""The files of a version: URLs of a body ↔ what lies in private storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from registry.errors import CopyError, SourceError
from registry.identity import ModelId
from registry.server.copies import Copies
from registry.server.problems import Detail, invalid, pointer
from registry.server.records import Record
from registry.storage import Blob, Storage
from registry.wire import Json, blob_path, file_path, without_query


@dataclass(frozen=True)
class Files:
    """Private storage as one request sees it; `base` is the URL under which the request reached us."""

    storage: Storage
    copies: Copies | None  # None: nothing is fetched from elsewhere
    base: str
    hours: int  # that a URL which we give away is good for

    def find(self, model: ModelId, urls: Mapping[str, str]) -> Json:
        """Target → `{sha256, size}` of those URLs that are storage's own; ProblemError 422 for what is not verified."""
        own = [target for target in urls if self._is_own(model, target, urls[target])]
        blobs = self._look(model, own)
        if details := [_unverified(target, blob) for target, blob in blobs.items() if blob is None or not blob.sha256]:
            raise invalid(details)
        return {target: _entry(blob) for target, blob in blobs.items() if blob}

    def to_copy(self, files: Json, urls: Mapping[str, str]) -> Mapping[str, str]:
        """The URLs, by target, of files that are not in storage; ProblemError 422 where one is not fetched."""
        missing = {target: urls[target] for target, entry in files.items() if "url" in entry}
        if details := list(self._refused(missing)):
            raise invalid(details)
        return missing

    def bring(self, model: ModelId, files: Json, urls: Mapping[str, str], *, new: Iterable[str]) -> Json:
        """The same with all files in storage: those of `new` that are not there are fetched, others are 422."""
        missing = self.to_copy(files, urls)
        if details := [_missing(target, urls[target]) for target in missing if target not in new]:
            raise invalid(details)
        return {**files, **_fetch(self.copies, model, missing)} if self.copies else files

    def _refused(self, missing: Mapping[str, str]) -> Iterator[Detail]:
        for target, url in missing.items():
            if self.copies is None:
                yield _missing(target, url)
            elif problem := self.copies.sources.problem(url):
                detail = f"the source {without_query(url)} {problem}"
                yield {"pointer": pointer(("model_files", target)), "detail": detail, "rule": "source-not-allowed"}

    def url(self, model: ModelId, target: str) -> str:
        """Where a reader gets the file: storage's own link, or ours."""
        return self.storage.link(blob_path(model, target), hours=self.hours) or self.base + file_path(model, target)

    def _look(self, model: ModelId, targets: Sequence[str]) -> dict[str, Blob | None]:
        """What stands in storage: one file is looked at, and several are listed by one request."""
        if len(targets) == 1:
            return {targets[0]: self.storage.stat(blob_path(model, targets[0]))}
        found = {blob.path: blob for blob in self.storage.list(f"{model}/")} if targets else {}
        return {target: found.get(blob_path(model, target)) for target in targets}

    def _is_own(self, model: ModelId, target: str, url: str) -> bool:
        """Whether the URL is that of this very file, in storage or at this endpoint; a query does not count."""
        given, storage, here = urlsplit(url), urlsplit(self.storage.url), urlsplit(self.base)
        stored = f"{unquote(storage.path).rstrip('/')}/{blob_path(model, target)}"
        served = here.path.rstrip("/") + unquote(file_path(model, target))
        path = unquote(given.path)
        return (_place(given) == _place(storage) and path == stored) or (
            given.scheme in ("http", "https") and given.netloc.lower() == here.netloc.lower() and path == served
        )


def complete(found: Json, urls: Mapping[str, str], record: Record | None) -> Json:
    """What was found with `{url}` for each file that is not in storage.

    A file that we fetched ourselves for this record is known by its URL.
    """
    return {target: found.get(target) or _known(record, target, without_query(urls[target])) for target in urls}


def _place(url: SplitResult) -> tuple[str, str]:
    return url.scheme.lower(), url.netloc.lower()


def _entry(blob: Blob) -> Json:
    return {"sha256": blob.sha256, "size": blob.size}


def _fetch(copies: Copies, model: ModelId, missing: Mapping[str, str]) -> Json:
    fetched, details = {}, []
    for target, url in missing.items():
        try:
            fetched[target] = _entry(copies.fetch(blob_path(model, target), url))
        except (SourceError, CopyError) as error:
            details.append({"pointer": pointer(("model_files", target)), "detail": str(error)})
    if details:
        raise invalid(details)
    return fetched


def _known(record: Record | None, target: str, url: str) -> Json:
    if record is not None and record.sources.get(target) == url:
        return record.entry(target) or {"url": url}
    return {"url": url}


def _unverified(target: str, blob: Blob | None) -> Detail:
    state = "is not there" if blob is None else "has no verified digest there"
    detail = f"the URL is in private storage, and the file {state}"
    return {"pointer": pointer(("model_files", target)), "detail": detail, "rule": "file-missing"}


def _missing(target: str, url: str) -> Detail:
    detail = f"the file is not in private storage, and is not fetched from {without_query(url)}"
    return {"pointer": pointer(("model_files", target)), "detail": detail, "rule": "file-missing"}
