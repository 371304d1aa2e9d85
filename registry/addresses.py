"""Addresses: which belong to the public network, and which a URL's host stands for, in whatever notation."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from functools import lru_cache

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # what IANA has given out: RFC 4291, 2.4
_NOT_PUBLIC = (
    ipaddress.IPv4Network("168.63.129.16/32"),  # Azure's own: every virtual machine reaches its host there
    ipaddress.IPv4Network("192.0.0.0/24"),  # IANA's for protocols; older Pythons take most of it for public
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_LOOPBACK = re.compile(r"(?:.*\.)?localhost")  # RFC 6761, 6.3
_NUMBER = re.compile(r"0x[0-9a-f]*|0[0-7]*|[1-9][0-9]*")


def is_public(address: str, *, allow_loopback: bool = False) -> bool:
    """Whether an address belongs to the public network, in whatever notation it is embedded."""
    ip = ipaddress.ip_address(address.split("%")[0])
    embedded = _embedded(ip) if isinstance(ip, ipaddress.IPv6Address) else (ip,)
    if allow_loopback and [str(v4) for v4 in embedded] == ["127.0.0.1"]:
        return True
    if not embedded:
        return ip in _GLOBAL_UNICAST and ip.is_global
    return all(_is_public_v4(v4) for v4 in embedded)


@lru_cache(maxsize=1024)
def address_of(host: str) -> str | None:
    """The address that the host of a URL stands for without a look-up, as resolvers read it; None for a name."""
    plain = unicodedata.normalize("NFKC", host).lower().replace("。", ".").rstrip(".")  # as IDNA has it: UTS 46
    if _LOOPBACK.fullmatch(plain):
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        return _address_of_numbers(plain.split("."))


def _address_of_numbers(parts: list[str]) -> str | None:
    """One to four numbers, also in octal or hexadecimal digits, the last one for all bytes that are left: inet_aton."""
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) and len(part) <= 16 for part in parts):
        return None
    *first, last = (
        int(part[2:] or "0", 16) if part[:2] == "0x" else int(part, 8 if part[0] == "0" else 10) for part in parts
    )
    if any(byte > 0xFF for byte in first) or last >= 256 ** (4 - len(first)):
        return None
    return str(ipaddress.IPv4Address(int.from_bytes(bytes(first)) << 8 * (4 - len(first)) | last))


def _is_public_v4(ip: ipaddress.IPv4Address) -> bool:
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _NOT_PUBLIC)


def _embedded(ip: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that packets to an IPv6 address end at."""
    if ip in _NAT64:
        return (ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF),)
    mapped = ip.ipv4_mapped or ip.sixtofour
    return (mapped,) if mapped else ip.teredo or ()
