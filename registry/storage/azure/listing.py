"""List Blobs: page by page, each blob with the headers that a look at it would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote

from registry.storage.azure.client import Client
from registry.storage.azure.errors import ServiceError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_HEADERS = {"Etag": "ETag", "Content-Length": "Content-Length"}


def list_blobs(client: Client, prefix: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The name and headers of every blob whose name starts with `prefix`, by name; none in a missing container."""
    from xml.etree.ElementTree import ParseError, fromstring

    query = {"restype": "container", "comp": "list", "include": "metadata", "prefix": prefix, "marker": ""}
    while True:
        try:
            page = fromstring(client.send("GET", query={k: v for k, v in query.items() if v}).content)  # noqa: S314
        except ServiceError as error:
            if error.is_missing:
                return
            raise
        except ParseError as error:
            raise ServiceError(0, "", reason=f"the listing broke off: {error}") from None
        yield from ((_name(blob), _headers(blob)) for blob in page.iter("Blob"))
        query["marker"] = page.findtext("NextMarker") or ""
        if not query["marker"]:
            return


def _name(blob: Element) -> str:
    name, text = blob.find("Name"), blob.findtext("Name") or ""
    return unquote(text) if name is not None and name.get("Encoded") == "true" else text


def _headers(blob: Element) -> Mapping[str, str]:
    found = {header: blob.findtext(f"Properties/{tag}") or "" for tag, header in _HEADERS.items()}
    metadata = blob.find("Metadata")
    own = metadata if metadata is not None else ()
    return found | {f"x-ms-meta-{entry.tag.lower()}": entry.text or "" for entry in own}
