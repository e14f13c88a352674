"""Who stands still? The judgement over all stages of a pipeline, and the lines written when it falls.

The culprit of a stall is the stage that is *busy* without a heartbeat, not one that waits for its neighbour: a
frozen encoder makes the compositor wait to send and the decoder wait behind it, and only the encoder is to blame.
"""

from __future__ import annotations

import logging
import sys
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.errors import StallError
from reelpress.pipeline.stage import SLOW_PHASES

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from reelpress.pipeline.stage import StageContext

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds without any progress of a stage after which it counts as stalled (design 5)."""

    stall_s: float = 5.0
    slow_s: float = 30.0
    """For the first frame, compiling and flush; never less than ``stall_s``."""

    def of(self, phase: str, own_s: float | None = None) -> float:
        """The deadline in ``phase`` of a stage with its own ``stall_s``, if any."""
        stall = self.stall_s if own_s is None else own_s
        return max(stall, self.slow_s) if phase in SLOW_PHASES else stall


class Watchdog:
    """Judges the stages of one pipeline. ``check`` may be called from any thread."""

    def __init__(self, contexts: Sequence[StageContext], deadlines: Deadlines) -> None:
        self._contexts = tuple(contexts)
        self._deadlines = deadlines

    def states(self) -> dict[str, str]:
        """One line per stage."""
        return {c.name: c.snapshot().line for c in self._contexts}

    def check(self, *, slack: float = 1.0, outside: frozenset[str] = frozenset()) -> StallError | None:
        """The verdict at this moment.

        Args:
            slack: Factor on all deadlines; a second judge that is only a safety net uses more than 1.
            outside: Names of channels whose other end is no stage but the caller, who may take his time.
        """
        everyone = [(context, context.snapshot()) for context in self._contexts]
        live = [(context, snapshot) for context, snapshot in everyone if snapshot.alive]
        culprits = [
            snapshot
            for context, snapshot in live
            if snapshot.waiting is None
            and snapshot.still_s > slack * self._deadlines.of(snapshot.phase, context.stage.stall_s)
        ]
        if culprits:
            culprit = max(culprits, key=lambda s: s.still_s)
            op = culprit.phase if culprit.phase in SLOW_PHASES else ("native" if culprit.native else "busy")
            return StallError(culprit.name, op, culprit.still_s, self.states())
        # All wait for each other: a mistake in the wiring, e.g. two inputs whose senders want to be read in another
        # order. Nobody is busy, so nobody would ever be blamed by the rule above.
        if live and all(s.waiting is not None and s.channel not in outside for _, s in live):
            # What counts is when anything last happened to any stage: one that has waited for a minute is about to
            # wake when its neighbour has just sent the first frame or ended.
            quiet = min(s.quiet_s for _, s in everyone)
            if quiet > slack * self._deadlines.stall_s:
                _, oldest = max(live, key=lambda pair: pair[1].still_s)
                return StallError(oldest.name, oldest.waiting or "recv", oldest.still_s, self.states())
        return None


def log_stall(stall: StallError, threads: Mapping[str, threading.Thread]) -> None:
    """Write the states and the Python stacks of all stage threads to the log.

    Args:
        stall: The verdict.
        threads: Stage name -> its thread.
    """
    _log.error("stall: stage %s made no progress for %.1f s (%s)", stall.stage, stall.waited_s, stall.op)
    frames = sys._current_frames()
    for name, thread in threads.items():
        _log.error("stage %s: %s", name, stall.state.get(name, "?"))
        frame = frames.get(thread.ident or -1)
        if frame is not None:
            _log.error("stack of %s:\n%s", thread.name, "".join(traceback.format_stack(frame)).rstrip())
    del frames  # they hold every local of every thread
