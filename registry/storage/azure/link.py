"""URLs that anybody may read for some hours: shared access signatures of one blob."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import NamedTuple
from urllib.parse import urlencode

from registry.errors import StorageError
from registry.storage.azure.client import VERSION, Client
from registry.storage.azure.credentials import KeyCredential, SasCredential, sign
from registry.storage.azure.errors import translated

SKEW = timedelta(minutes=5)  # a clock may be behind ours by this much
LONGEST = timedelta(days=7)  # Azure's limit for a user delegation key


class _Delegation(NamedTuple):
    """A user delegation key, and what a signature made with it says of it."""

    key: bytes
    facts: Mapping[str, str]  # skoid, sktid, skt, ske, sks, skv
    until: datetime


class Linker:
    """Signs links with the account's key, or with a key that an identity asks for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._delegation: _Delegation | None = None
        self._asking = Lock()

    def link(self, path: str, *, hours: int) -> str:
        """A read-only URL of the blob at `path`."""
        now, address = datetime.now(UTC), self._client.address
        until = now + timedelta(hours=hours)
        protocol = "https" if address.service.startswith("https:") else "https,http"
        facts = {"sp": "r", "st": _stamp(now - SKEW), "se": _stamp(until), "spr": protocol, "sv": VERSION, "sr": "b"}
        blob = f"/blob/{address.account}/{address.container}/{path}"
        credential = self._client.credential
        if isinstance(credential, SasCredential):
            raise StorageError(
                "a SAS cannot sign links for readers", hint="give AZURE_STORAGE_KEY, or use an identity (`az login`)"
            )
        if isinstance(credential, KeyCredential):
            facts["sig"] = credential.sign(_to_sign(facts, blob, ("",)))
        else:
            delegation = self._delegated(now, until)
            # Of the last three the first two limit who may use it, and the third is for logs.
            facts["sig"] = sign(delegation.key, _to_sign(facts, blob, (*delegation.facts.values(), "", "", "")))
            facts |= delegation.facts
        origin = address.service.removesuffix(address.root)
        return f"{origin}{address.path(path)}?{urlencode(facts)}"

    def _delegated(self, now: datetime, until: datetime) -> _Delegation:
        """The key asked for last, while it lasts as long as the link; the spare hour lets many links share one."""
        with self._asking:
            if self._delegation is None or self._delegation.until < until:
                end = max(until, min(until + timedelta(hours=1), now + LONGEST))
                with translated("ask for a user delegation key"):
                    self._delegation = self._ask(now - SKEW, end)
            return self._delegation

    def _ask(self, start: datetime, end: datetime) -> _Delegation:
        from xml.etree.ElementTree import fromstring

        query = {"restype": "service", "comp": "userdelegationkey"}
        body = f"<KeyInfo><Start>{_stamp(start)}</Start><Expiry>{_stamp(end)}</Expiry></KeyInfo>".encode()
        headers = {"Content-Type": "application/xml"}
        answer = self._client.send("POST", "", query, headers, body, path=f"{self._client.address.root}/")
        found = fromstring(answer.content)  # noqa: S314
        tags = ("SignedOid", "SignedTid", "SignedStart", "SignedExpiry", "SignedService", "SignedVersion")
        names = ("skoid", "sktid", "skt", "ske", "sks", "skv")
        facts = {name: found.findtext(tag) or "" for name, tag in zip(names, tags, strict=True)}
        return _Delegation(base64.b64decode(found.findtext("Value") or ""), facts, end)


def _to_sign(facts: Mapping[str, str], blob: str, who: tuple[str, ...]) -> str:
    """What is signed: "Create a service SAS" and "Create a user delegation SAS", each with five empty headers."""
    lines = [facts["sp"], facts["st"], facts["se"], blob, *who, "", facts["spr"], facts["sv"], facts["sr"], "", ""]
    return "\n".join([*lines, "", "", "", "", ""])


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
