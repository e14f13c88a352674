"""The few facts that are asked of the operating system; the only importer of psutil, and lazily so."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any


def _psutil() -> Any:
    import psutil  # type: ignore[import-untyped, unused-ignore]

    return psutil


def total_ram() -> int:
    """Bytes of physical memory."""
    return int(_psutil().virtual_memory().total)


def available_ram() -> int:
    """Bytes that can be had without swapping."""
    return int(_psutil().virtual_memory().available)


def cores() -> int:
    """Cores that this process may use (its affinity where there is one)."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else (os.cpu_count() or 1)


def kill_descendants(pid: int) -> None:
    """Kill all children of a process and theirs; those that are gone already are no error."""
    psutil = _psutil()
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.kill()


def bound_heap(*, large_blocks: bool = False) -> bool:
    """Keep glibc from holding on to freed pictures (elsewhere nothing happens). For the whole process, for good.

    What it holds already (of pictures that encoders were tried with, say) goes back to the system.

    With one heap a thread, each heap keeps its own freed blocks: one heap for all needs 30 MB less at 1080p and no
    more time. Call it before any thread is started.

    Args:
        large_blocks: Also give freed blocks from 4 MB on back to the system at once. glibc raises its own threshold
            to 32 MB when it sees such blocks freed, and the process grows by pictures that nobody uses: 80 MB at 4K.
            The price is fresh pages for every picture, 5 ms at 4K.

    Returns:
        Whether it was done.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] != "glibc":
        return False
    m_mmap_threshold, m_arena_max = -3, -8  # malloc.h
    try:
        libc = ctypes.CDLL(None)
        done = bool(libc.mallopt(m_arena_max, 1))
        return done and (not large_blocks or bool(libc.mallopt(m_mmap_threshold, 4 << 20))) and trim_heap()
    except (OSError, AttributeError):
        return False


def trim_heap() -> bool:
    """Give what the heap has freed back to the system now; where that is not known to work, nothing is done.

    Returns:
        Whether it was done (there may have been nothing to give back). It takes a few milliseconds.
    """
    import ctypes
    import platform

    if platform.libc_ver()[0] != "glibc":
        return False
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return False
    trim.argtypes = (ctypes.c_size_t,)
    trim(0)
    return True


def boot_id() -> str:
    """A name of this boot where the system has one (Linux), else an empty string."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def process_start(pid: int) -> str | None:
    """When a process started, as an opaque string to compare; ``None`` when there is no such process.

    A pid alone is reused; together with its start it is not. On Linux the start in clock ticks since boot: the time
    of day that psutil derives from it shifts when the clock is set.
    """
    try:
        # the command in field 2 may hold spaces and brackets, so count from the last bracket: field 22 is the 20th
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    except (OSError, IndexError):
        pass
    psutil = _psutil()
    try:
        return f"{psutil.Process(pid).create_time():.0f}"
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:
        return ""  # it lives, but may not be looked at


def rss() -> int:
    """Resident memory of this process in bytes, now. Some 10 microseconds on Linux, more elsewhere."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError, AttributeError):
        return int(_psutil().Process().memory_info().rss)


def peak_rss() -> int:
    """Peak resident memory of this process in bytes, as the system counted it."""
    try:
        import resource
    except ImportError:  # Windows
        info = _psutil().Process().memory_info()
        return int(getattr(info, "peak_wset", info.rss))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
