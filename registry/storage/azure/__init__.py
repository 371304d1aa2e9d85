"""Private storage in Azure: the only home of azure-storage-blob and azure-identity."""

from __future__ import annotations

from registry.storage.azure.client import Limits
from registry.storage.azure.container import AzureContainer

__all__ = ["AzureContainer", "Limits"]
