"""What one request carries, and how long a copy may take."""

from __future__ import annotations

from dataclasses import dataclass

from registry.storage.protocol import AT_ONCE

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes. The defaults are the service's limits or well below."""

    block: int = 4 * MIB  # one uploaded block, held in memory; 50,000 of them make a blob
    chunk: int = MIB // 2  # one chunk of a read
    one_copy: int = 256 * MIB  # copied in one call: Copy Blob From URL takes no more, and larger is faster in parts
    copied_block: int = AT_ONCE  # one Put Block From URL
    copies_at_once: int = 16  # blocks, of all files together
    pending: float = 600.0  # seconds until a copy in the background is given up
