"""Private storage in Azure, over its REST interface: the only home of azure-identity."""

from __future__ import annotations

from registry.storage.azure.container import AzureContainer
from registry.storage.azure.limits import Limits

__all__ = ["AzureContainer", "Limits"]
