"""What storage or endpoint lack of what the receipts say."""

from __future__ import annotations

from registry.endpoint import Endpoint
from registry.identity import ModelId
from registry.ledger import Receipt
from registry.planning import DriftOf
from registry.storage import Storage
from registry.wire import blob_path, make_patch, recorded


def make_drift_of(storage: Storage, endpoint: Endpoint) -> DriftOf:
    """A function that names the first drift of a registered version, or nothing."""

    def drift_of(model: ModelId, receipt: Receipt) -> str:
        if receipt.action == "removed":
            return ""
        return _storage_drift(storage, model, receipt) or _endpoint_drift(endpoint, model, receipt)

    return drift_of


def _storage_drift(storage: Storage, model: ModelId, receipt: Receipt) -> str:
    for target, file in sorted(receipt.files.items()):
        blob = storage.stat(blob_path(model, target))
        if blob is None:
            return f"`{target}` is missing in storage"
        if (blob.sha256, blob.size) != (file["sha256"], file["size"]):
            return f"`{target}` was altered in storage"
    return ""


def _endpoint_drift(endpoint: Endpoint, model: ModelId, receipt: Receipt) -> str:
    answer = endpoint.get(model)
    if answer.status == 404:
        return "the endpoint has no record"
    if answer.status == 200 and make_patch(recorded(answer.body), receipt.request):
        return "the endpoint's record differs"
    return ""
