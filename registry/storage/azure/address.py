"""Where one container is: the URL of the settings, taken apart, and the paths of its blobs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from registry.errors import SettingsError


@dataclass(frozen=True)
class Address:
    """A container's URL, taken apart."""

    service: str  # without a slash at the end
    account: str
    container: str

    def __str__(self) -> str:
        return f"{self.service}/{self.container}"

    @property
    def root(self) -> str:
        """The path of the account's URL: empty, or in path style `/account`."""
        return urlsplit(self.service).path

    def path(self, blob: str) -> str:
        """The encoded path of a blob's URL; of the container's own for an empty name."""
        return f"{self.root}/{self.container}" + (f"/{quote(blob, safe='/~')}" if blob else "")


def parse_address(url: str) -> Address:
    """Host style (`https://account.…/models`) or path style (`http://127.0.0.1:1/account/models`), or SettingsError."""
    parts = urlsplit(url)
    path = parts.path.strip("/").split("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise SettingsError("the storage URL must be https://account.blob.core.windows.net/container, no query")
    origin = f"{parts.scheme}://{parts.netloc.lower()}"
    if len(path) == 2:
        return Address(f"{origin}/{path[0]}", path[0], _container(path[1]))
    if len(path) == 1:
        return Address(origin, parts.hostname.split(".")[0], _container(path[0]))
    raise SettingsError("the storage URL must name one container and nothing in it")


def _container(name: str) -> str:
    if not re.fullmatch(r"(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", name):
        raise SettingsError(f"{name!r} is no name of a container: 3 to 63 of a-z, 0-9 and single hyphens")
    return name
