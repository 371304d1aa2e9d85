"""Private storage: a Protocol, because a folder and Azure Blob Storage both are one."""

from registry.storage.protocol import Blob, Lease, Storage

__all__ = ["Blob", "Lease", "Storage"]
