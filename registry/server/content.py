"""The bytes of a registered file as an answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import quote

from fastapi.responses import RedirectResponse, Response, StreamingResponse

from registry.server.preconditions import is_unchanged, parse_range
from registry.server.problems import ProblemError
from registry.server.records import Record
from registry.storage import Blob, Storage
from registry.wire import blob_path, page_files

_PICTURES = {f".{kind}": f"image/{kind}" for kind in ("png", "jpeg", "gif", "webp")} | {".jpg": "image/jpeg"}
_LINK_HOURS = 1  # a reader who is redirected follows at once
_BYTES = "application/octet-stream"
MEDIA_TYPES = (_BYTES, *sorted(set(_PICTURES.values())))  # that files are sent as
MAX_PAGE = 1024 * 1024  # bytes of an index page that the catalog shows


def send_file(storage: Storage, record: Record, target: str, headers: Mapping[str, str]) -> Response:
    """The file's bytes or the range asked for, or a redirect to storage where storage serves readers itself."""
    if link := storage.link(blob_path(record.model, target), hours=_LINK_HOURS):
        return RedirectResponse(link, 307, {"Cache-Control": "no-store"})
    blob = _registered(storage, record, target)
    common = {**_common(blob), "Accept-Ranges": "bytes", **_kind(target)}
    if is_unchanged(headers, common["ETag"]):
        return Response(None, 304, common)
    part = parse_range(headers, blob.size, common["ETag"])
    offset, length = part or (0, blob.size)
    common["Content-Length"] = str(length)
    if part:
        common["Content-Range"] = f"bytes {offset}-{offset + length - 1}/{blob.size}"
    return StreamingResponse(storage.read(blob.path, offset=offset, length=length), 206 if part else 200, common)


def send_index_page(storage: Storage, record: Record, headers: Mapping[str, str]) -> Response:
    """The index page as Markdown, which a browser does not run."""
    blob = _registered(storage, record, record.sections["model_metainfo"]["index_page_file"])
    common = _common(blob) | {"X-Content-Type-Options": "nosniff"}
    if is_unchanged(headers, common["ETag"]):
        return Response(None, 304, common)
    common["Content-Length"] = str(blob.size)
    return StreamingResponse(storage.read(blob.path, length=blob.size), 200, common, "text/markdown")


def read_index_page(storage: Storage, record: Record) -> str:
    """The text of the index page, at most its first MiB."""
    blob = _registered(storage, record, record.sections["model_metainfo"]["index_page_file"])
    return b"".join(storage.read(blob.path, length=MAX_PAGE)).decode(errors="replace")


def _registered(storage: Storage, record: Record, target: str) -> Blob:
    """The file in storage; never other bytes than those that were registered under this target."""
    entry, blob = record.entry(target), storage.stat(blob_path(record.model, target))
    if entry is None:
        raise ProblemError(404, f"{record.model} has no file `{target}`")
    if blob is None:
        raise ProblemError(503, f"`{target}` of {record.model} is missing in private storage")
    # An amendment puts the new page file in its place before the record follows.
    is_other = blob.size != entry["size"] or blob.sha256 not in (None, entry["sha256"])
    if is_other and target not in page_files(record.sections):
        raise ProblemError(503, f"`{target}` of {record.model} is not in private storage as it was registered")
    return blob


def _common(blob: Blob) -> dict[str, str]:
    return {"ETag": f'"{blob.sha256 or blob.etag}"', "Cache-Control": "private, no-cache"}


def _kind(target: str) -> dict[str, str]:
    """Pictures are shown; everything else is only ever saved, so that no file of a model runs in a browser."""
    name = PurePosixPath(target).name
    picture = _PICTURES.get(PurePosixPath(name).suffix.lower())
    kind = {"Content-Type": picture or _BYTES, "X-Content-Type-Options": "nosniff"}
    return kind if picture else {**kind, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}
