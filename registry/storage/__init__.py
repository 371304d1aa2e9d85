"""Private storage: a Protocol, because a folder and Azure Blob Storage both are one."""

from registry.storage.protocol import AT_ONCE, Blob, Lease, Source, Storage

__all__ = ["AT_ONCE", "Blob", "Lease", "Source", "Storage"]
