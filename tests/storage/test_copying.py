"""How a file gets to its place: by which call, by how many, and what is believed of what stands there."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobClient, ContentSettings

from registry.copying import Copier, Remote, Wanted
from registry.errors import CopyError, SourceChangedError, SourceError
from registry.policy import Policy
from registry.sources import Sources
from registry.storage import Source, Storage
from registry.storage.azure import AzureContainer, Limits
from tests.azurite import Azurite
from tests.e2e.sources import source
from tests.proxy import Proxy
from tests.storage.service import Service, serving

PATH = "zen-bert/1.0/model.safetensors"
BYTES = b"weights " * 100
SHA256 = hashlib.sha256(BYTES).hexdigest()


def local(content: bytes = BYTES, **changes: object) -> Wanted:
    """A file of the repository."""
    known = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return Wanted(PATH, lambda: iter([content]), **{**known, **changes})  # type: ignore[arg-type]


def remote(sources: Sources, url: str, content: bytes = BYTES, path: str = PATH) -> Wanted:
    """A file behind a URL, pinned."""
    locate = Remote(url, partial(sources.locate, url, len(content)))
    sha256 = hashlib.sha256(content).hexdigest()
    return Wanted(path, partial(sources.stream, url), locate, sha256, len(content), is_new=True)


def unpinned(sources: Sources, url: str) -> Wanted:
    """A file behind a URL, of which nothing is known; on loopback only such a one is looked at before it is copied."""
    return Wanted(PATH, partial(sources.stream, url), Remote(url, partial(sources.locate, url, None)), is_new=True)


@pytest.fixture
def copier(storage: Storage) -> Iterator[Copier]:
    """Copies into each kind of storage in turn."""
    with closing(Copier(storage)) as copier:
        yield copier


@pytest.mark.parametrize("is_new", [True, False])
def test_a_file_is_copied_verified_and_found_again(storage: Storage, copier: Copier, *, is_new: bool) -> None:
    copied = copier.copy(local(is_new=is_new))
    assert copied.blob == storage.stat(PATH)
    assert (copied.blob.size, copied.blob.sha256, copied.streamed) == (len(BYTES), SHA256, "")
    assert copier.copy(local(is_new=is_new)) == copied


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("left", [BYTES, b"half", b""], ids=["whole", "half", "empty"])
def test_what_a_dead_run_left_is_adopted_or_replaced(
    storage: Storage, copier: Copier, left: bytes, *, is_new: bool
) -> None:
    storage.create(PATH, [left])
    blob = copier.copy(local(is_new=is_new)).blob
    assert (b"".join(storage.read(PATH)), blob.sha256) == (BYTES, SHA256)


def test_a_wrong_digest_takes_the_copy_away(storage: Storage, copier: Copier) -> None:
    with pytest.raises(CopyError, match="the descriptor says"):
        copier.copy(local(sha256="0" * 64))
    assert storage.stat(PATH) is None


def test_verified_content_gives_way_only_where_it_may(storage: Storage, copier: Copier) -> None:
    copier.copy(local(b"first"))
    with pytest.raises(CopyError, match="holds other bytes"):
        copier.copy(local(replace=False))
    assert copier.copy(local(replace=True)).blob.sha256 == SHA256


def test_nothing_is_begun_once_the_lock_is_lost(storage: Storage, copier: Copier) -> None:
    def lost() -> None:
        raise CopyError("the lock was lost")

    with pytest.raises(CopyError, match="the lock was lost"):
        copier.copy_all({"a": local(), "b": local()}, lost)
    assert storage.stat(PATH) is None


@pytest.fixture
def service(azurite: Azurite) -> Iterator[Service]:
    """Azure as it is documented."""
    with serving(azurite) as service:
        yield service


@pytest.fixture
def cloud(azurite: Azurite, service: Service) -> Iterator[AzureContainer]:
    """A container of such a service."""
    url = service.url(f"models-{secrets.token_hex(6)}")
    limits = Limits(one_copy=2000, copied_block=900)
    with AzureContainer(url, key=azurite.key("private"), limits=limits) as storage:
        yield storage


Requests = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def requests(service: Service, cloud: AzureContainer) -> Requests:
    """Method and `comp` of what was asked of storage about the file, once the container is there."""
    cloud.create("other", [b""])

    def asked() -> list[tuple[str, str]]:
        return [(a.method, a.query.get("comp", "")) for a in service.proxy.asked if a.path.endswith(PATH)]

    return asked


def allowed(*prefixes: str, sas: dict[str, str] | None = None) -> Sources:
    return Sources(Policy(sources=prefixes, allow_loopback=True), sas or {})


def test_a_file_from_anywhere_takes_three_requests(cloud: AzureContainer, requests: Requests) -> None:
    with source({"/model.bin": BYTES}) as url, closing(Copier(cloud)) as copier:
        copied = copier.copy(remote(allowed(url), f"{url}/model.bin"))
    assert (copied.blob, copied.streamed) == (cloud.stat(PATH), "")
    assert requests() == [("PUT", ""), ("GET", ""), ("PUT", "metadata"), ("HEAD", "")]


def test_a_large_file_is_copied_in_blocks_of_one_and_the_same_source(
    cloud: AzureContainer, service: Service, requests: Requests
) -> None:
    content = secrets.token_bytes(4000)
    with source({"/model.bin": content}) as url, closing(Copier(cloud)) as copier:
        copier.copy(remote(allowed(url), f"{url}/model.bin", content))
    comps = [comp for _, comp in requests()]
    assert sorted(comps) == ["", "", "block", "block", "block", "block", "block", "blocklist", "metadata"]
    assert service.fetched == [f"{url}/model.bin"] * 5


def test_a_redirect_is_resolved_before_the_service_is_asked(cloud: AzureContainer, service: Service) -> None:
    hub: dict[str, bytes | int | str] = {
        "/hub/model.bin": "/cdn/model.bin?signature=x",
        "/cdn/model.bin?signature=x": BYTES,
    }
    with source(hub) as url, closing(Copier(cloud)) as copier:
        copier.copy(unpinned(allowed(url), f"{url}/hub/model.bin"))
    assert service.fetched == [f"{url}/cdn/model.bin?signature=x"]


def test_a_redirect_to_where_the_policy_does_not_lead_is_not_followed(cloud: AzureContainer, service: Service) -> None:
    with ExitStack() as stack:
        inner = stack.enter_context(source({"/secret": BYTES}))
        url = stack.enter_context(source({"/model.bin": f"{inner}/secret"}))
        copier = stack.enter_context(closing(Copier(cloud)))
        with pytest.raises(SourceError):
            copier.copy(unpinned(allowed(url), f"{url}/model.bin"))
    assert service.fetched == []


def test_a_source_that_is_gone_is_said_and_nothing_is_left(cloud: AzureContainer) -> None:
    gone = pytest.raises(SourceError, match="answers 404")
    with source({"/model.bin": 404}) as url, closing(Copier(cloud)) as copier, gone:
        copier.copy(remote(allowed(url), f"{url}/model.bin"))
    assert cloud.stat(PATH) is None


def test_a_host_that_the_service_cannot_reach_is_found_out_once(
    azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    """Azurite fetches from nowhere but itself: a source of another host is answered with 404."""
    caplog.set_level(logging.WARNING)
    files = {f"/{n}.bin": secrets.token_bytes(100) for n in range(12)}
    with Proxy({"/": azurite.port}).running() as proxy, source(files) as url:
        account = f"{proxy.url}/private/models-{secrets.token_hex(6)}"
        with AzureContainer(account, key=azurite.key("private")) as storage, closing(Copier(storage)) as copier:
            sources = allowed(url)
            wanted = {n: remote(sources, url + n, content, f"zen/1.0{n}") for n, content in files.items()}
            copied = copier.copy_all(wanted, lambda: None)
            tried = [a for a in proxy.asked if "x-ms-copy-source" in a.headers]
            assert {n: storage.load(f"zen/1.0{n}")[1] for n in files} == files  # type: ignore[index]
    assert len(tried) == 2  # by Put Blob From URL, which it does not know, and by Copy Blob
    assert all("storage cannot fetch" in file.streamed for file in copied.values())
    assert len([record for record in caplog.records if "passes through this machine" in record.message]) == 12


def test_a_token_for_the_source_goes_to_the_source_alone(cloud: AzureContainer, service: Service) -> None:
    """x-ms-copy-source-authorization: "Only Bearer type is supported"; the service shows it to the source."""
    token = f"Bearer {secrets.token_hex(8)}"
    with source({"/model.bin": BYTES}, token=token) as url:
        cloud.copy(PATH, Source(f"{url}/model.bin", len(BYTES), authorization=token))
    stored = service.proxy.asked[-1].headers
    assert b"".join(cloud.read(PATH)) == BYTES
    assert token not in str(cloud.stat(PATH)) + str({k: v for k, v in stored.items() if k.startswith("x-ms-meta")})


def test_a_source_that_changes_between_two_blocks_is_noticed(cloud: AzureContainer) -> None:
    with source({"/model.bin": bytes(4000)}, etag='"new"') as url, pytest.raises(SourceChangedError):
        cloud.copy(PATH, Source(f"{url}/model.bin", 4000, etag='"old"'))
    assert cloud.stat(PATH) is None


def test_a_large_file_passes_through_in_constant_memory(azurite: Azurite) -> None:
    size, chunk = 64 * 2**20, bytes(2**20)
    sha256 = hashlib.sha256(bytes(size)).hexdigest()
    url = azurite.url("private", f"models-{secrets.token_hex(6)}")
    with AzureContainer(url, key=azurite.key("private")) as storage, closing(Copier(storage)) as copier:
        tracemalloc.start()
        try:
            copier.copy(Wanted(PATH, lambda: iter([chunk] * 64), sha256=sha256, size=size))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < size / 2


@pytest.mark.parametrize("is_right", [True, False], ids=["right", "wrong"])
def test_the_only_block_is_compared_with_the_md5_that_its_source_has_recorded(
    azurite: Azurite, *, is_right: bool
) -> None:
    """A wrong one is the mistake of whoever stored the source: the copy is read and judged as every other."""
    content = secrets.token_bytes(2**20 + 1)  # of smaller files the source is not asked first
    recorded = md5_of(content if is_right else b"something else")
    with ExitStack() as stack:
        proxy = stack.enter_context(Proxy({"/": azurite.port}).running())
        url, private = (f"{proxy.url}/{name}/models-{secrets.token_hex(6)}" for name in ("source", "private"))
        uploads = stack.enter_context(AzureContainer(url, key=azurite.key("source")))
        uploads.create("model.bin", [content])
        record_md5(azurite, url, recorded)
        sas = {"source": urlsplit(uploads.link("model.bin", hours=1)).query}
        sources = Sources(Policy(sources=(f"{url}/",), allow_loopback=True), sas)
        storage = stack.enter_context(AzureContainer(private, key=azurite.key("private")))
        copier = stack.enter_context(closing(Copier(storage)))
        copied = copier.copy(remote(sources, f"{url}/model.bin", content))
        blocks = [a.headers.get("x-ms-source-content-md5") for a in proxy.asked if a.query.get("comp") == "block"]
    assert (copied.blob.sha256, copied.streamed) == (hashlib.sha256(content).hexdigest(), "")
    assert blocks == ([recorded] if is_right else [recorded, None])


def test_a_source_that_is_not_as_large_as_its_pin_is_not_copied(cloud: AzureContainer, service: Service) -> None:
    wrong = pytest.raises(CopyError, match="has 800 bytes, and the descriptor says 801")
    with source({"/model.bin": BYTES}) as url, closing(Copier(cloud)) as copier, wrong:
        copier.copy(remote(allowed(url), f"{url}/model.bin", BYTES + b"!"))
    assert service.fetched == []


def test_a_source_that_answers_only_the_service_is_copied_unasked(azurite: Azurite) -> None:
    content = secrets.token_bytes(2**20 + 1)
    url, private = (azurite.url(name, f"models-{secrets.token_hex(6)}") for name in ("source", "private"))

    def look() -> Source:
        raise SourceError("the source does not answer", problem="unreachable")

    with AzureContainer(url, key=azurite.key("source")) as uploads:
        uploads.create("model.bin", [content])
        link = uploads.link("model.bin", hours=1)
    with AzureContainer(private, key=azurite.key("private")) as storage:
        storage.copy(PATH, Source(link, len(content), look=look))
        assert b"".join(storage.read(PATH)) == content


def md5_of(content: bytes) -> str:
    """As Azure spells it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def record_md5(azurite: Azurite, container: str, md5: str) -> None:
    """Say of `model.bin` what its MD5 is, whether that is so or not."""
    key = AzureNamedKeyCredential("source", azurite.key("source"))
    with BlobClient.from_blob_url(f"{container}/model.bin", credential=key) as blob:
        blob.set_http_headers(ContentSettings(content_md5=bytearray(base64.b64decode(md5))))
