"""What storage or endpoint lack of what the receipts say."""

from __future__ import annotations

from registry.endpoint import Endpoint
from registry.identity import ModelId
from registry.ledger import Receipt
from registry.planning import DriftOf
from registry.storage import Storage
from registry.wire import blob_path, digests_of, make_patch, recorded


def make_drift_of(storage: Storage, endpoint: Endpoint, *, is_known: bool) -> DriftOf:
    """A function that names the first drift of a registered version, or nothing.

    `is_known` says that this endpoint is the one of the last run: one that cannot be asked is believed only then.
    """

    def drift_of(model: ModelId, receipt: Receipt) -> str:
        if receipt.action == "removed":
            return ""
        return _storage_drift(storage, model, receipt) or _endpoint_drift(endpoint, model, receipt, is_known=is_known)

    return drift_of


def _storage_drift(storage: Storage, model: ModelId, receipt: Receipt) -> str:
    for target, file in sorted(receipt.files.items()):
        blob = storage.stat(blob_path(model, target))
        if blob is None:
            return f"`{target}` is missing in storage"
        if (blob.sha256, blob.size) != (file["sha256"], file["size"]):
            return f"`{target}` was altered in storage"
    return ""


def _endpoint_drift(endpoint: Endpoint, model: ModelId, receipt: Receipt, *, is_known: bool) -> str:
    answer = endpoint.get(model)
    if answer.status == 404:
        return "the endpoint has no record"
    if answer.status == 200:
        wanted = receipt.request | {"model_files": digests_of(receipt.request["model_files"])}
        return "the endpoint's record differs" if make_patch(recorded(answer.body), wanted) else ""
    return "" if is_known else "never sent to this endpoint, which cannot be asked"
