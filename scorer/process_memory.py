"""The memory of a worker's process: how often cycles are looked for, and that what was freed goes back."""

import asyncio
import ctypes
import gc
from collections.abc import Callable

_GIVE_BACK_SECONDS = 10.0


def collect_rarely() -> None:
    """A chunk is thousands of small objects that die together: with the stock thresholds a third of the CPU goes into
    looking for cycles among them."""
    gc.set_threshold(200_000, 20, 20)


async def give_back() -> None:
    """Return freed memory to the operating system now and then, without end.

    The C library keeps what lies below the newest object of its heap: after a restore or a full pass that is a third
    of the process (docs/decisions/0002-counts.md).
    """
    trim = _trim()
    while trim is not None:
        await asyncio.sleep(_GIVE_BACK_SECONDS)
        await asyncio.to_thread(trim, 0)


def _trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`; other C libraries have none, and give back by themselves or not at all."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim  # type: ignore[no-any-return]
