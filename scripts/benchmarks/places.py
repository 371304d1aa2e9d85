"""What is copied, and between which places: files of one size in one account of an emulator, near or far."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from scripts.benchmarks.latency import far_away
from tests.azurite import Azurite

LATENCY = 0.03  # seconds
MIB = 1024 * 1024


class Case(NamedTuple):
    """Files of one size, copied by one call, in some versions."""

    title: str
    files: int
    size: int
    call: str  # "Copy Blob" or "Put Block From URL"
    versions: int

    @property
    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Name in the source and bytes; no two alike."""
        for number in range(self.files):
            head = f"{self.title} {number}\n".encode()
            yield f"{number % self.versions}.0/{number:03d}.bin", head + bytes(self.size - len(head))


CASES = {
    "small": [
        Case("200 × 64 KiB", 200, 64 * 1024, "Copy Blob", 10),
        Case("200 × 64 KiB", 200, 64 * 1024, "Put Block From URL", 10),
    ],
    "medium": [
        Case("20 × 8 MiB", 20, 8 * MIB, "Copy Blob", 2),
        Case("20 × 8 MiB", 20, 8 * MIB, "Put Block From URL", 2),
    ],
    "large": [Case("1 × 512 MiB", 1, 512 * MIB, "Put Block From URL", 1)],
}


@dataclass
class Place:
    """One Azurite with the files of a case in the account `source`, and where it is spoken to."""

    azurite: Azurite
    case: Case
    url: str  # of Azurite, or of the proxy before it
    folder: Path
    endpoint: str = ""
    sas: str = field(default="", repr=False)

    @property
    def uploads(self) -> str:
        """Where the sources are."""
        return f"{self.url}/source/uploads"

    def container(self) -> str:
        """The name of a new container in the account `private`."""
        name = f"copies-{secrets.token_hex(4)}"
        key = AzureNamedKeyCredential("private", self.azurite.key("private"))
        with ContainerClient(self.azurite.url("private", "")[:-1], name, credential=key) as container:
            container.create_container()
        return name


@contextmanager
def prepared(case: Case, *, is_far: bool) -> Iterator[Place]:
    """The sources of a case in a new Azurite, behind a proxy where it is far."""
    with ExitStack() as stack:
        azurite = stack.enter_context(Azurite().running())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port = stack.enter_context(far_away(azurite.port, delay=LATENCY)) if is_far else azurite.port
        url = f"http://127.0.0.1:{port}"
        key = azurite.key("source")
        with ContainerClient(
            azurite.url("source", "")[:-1], "uploads", credential=AzureNamedKeyCredential("source", key)
        ) as uploads:
            uploads.create_container(public_access="container" if case.call == "Copy Blob" else None)
            for path, content in case.contents:
                uploads.upload_blob(path, content)
        expiry = datetime.now(UTC) + timedelta(hours=1)
        may = ContainerSasPermissions(read=True, list=True)
        sas = generate_container_sas("source", "uploads", key, permission=may, expiry=expiry)
        yield Place(azurite, case, url, folder, sas=sas)
