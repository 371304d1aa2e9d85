"""What only Azure storage does: copies by the service, links, identities; against the emulator."""

from __future__ import annotations

import secrets
import time
import traceback
from datetime import UTC, datetime, timedelta
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request, urlopen

import pytest
from azure.storage.blob import ContainerClient, generate_blob_sas, generate_container_sas

from registry.errors import (
    BlobChangedError,
    BlobExistsError,
    CopyNotOfferedError,
    RegistryError,
    SettingsError,
    StorageError,
)
from registry.storage import Source
from registry.storage.azure import AzureContainer
from registry.storage.azure.errors import redact
from tests.azurite import Azurite, free_port
from tests.storage.conftest import SMALL

PATH = "zen-bert/1.0/model.safetensors"
SIZES = [0, 1, 2000, 2001, 4500, 5000]  # up to 2000 in one call, more in blocks of 900
FORGED = {"registry_sha256": "f" * 64}
AN_HOUR = timedelta(hours=1)


def upload(azurite: Azurite, uploads: ContainerClient, name: str, content: bytes, *, valid: timedelta = AN_HOUR) -> str:
    """A source with a forged digest, and its URL with a SAS that can only read."""
    blob = uploads.get_blob_client(name)
    blob.upload_blob(content, overwrite=True, metadata=FORGED)
    expiry = datetime.now(UTC) + valid
    key = azurite.key("source")
    sas = generate_blob_sas("source", uploads.container_name, name, account_key=key, permission="r", expiry=expiry)
    return f"{blob.url}?{sas}"


def content(container: AzureContainer, path: str = PATH) -> bytes:
    return b"".join(container.read(path))


def told(error: RegistryError) -> str:
    """Everything that could reach a log."""
    return "".join(traceback.format_exception(error)) + error.hint + repr(error)


@pytest.mark.parametrize("size", SIZES)
def test_the_service_copies_between_accounts(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int
) -> None:
    bytes_ = secrets.token_bytes(size)
    source = upload(azurite, uploads, "a b/ü#1%.bin", bytes_)
    blob = container.copy(PATH, Source(source, size))
    assert blob == container.stat(PATH)
    assert blob.size == size
    assert content(container) == bytes_


@pytest.mark.parametrize("size", SIZES)
def test_a_digest_in_the_source_is_never_believed(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int
) -> None:
    source = upload(azurite, uploads, "forged", bytes(size))
    assert container.copy(PATH, Source(source, size)).sha256 is None
    assert [blob.sha256 for blob in container.list("")] == [None]


def test_a_signed_source_of_unknown_size_is_not_copied(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer
) -> None:
    source = upload(azurite, uploads, "small", b"12345")
    with pytest.raises(CopyNotOfferedError):
        container.copy(PATH, Source(source, None))


def test_a_public_source_is_copied_in_one_call(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer
) -> None:
    uploads.set_container_access_policy({}, public_access="blob")
    source = upload(azurite, uploads, "small", b"12345").partition("?")[0]
    container.copy(PATH, Source(source, None))
    assert content(container) == b"12345"


@pytest.mark.parametrize("size", SIZES)
def test_a_copy_tells_no_reader_of_the_sas_it_was_made_with(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int
) -> None:
    source = upload(azurite, uploads, "signed", bytes(size))
    container.copy(PATH, Source(source, size))
    link = container.link(PATH, hours=1)
    with urlopen(link, timeout=10) as answer:
        assert not [value for value in answer.headers.values() if "sig=" in value]


@pytest.mark.parametrize("size", [5, 5000])
def test_a_copy_leaves_what_is_there(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int
) -> None:
    blob = container.create(PATH, [b"here first"])
    source = upload(azurite, uploads, "late", bytes(size))
    with pytest.raises(BlobExistsError):
        container.copy(PATH, Source(source, size))
    assert container.stat(PATH) == blob


@pytest.mark.parametrize("size", [5, 5000])
def test_a_copy_replaces_exactly_one_blob(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int
) -> None:
    blob = container.record_digest(container.create(PATH, [b"old"]), "a" * 64)
    source = upload(azurite, uploads, "new", bytes(size))
    after = container.copy(PATH, Source(source, size), etag=blob.etag)
    assert (after.size, after.sha256) == (size, None)
    with pytest.raises(BlobChangedError):
        container.copy(PATH, Source(source, size), etag=blob.etag)
    container.delete(after)
    with pytest.raises(BlobChangedError):
        container.copy(PATH, Source(source, size), etag=after.etag)


@pytest.mark.parametrize("size", [5, 5000])
@pytest.mark.parametrize("fault", ["no sas", "expired", "gone", "elsewhere", "closed port"])
def test_what_the_service_cannot_fetch_is_said_without_the_sas(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer, size: int, fault: str
) -> None:
    valid = -AN_HOUR if fault == "expired" else AN_HOUR
    source = upload(azurite, uploads, "fine", bytes(size), valid=valid)
    signature = parse_qs(urlsplit(source).query)["sig"][0]
    sources = {
        "no sas": source.split("?")[0],
        "expired": source,
        "gone": source.replace("fine", "gone"),
        "elsewhere": source.replace("http://127.0.0.1", "https://files.example.com"),
        "closed port": source.replace(f":{azurite.port}", f":{free_port()}"),
    }
    with pytest.raises(CopyNotOfferedError) as caught:
        container.copy(PATH, Source(sources[fault], size))
    assert signature not in told(caught.value)
    assert "sig=" not in told(caught.value)
    assert container.stat(PATH) is None


def test_what_could_not_be_copied_in_blocks_can_be_streamed(
    azurite: Azurite, uploads: ContainerClient, container: AzureContainer
) -> None:
    source = upload(azurite, uploads, "short", bytes(1000))
    with pytest.raises(CopyNotOfferedError):
        container.copy(PATH, Source(source, 5000))
    assert container.create(PATH, [bytes(5000)]).size == 5000


def test_a_forged_digest_that_is_none_is_not_believed(container: AzureContainer) -> None:
    blob = container.create(PATH, [b"x"])
    container.record_digest(blob, "not-a-digest")
    found = container.stat(PATH)
    assert found is not None
    assert found.sha256 is None


@pytest.mark.parametrize("path", [PATH, "a b/ü#1%.bin", "50%25", "q?x=1&y", "plus+sign;a@b"])
def test_a_link_reads_and_does_nothing_else(container: AzureContainer, path: str) -> None:
    container.create(path, [b"bytes"])
    link = container.link(path, hours=1)
    with urlopen(link) as answer:
        assert answer.read() == b"bytes"
    for method in ("PUT", "DELETE"):
        request = Request(link, data=b"x", method=method, headers={"x-ms-blob-type": "BlockBlob"})
        with pytest.raises(HTTPError) as caught:
            urlopen(request)
        caught.value.close()
        assert caught.value.code == 403
    assert content(container, path) == b"bytes"


def test_a_link_reads_one_blob_only(container: AzureContainer) -> None:
    container.create("a", [b"x"])
    container.create("b", [b"y"])
    with pytest.raises(HTTPError) as caught:
        urlopen(container.link("a", hours=1).replace("/a?", "/b?"))
    caught.value.close()
    assert caught.value.code == 403


def test_a_link_lasts_for_its_hours() -> None:
    key = "c2VjcmV0"
    with AzureContainer("https://account.blob.core.windows.net/models", key=key) as container:
        query = parse_qs(urlsplit(container.link(PATH, hours=24)).query)
    start, end = (datetime.fromisoformat(query[name][0]) for name in ("st", "se"))
    assert (end - start, query["spr"], query["sp"]) == (timedelta(hours=24, minutes=5), ["https"], ["r"])
    assert start < datetime.now(UTC)


def container_sas(azurite: Azurite, name: str, permission: str) -> str:
    expiry = datetime.now(UTC) + AN_HOUR
    return generate_container_sas("private", name, azurite.key("private"), permission=permission, expiry=expiry)


def test_with_a_sas_everything_works_but_links(
    azurite: Azurite, container: AzureContainer, uploads: ContainerClient
) -> None:
    container.create("first", [b"x"])
    sas = container_sas(azurite, container.url.rsplit("/", 1)[1], "racwdl")
    with AzureContainer(container.url, sas=f"?{sas}", limits=SMALL) as storage:
        blob = storage.record_digest(storage.create(PATH, [bytes(5000)]), "a" * 64)
        assert storage.url == container.url
        assert [found.path for found in storage.list("")] == ["first", PATH]
        storage.delete(blob)
        source = upload(azurite, uploads, "fine", bytes(5000))
        assert storage.copy(PATH, Source(source, 5000)).size == 5000
        with storage.lease(".registry/lock", timeout=0) as lease:
            lease.write(b"me")
        with pytest.raises(StorageError, match="cannot sign links") as caught:
            storage.link(PATH, hours=1)
        assert "AZURE_STORAGE_KEY" in caught.value.hint


def test_a_container_that_may_not_be_made_is_named(azurite: Azurite) -> None:
    sas = container_sas(azurite, "never-made", "racwdl")
    with AzureContainer(azurite.url("private", "never-made"), sas=sas) as storage:
        assert storage.stat(PATH) is None
        with pytest.raises(StorageError) as caught:
            storage.create(PATH, [b"x"])
    assert caught.value.hint
    assert sas.split("sig=")[1] not in told(caught.value)


def test_a_wrong_key_is_told_with_what_to_check(azurite: Azurite) -> None:
    key = azurite.key("source")
    with AzureContainer(azurite.url("private", "models"), key=key) as storage:
        for call in (lambda: storage.stat(PATH), lambda: storage.create(PATH, [b"x"]), lambda: list(storage.list(""))):
            with pytest.raises(StorageError) as caught:
                call()
            assert "AZURE_STORAGE_KEY" in caught.value.hint
            assert "az login" in caught.value.hint
            assert key not in told(caught.value)


def test_storage_that_is_down_is_told_soon() -> None:
    url = f"http://127.0.0.1:{free_port()}/private/models"
    with AzureContainer(url, sas="sv=2024-01-01&sig=SECRET") as storage:
        started = time.monotonic()
        with pytest.raises(StorageError, match="cannot be reached") as caught:
            storage.create(PATH, [b"x"])
        assert time.monotonic() - started < 15
    assert caught.value.retryable
    assert "[tool.registry]" in caught.value.hint
    assert "SECRET" not in told(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://account/models",
        "https://account.blob.core.windows.net",
        "https://account.blob.core.windows.net/a/b/c",
        "https://account.blob.core.windows.net/models?sv=1&sig=SECRET",
        "https://me:SECRET@account.blob.core.windows.net/models",
        "https://account.blob.core.windows.net/No_Container",
    ],
)
def test_a_url_that_names_no_container_is_a_setting_that_is_wrong(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AzureContainer(url, key="c2VjcmV0")
    assert "SECRET" not in told(caught.value)


def test_a_key_that_is_none_is_not_repeated() -> None:
    key = "SECRET!"
    with pytest.raises(SettingsError) as caught:
        AzureContainer("https://account.blob.core.windows.net/models", key=key)
    assert "SECRET" not in told(caught.value)


def test_an_identity_is_not_sent_over_http(azurite: Azurite) -> None:
    with pytest.raises(SettingsError, match="https only"):
        AzureContainer(azurite.url("private", "models"))


@pytest.mark.parametrize(
    "text",
    [
        "GET https://a.example.com/x?sv=1&sig=SECRET failed",
        "Max retries exceeded with url: /models/x?sp=r&sig=SECRET (Caused by …)",
        "sig=SECRET&se=2026",
        "Signature: SECRET",
        "AccountKey=SECRET;EndpointSuffix=x",
        "Authorization: SECRET",
        "bearer SECRET",
    ],
)
def test_secrets_are_taken_out_of_foreign_messages(text: str) -> None:
    assert "SECRET" not in redact(text)
