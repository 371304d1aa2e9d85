"""Copies that the service makes itself, with metadata of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.storage.blob import BlobBlock, BlobClient

from registry.errors import CopyNotOfferedError, StorageError
from registry.storage.azure.client import Limits
from registry.storage.azure.errors import translated, translated_copy

# Without one pair of its own a copy inherits the source's metadata, a digest written there included.
OWN_METADATA = {"registry_copied": "1"}
PATIENCE = 180  # seconds for one call that moves up to 256 MiB between regions


def block_ids() -> Callable[[int], str]:
    """Names for one writer's blocks: all of one length, as the service wants, and nobody else's."""
    writer = uuid4().hex
    return lambda number: f"{writer}-{number:05d}"


def copy_whole(blob: BlobClient, source: str, conditions: Mapping[str, Any], unmet: type[StorageError]) -> None:
    """Copy Blob From URL: one call, up to 256 MiB."""
    with translated_copy(f"copy to {blob.blob_name}", unmet=unmet):
        answer = blob.start_copy_from_url(
            source, dict(OWN_METADATA), requires_sync=True, read_timeout=PATIENCE, **conditions
        )
        if answer.get("copy_status") != "success":
            _wait(blob, unmet)


def copy_blocks(
    blob: BlobClient, source: str, size: int, limits: Limits, conditions: Mapping[str, Any], unmet: type[StorageError]
) -> None:
    """Put Block From URL in parallel, then Put Block List: any size, and nothing to see before the end."""
    name = block_ids()
    step = limits.copied_block

    def stage(number: int) -> BlobBlock:
        start = number * step
        with translated_copy(f"copy to {blob.blob_name}", unmet=unmet):
            blob.stage_block_from_url(name(number), source, start, min(step, size - start), read_timeout=PATIENCE)
        return BlobBlock(name(number))

    with ThreadPoolExecutor(limits.copies_at_once) as pool:
        blocks = list(pool.map(stage, range(-(-size // step))))
    with translated(f"copy to {blob.blob_name}", unmet=unmet):
        blob.commit_block_list(blocks, **conditions)


def _wait(blob: BlobClient, unmet: type[StorageError]) -> None:
    """Until a pending copy is done; one that failed or takes too long is taken back."""
    deadline = time.monotonic() + PATIENCE
    while (found := blob.get_blob_properties()).copy.status == "pending":
        if time.monotonic() > deadline:
            with translated(f"abort the copy to {blob.blob_name}", unmet=unmet):
                blob.abort_copy(str(found.copy.id))
        time.sleep(1)
    if found.copy.status != "success":
        # A copy that failed leaves a blob of zero bytes under the name.
        blob.delete_blob(etag=found.etag, match_condition=MatchConditions.IfNotModified)
        raise CopyNotOfferedError(f"copy to {blob.blob_name}: it ended as {found.copy.status}")
