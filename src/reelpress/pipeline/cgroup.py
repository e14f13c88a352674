"""Memory limit and usage of the control group that this process lives in (Linux containers; v1, v2 and hybrid)."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class CgroupMemory:
    """The tightest limit that applies, with the group that has it."""

    version: int
    """1 or 2."""
    limit: int
    """Bytes."""
    folder: Path

    def usage(self) -> int:
        """Bytes in use that cannot be dropped at once: without the inactive page cache.

        Reading a large recording fills the page cache up to the limit, which is no shortage: the kernel takes it
        back first. Container managers compute the same "working set".

        Raises:
            OSError, ValueError: The group is gone.
        """
        current, key = (
            ("memory.current", "inactive_file")
            if self.version == 2
            else ("memory.usage_in_bytes", "total_inactive_file")
        )
        used = int((self.folder / current).read_text())
        for line in (self.folder / "memory.stat").read_text().splitlines():
            name, _, value = line.partition(" ")
            if name == key:
                used -= int(value)
        return max(0, used)


def cgroup_memory(root: Path = Path("/")) -> CgroupMemory | None:
    """The control group's memory limit, or ``None`` when there is none (also on other systems).

    Args:
        root: Where ``proc`` and ``sys`` are; tests give a folder of their own.
    """
    found = [*_limits_v2(root), *_limits_v1(root)]
    return min(found, key=lambda group: group.limit, default=None)


def _paths(root: Path) -> dict[str, str]:
    """Controller -> path of our group, from ``/proc/self/cgroup`` (the empty controller is v2)."""
    paths: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in (root / "proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                paths[controller] = path
    return paths


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """Our group and all groups above it: each of their limits holds. In a container the path may not be visible from
    inside; then the mount itself is our group."""
    parts = [p for p in path.split("/") if p not in ("", "..")]
    for n in range(len(parts), -1, -1):
        yield mount.joinpath(*parts[:n])


def _read_limit(file: Path) -> int | None:
    try:
        text = file.read_text().strip()
        value = int(text)
    except (OSError, ValueError):  # absent, or "max"
        return None
    return value if 0 < value < 1 << 60 else None  # v1 says "no limit" with a number near 2^63


def _limits_v2(root: Path) -> Iterator[CgroupMemory]:
    path = _paths(root).get("", "/")
    for mount in (root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"):
        for folder in _upwards(mount, path):
            # beyond memory.high the kernel throttles the process almost to a stop: a limit as well
            for name in ("memory.max", "memory.high"):
                if (limit := _read_limit(folder / name)) is not None:
                    yield CgroupMemory(2, limit, folder)


def _limits_v1(root: Path) -> Iterator[CgroupMemory]:
    path = _paths(root).get("memory", "/")
    for folder in _upwards(root / "sys/fs/cgroup/memory", path):
        if (limit := _read_limit(folder / "memory.limit_in_bytes")) is not None:
            yield CgroupMemory(1, limit, folder)
