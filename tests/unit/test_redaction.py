"""What leaves in no message, and which addresses no contributor's URL leads to."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.addresses import is_public
from registry.web import redact

NOT_PUBLIC = [
    "0.0.0.0",  # noqa: S104 - nothing is bound to it
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",  # carrier-grade NAT
    "100.100.100.200",
    "127.0.0.1",
    "127.1.2.3",
    "168.63.129.16",  # Azure's own, on every virtual machine
    "169.254.169.254",  # metadata of clouds
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
]
PUBLIC = ["8.8.8.8", "20.60.0.1", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1"]


def notations(address: str) -> dict[str, str]:
    """An IPv4 address in each notation of IPv6 that leads to it."""
    number = int(ipaddress.IPv4Address(address))
    return {
        "plain": address,
        "mapped": f"::ffff:{address}",
        "mapped, in hex": str(ipaddress.IPv6Address((0xFFFF << 32) | number)),
        "6to4": str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),
        "NAT64": f"64:ff9b::{address}",
        "Teredo": str(ipaddress.IPv6Address((0x20010000 << 96) | (0x08080808 << 64) | (number ^ 0xFFFFFFFF))),
    }


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_so_in_every_notation(address: str) -> None:
    assert {name for name, spelled in notations(address).items() if is_public(spelled)} == set()
    assert not is_public(f"::{address}")  # compatible with IPv4, long out of use


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_so_in_every_notation(address: str) -> None:
    assert {name for name, spelled in notations(address).items() if not is_public(spelled)} == set()


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "100::1",
        "64:ff9b:1::808:808",
        "::1%lo",
        "5f00::1",
        "4000::1",
    ],
)
def test_an_ipv6_address_that_is_not_public_is_not(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["2606:4700:4700::1111", "2a01:111::1", "2606:4700::1%eth0"])
def test_a_public_ipv6_address_is(address: str) -> None:
    assert is_public(address)


def test_loopback_is_let_through_where_the_settings_say_so_and_nothing_else_is() -> None:
    assert is_public("127.0.0.1", allow_loopback=True)
    refused = ["127.0.0.2", "10.0.0.1", "::1", "169.254.169.254", "0.0.0.1", "fe80::1%lo"]
    assert [address for address in refused if is_public(address, allow_loopback=True)] == []


@given(st.ip_addresses())
def test_every_address_is_public_or_not(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if is_public(str(address)):
        assert not any((address.is_loopback, address.is_link_local, address.is_unspecified, address.is_multicast))
        assert address.version == 6 or address.is_global


@pytest.mark.parametrize(
    "text",
    [
        "GET https://account.blob.core.windows.net/c/b?sv=2024&sig=SECRET%3D failed",
        "https://a/b?token=SECRET",
        "HTTPSConnectionPool: Max retries exceeded with url: /c/b?sv=2024&sig=SECRET (Caused by x)",
        "sv=2024-01-01&sr=b&sig=SECRET",
        "sig%3DSECRET",
        "Authorization: Bearer SECRET",
        "authorization: bearer SECRET, next",
        "token: Bearer SECRET",
        "token=SECRET",
        '{"token": "SECRET"}',
        "{'password': 'SECRET'}",
        "password: SECRET",
        "AccountName=a;AccountKey=SECRET;EndpointSuffix=core.windows.net",
        "https://user:SECRET@example.com/a",
        "https://SECRET@example.com/a",
        "https://user:p@SECRET@example.com/a",
        "postgresql://registry:SECRET@localhost/registry",
        "<https://a/b?sig=SECRET>",
        "two: https://a/b?sig=SECRET and https://c/d?sig=SECRET",
    ],
)
def test_a_secret_leaves_in_no_message(text: str) -> None:
    assert "SECRET" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "the token is wrong",
        "password authentication failed",
        "https://example.com/a/b.bin does not answer",
        "Connection refused (127.0.0.1:8000)",
        "signature: see https://example.com/design",
        "mail ada@example.com",
        "",
    ],
)
def test_an_ordinary_message_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)
