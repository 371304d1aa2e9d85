"""What is there beside what the receipts say, and what is still to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice

from registry.condition import Drift, Pending, Status
from registry.drift import find_endpoint_drift, find_storage_drift, find_unknown_files
from registry.endpoint import Endpoint
from registry.errors import LedgerError
from registry.identity import ModelId, parse_model_id
from registry.ledger import Ledger, State
from registry.storage import Blob, Storage

_GROUP = 200  # versions in memory at a time


@dataclass(frozen=True)
class Inspector:
    """Compares receipts, storage and endpoint."""

    ledger: Ledger
    storage: Storage
    endpoint: Endpoint
    is_known: bool  # the endpoint is that of the last run: one that cannot be asked is believed only then
    jobs: int = 8

    def load_status(self, commit: str, names: Iterable[ModelId], state: State | None) -> Status:
        """The status of everything; `names` are the versions that the commit holds."""
        where, known = self.ledger.last_receipts(), frozenset(names)
        pending = tuple(Pending(ModelId(*name.split("/", 1)), since) for name, since in sorted(_pending(state)))
        drift = list(self._stored(where, known, frozenset(model for model, _ in pending)))
        listed = self.endpoint.names()
        found = set(listed or ()) - where.keys()
        drift += [_unrecorded(model, known, "the endpoint has a record of it") for model in found]
        converged = state.commit if state else None
        return Status(commit, converged, pending, tuple(sorted(drift, key=str)), len(where), listed is not None)

    def _stored(
        self, where: Mapping[ModelId, str], known: frozenset[ModelId], pending: frozenset[ModelId]
    ) -> Iterator[Drift]:
        """The drift of each version with a receipt, and of what lies in storage without one."""
        seen: set[ModelId] = set()
        folders = iter(groupby(self.storage.list(""), lambda blob: _model_of(blob.path)))
        with ThreadPoolExecutor(self.jobs) as pool:
            while group := [(model, list(blobs)) for model, blobs in islice(folders, _GROUP)]:
                recorded = [(model, blobs) for model, blobs in group if model in where]
                yield from _all(pool.map(lambda found: self._compare(where, *found), recorded))
                seen.update(model for model, _ in recorded if model)
                for model, blobs in group:
                    if model not in where and model not in pending:
                        yield from _without_receipt(model, blobs, known)
            rest = iter(sorted(where.keys() - seen))
            while some := list(islice(rest, _GROUP)):
                yield from _all(pool.map(lambda model: self._compare(where, model, []), some))

    def _compare(self, where: Mapping[ModelId, str], model: ModelId | None, blobs: list[Blob]) -> list[Drift]:
        assert model is not None  # noqa: S101 - none has no receipt
        try:
            receipt = self.ledger.read_receipt(where[model])
        except LedgerError as error:
            return [Drift(model, "altered", str(error))]
        stored = {blob.path: blob for blob in blobs}
        named = {f"{model}/{target}" for target in receipt.files}
        drift = list(find_storage_drift(self.storage, stored, model, receipt))
        drift += find_endpoint_drift(self.endpoint.get(model), model, receipt, is_known=self.is_known)
        if stored.keys() - named:
            drift += find_unknown_files(blobs, model, self.ledger.receipts(model))
        return drift


def _without_receipt(model: ModelId | None, blobs: list[Blob], known: frozenset[ModelId]) -> Iterator[Drift]:
    if model is None:
        yield from (Drift(None, "unknown", f"`{blob.path}` in storage belongs to no version") for blob in blobs)
    else:
        files = f"{len(blobs)} file{'s' if len(blobs) > 1 else ''} in storage"
        yield _unrecorded(model, known, files)


def _unrecorded(model: ModelId, known: frozenset[ModelId], what: str) -> Drift:
    if model in known:
        return Drift(model, "never-recorded", f"{what}, and no receipt says that it was registered")
    return Drift(model, "unknown", f"{what}, and neither the commit nor a receipt knows it")


def _model_of(path: str) -> ModelId | None:
    """The version under whose name a blob lies."""
    name, _, rest = path.partition("/")
    version, slash, _ = rest.partition("/")
    return parse_model_id(f"{name}/{version}") if slash else None


def _pending(state: State | None) -> Iterable[tuple[str, str]]:
    return state.pending.items() if state else ()


def _all(found: Iterable[list[Drift]]) -> Iterator[Drift]:
    for drift in found:
        yield from drift
