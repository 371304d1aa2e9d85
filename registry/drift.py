"""Where storage or endpoint are not what the receipts say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from registry.condition import Drift
from registry.diff import make_fields, make_files
from registry.digests import digest_of
from registry.endpoint import Answer, Endpoint
from registry.identity import ModelId
from registry.ledger import Receipt
from registry.planning import DriftOf
from registry.storage import Blob, Storage
from registry.wire import Json, blob_path, digests_of, make_patch, recorded


def make_drift_of(storage: Storage, endpoint: Endpoint, *, is_known: bool) -> DriftOf:
    """A function that names the first drift of a registered version, or nothing.

    `is_known` says that this endpoint is the one of the last run: one that cannot be asked is believed only then.
    """

    def drift_of(model: ModelId, receipt: Receipt) -> str:
        blobs = storage.list(f"{model}/") if receipt.files else ()
        stored = find_storage_drift(storage, {blob.path: blob for blob in blobs}, model, receipt)
        return next((drift.evidence for drift in _both(stored, endpoint, model, receipt, is_known=is_known)), "")

    return drift_of


def _both(
    stored: Iterator[Drift], endpoint: Endpoint, model: ModelId, receipt: Receipt, *, is_known: bool
) -> Iterator[Drift]:
    yield from stored
    yield from find_endpoint_drift(endpoint.get(model), model, receipt, is_known=is_known)


def find_storage_drift(
    storage: Storage, blobs: Mapping[str, Blob], model: ModelId, receipt: Receipt
) -> Iterator[Drift]:
    """Registered files that are not in storage, or are others there; `blobs` are those under the version's name."""
    for target, file in sorted(receipt.files.items()):
        blob = blobs.get(blob_path(model, target))
        if blob is None:
            yield Drift(model, "missing", f"`{target}` is missing in storage")
        elif not _is_as_recorded(storage, blob, file):
            yield Drift(model, "altered", f"`{target}` was altered in storage")


def find_endpoint_drift(answer: Answer, model: ModelId, receipt: Receipt, *, is_known: bool) -> Iterator[Drift]:
    """What the endpoint's answer to a GET of the version is not."""
    if receipt.action == "removed":
        if answer.status == 200:
            yield Drift(model, "altered", "it was removed, and the endpoint shows it")
    elif answer.status in (404, 410):
        yield Drift(model, "missing", f"the endpoint has no record{' any more' if answer.status == 410 else ''}")
    elif answer.status == 200:
        if differing := _differing(recorded(answer.body), receipt):
            yield Drift(model, "altered", f"the endpoint's record differs: {differing}")
    elif not is_known:
        yield Drift(model, "missing", "never sent to this endpoint, which cannot be asked")


def find_unknown_files(blobs: Iterable[Blob], model: ModelId, receipts: Iterable[Receipt]) -> Iterator[Drift]:
    """What lies under a registered version's name, and no receipt of it ever named."""
    named = {blob_path(model, target) for receipt in receipts for target in receipt.files}
    for path in sorted({blob.path for blob in blobs} - named):
        yield Drift(model, "unknown", f"`{path.removeprefix(f'{model}/')}` in storage is of no receipt")


def _is_as_recorded(storage: Storage, blob: Blob, file: Json) -> bool:
    """A digest is believed while the blob is the very one that it was taken of."""
    if (blob.sha256, blob.size) != (file["sha256"], file["size"]):
        return False
    return blob.etag == file["etag"] or digest_of(storage.read(blob.path)).sha256 == blob.sha256


def _differing(record: Json, receipt: Receipt) -> str:
    wanted = receipt.request | {"model_files": digests_of(receipt.request["model_files"])}
    if not make_patch(record, wanted):
        return ""
    fields = [change.field for change in make_fields(wanted, record)]
    files = [change.target for change in make_files(wanted["model_files"], record["model_files"])]
    return ", ".join(f"`{name}`" for name in (*fields, *files))
