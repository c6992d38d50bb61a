"""The memory of a worker's process: how often cycles are looked for, and that what was freed goes back."""

import asyncio
import ctypes
import gc
from typing import Any

_GIVE_BACK_SECONDS = 10.0
_MAPPED_BYTES = 512 * 1024
_M_MMAP_THRESHOLD = -3


def set_up_memory() -> None:
    """Before the first event."""
    # A chunk is thousands of small objects that die together: with the stock thresholds a third of the CPU goes into
    # looking for cycles among them.
    gc.set_threshold(200_000, 20, 20)
    if libc := _glibc():
        # Columns of a block have pages of their own. Left alone, the threshold grows to 32 MiB.
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


async def give_back() -> None:
    """Return freed memory to the operating system now and then, without end.

    The C library keeps what lies below the newest object of its heap: after a restore or a full pass that is a third
    of the process (docs/decisions/0002-counts.md).
    """
    if libc := _glibc():
        while True:
            await asyncio.sleep(_GIVE_BACK_SECONDS)
            await asyncio.to_thread(libc.malloc_trim, 0)


def _glibc() -> Any | None:
    """Other C libraries haven't these calls, and give back by themselves or not at all."""
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt") else None
