"""Memory that gets short during an export: channels shrink, and one warning says so."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.pipeline import machine
from reelpress.pipeline.cgroup import cgroup_memory
from reelpress.pipeline.channel import MIN_ITEMS
from reelpress.pipeline.clocks import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)

CGROUP_LIMIT = 0.90
"""Share of the control group's memory in use from which it is short."""
AVAILABLE_LIMIT = 0.10
"""Share of the machine's memory still available below which it is short."""
INTERVAL_S = 1.0


def shortage(root: Path = Path("/")) -> str | None:
    """What is short at this moment, as the first half of a sentence, or ``None``."""
    group = cgroup_memory(root)
    if group is not None:
        try:
            used = group.usage()
        except (OSError, ValueError):
            used = 0
        if used > CGROUP_LIMIT * group.limit:
            return f"{used / 1e6:.0f} of {group.limit / 1e6:.0f} MB of this container's memory are in use"
    total, available = machine.total_ram(), machine.available_ram()
    if available < AVAILABLE_LIMIT * total:
        return f"only {available / 1e6:.0f} of {total / 1e6:.0f} MB of memory are available"
    return None


class PressureMonitor:
    """Call it on every tick of the pipeline; it looks at most once a second.

    Args:
        shrink: Is told the new bound in items once (``Pipeline.shrink``).
        warn: Gets the one warning.
        measure: Says what is short, or ``None``; injectable.
        clock: Injectable time.
    """

    def __init__(
        self,
        shrink: Callable[[int], None],
        warn: Callable[[str], None],
        *,
        measure: Callable[[], str | None] = shortage,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._shrink = shrink
        self._warn = warn
        self._measure = measure
        self._clock = clock
        self._next = clock.monotonic()
        self.tripped = False
        """Whether memory has been short; buffers are not grown again, or they would swing to and fro."""

    def __call__(self) -> None:
        if self.tripped or (now := self._clock.monotonic()) < self._next:
            return
        self._next = now + INTERVAL_S
        try:
            short = self._measure()
        except OSError as error:  # no facts are no shortage
            _log.debug("memory cannot be measured: %s", error)
            return
        if short is not None:
            self.tripped = True
            self._shrink(MIN_ITEMS)
            self._warn(f"Memory is short: {short}. Buffers were reduced to {MIN_ITEMS} frames.")
