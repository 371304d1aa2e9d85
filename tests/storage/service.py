"""What Azure has and the emulator has not, before the emulator: each sentence quoted is the REST documentation's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from registry.storage.azure.address import parse_address
from registry.storage.azure.client import Client
from registry.storage.azure.credentials import KeyCredential
from registry.storage.azure.errors import ServiceError
from tests.azurite import Azurite
from tests.proxy import Asked, Exchange, Proxy


class Service:
    """Azurite, and before it the calls that fetch a source from anywhere.

    Put Blob From URL: "creates a new block blob where the content of the blob is read from a given URL"; the bytes go
    into the account by its key. The source is asked with `x-ms-copy-source-authorization` as its `Authorization`, and
    `x-ms-source-if-match` as its `If-Match`.
    """

    def __init__(self, azurite: Azurite, proxy: Proxy, *, has_put_blob_from_url: bool) -> None:
        self.proxy = proxy
        self.fetched: list[str] = []  # the URLs of sources
        self._azurite = azurite
        if has_put_blob_from_url:
            proxy.spoil(_is_put_blob_from_url, self._put_blob_from_url, times=1000)
        proxy.spoil(_is_put_block_from_url, self._put_block_from_url, times=1000)

    def url(self, container: str) -> str:
        """Where a container of the account `private` is."""
        return f"{self.proxy.url}/private/{container}"

    def _put_blob_from_url(self, exchange: Exchange) -> None:
        asked = exchange.asked.headers
        kept = {name: value for name, value in asked.items() if name.startswith("x-ms-meta-")}
        conditions = {name: asked[name.lower()] for name in ("If-None-Match", "If-Match") if name.lower() in asked}
        self._put(exchange, {}, {"x-ms-blob-type": "BlockBlob", **kept, **conditions})

    def _put_block_from_url(self, exchange: Exchange) -> None:
        self._put(exchange, dict(exchange.asked.query), {})

    def _put(self, exchange: Exchange, query: dict[str, str], headers: dict[str, str]) -> None:
        content = self._fetch(exchange)
        if content is None:
            return
        _, account, container, name = exchange.asked.path.split("/", 3)
        address, key = parse_address(self._azurite.url(account, container)), self._azurite.key(account)
        with closing(Client(address, KeyCredential(account, key))) as client:
            try:
                done = client.send("PUT", name, query, headers, content)
            except ServiceError as error:
                exchange.answer(error.status, {"x-ms-error-code": error.code})
            else:
                exchange.answer(201, {"ETag": done.headers.get("ETag", "")})

    def _fetch(self, exchange: Exchange) -> bytes | None:
        asked = exchange.asked.headers
        self.fetched.append(asked["x-ms-copy-source"])
        names = {
            "x-ms-copy-source-authorization": "Authorization",
            "x-ms-source-if-match": "If-Match",
            "x-ms-source-range": "Range",
        }
        headers = {name: asked[own] for own, name in names.items() if own in asked}
        try:
            with urlopen(Request(asked["x-ms-copy-source"], headers=headers), timeout=10) as source:
                return _ranged(source.read(), source.status, headers.get("Range"))
        except HTTPError as error:
            error.close()
            code = "SourceConditionNotMet" if error.code == 412 else "CannotVerifyCopySource"
            exchange.answer(error.code, {"x-ms-error-code": code, "x-ms-copy-source-status-code": str(error.code)})
            return None


@contextmanager
def serving(azurite: Azurite, *, has_put_blob_from_url: bool = True) -> Iterator[Service]:
    """The service until the block ends."""
    with Proxy({"/": azurite.port}).running() as proxy:
        yield Service(azurite, proxy, has_put_blob_from_url=has_put_blob_from_url)


def _is_put_blob_from_url(asked: Asked) -> bool:
    return "x-ms-copy-source" in asked.headers and asked.headers.get("x-ms-blob-type") == "BlockBlob"


def _is_put_block_from_url(asked: Asked) -> bool:
    return "x-ms-copy-source" in asked.headers and asked.query.get("comp") == "block"


def _ranged(content: bytes, status: int, span: str | None) -> bytes:
    """What was asked for of a source that does not know ranges."""
    if status == 206 or span is None:
        return content
    first, last = map(int, span.removeprefix("bytes=").split("-"))
    return content[first : last + 1]
