"""An identity in place of a key: tokens over https, and links signed with a user delegation key."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from azure.core.credentials import AccessToken
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from registry.errors import StorageError
from registry.storage.azure import AzureContainer
from registry.storage.azure.address import parse_address
from registry.storage.azure.client import Client
from registry.storage.azure.credentials import IdentityCredential
from registry.storage.azure.errors import ServiceError
from registry.storage.azure.federation import ask_for_proof
from tests.azurite import Azurite
from tests.e2e.sources import source
from tests.proxy import Exchange, Proxy

TENANT = "00000000-0000-0000-0000-000000000001"


class Identity:
    """Gives unsigned tokens, which the emulator takes for good, and counts them."""

    def __init__(self, lasts: int = 3600) -> None:
        self.asked = 0
        self.lasts = lasts  # seconds

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for storage."""
        assert scopes == ("https://storage.azure.com/.default",)
        self.asked += 1
        now = int(time.time())
        issuer = f"https://sts.windows.net/{TENANT}/"
        claims: dict[str, object] = {"aud": "https://storage.azure.com", "iss": issuer, "oid": TENANT, "tid": TENANT}
        claims |= {"iat": now - 60, "nbf": now - 60, "exp": now + self.lasts}
        return AccessToken(".".join([_part({"alg": "none", "typ": "JWT"}), _part(claims), "c2ln"]), now + self.lasts)


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a certificate for 127.0.0.1 that nobody signed but itself; its key lies beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    signed = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    folder = tmp_path_factory.mktemp("certificate")
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    return folder / "cert.pem"


@pytest.fixture(scope="module")
def https(certificate: Path) -> Iterator[Azurite]:
    """The emulator over https, with tokens."""
    arguments = ("--cert", str(certificate), "--key", str(certificate.with_name("key.pem")), "--oauth", "basic")
    with Azurite(arguments, scheme="https").running() as emulator:
        yield emulator


def test_an_identity_stores_and_signs_links(https: Azurite, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    identity = Identity()
    with AzureContainer(https.url("private", "models"), credential=identity) as container:
        container.create("a b/ü#1%.bin", [b"bytes"])
        link = container.link("a b/ü#1%.bin", hours=2)
        with urlopen(link, context=ssl.create_default_context(cafile=certificate)) as answer:
            assert answer.read() == b"bytes"
    query = parse_qs(urlsplit(link).query)
    assert (query["sp"], query["spr"], query["skoid"]) == (["r"], ["https"], [TENANT])


def test_a_delegation_key_is_asked_for_again_only_when_it_ends_too_soon(
    https: Azurite, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with AzureContainer(https.url("private", "models"), credential=Identity()) as container:
        ends = [parse_qs(urlsplit(container.link("x", hours=hours)).query)["ske"] for hours in (2, 1, 2, 24)]
    assert ends[0] == ends[1] == ends[2] != ends[3]


@pytest.mark.parametrize(("lasts", "asked"), [(3600, 1), (200, 3)])
def test_a_token_is_used_until_shortly_before_its_end(lasts: int, asked: int) -> None:
    identity = Identity(lasts)
    credential = IdentityCredential(identity)
    assert all(credential.bearer().startswith("Bearer ") for _ in range(3))
    assert identity.asked == asked


def test_a_token_that_is_refused_in_the_middle_of_a_run_is_asked_for_anew(azurite: Azurite) -> None:
    def unauthorized(exchange: Exchange) -> None:
        exchange.answer(401, {"x-ms-error-code": "InvalidAuthenticationInfo"})

    identity = Identity()
    with Proxy({"/": azurite.port}).running() as proxy:
        proxy.spoil(lambda _: True, unauthorized, times=10)
        address = parse_address(f"{proxy.url}/private/models")
        with closing(Client(address, IdentityCredential(identity))) as client, pytest.raises(ServiceError) as caught:
            client.send("HEAD", "x")
    assert (caught.value.status, len(proxy.asked), identity.asked) == (401, 2, 2)


def test_an_identity_that_gives_no_token_is_told_without_its_secrets() -> None:
    class Nobody:
        def get_token(self, *_: str, **__: Any) -> AccessToken:
            raise ValueError("no luck: client_secret?sig=SECRET")

    url, told = "https://account.blob.core.windows.net/models", pytest.raises(StorageError, match="no token")
    with AzureContainer(url, credential=Nobody()) as storage, told as caught:
        storage.stat("x")
    assert storage.bearer is not None
    with pytest.raises(StorageError, match="for a source"):
        storage.bearer()
    assert "az login" in caught.value.hint
    assert "SECRET" not in str(caught.value)


def test_a_job_proves_anew_who_it_is_for_each_token() -> None:
    """GitHub: GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=… with the request's token as bearer answers {"value": …}."""
    asked: list[str] = []
    path = "/token?v=1&audience=api%3A%2F%2FAzureADTokenExchange"
    with source({path: b'{"value": "a proof"}'}, asked=asked, token="Bearer request-token") as url:
        assert ask_for_proof(f"{url}/token?v=1", "request-token") == "a proof"
        with pytest.raises(StorageError, match="gives this job no identity: 401") as caught:
            ask_for_proof(f"{url}/token?v=1", "another")
    assert asked == [path] * 2
    assert "id-token: write" in caught.value.hint
