"""A stage: a named thread around a passive function, with a heartbeat and statistics."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reelpress.pipeline.trace import NO_TRACE, SHORTEST_BUSY_S

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.channel import Channel
    from reelpress.pipeline.clocks import AwakeClock
    from reelpress.pipeline.trace import Tracer

FIRST_FRAME = "first_frame"
RUNNING = "running"
COMPILING = "compiling"
FLUSH = "flush"
SLOW_PHASES = frozenset({FIRST_FRAME, COMPILING, FLUSH})
"""Phases with the long deadline: opening files and codecs up to the first frame, compiling shaders, flushing."""

THREAD_PREFIX = "reelpress-"


@dataclass(frozen=True, slots=True)
class StageStats:
    """Where a stage's time went, in seconds in which the process ran (``report.stages``)."""

    busy_s: float
    wait_in_s: float
    """Waiting for the stage before it."""
    wait_out_s: float
    """Waiting for the stage after it."""
    frames: int


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """A stage at one moment, for the watchdog."""

    name: str
    phase: str
    waiting: str | None
    """``send`` or ``recv`` while it waits for a neighbour, else ``None``: it is busy."""
    channel: str | None
    native: str | None
    """Name of the native call it is in."""
    still_s: float
    """Seconds since its last progress (busy) or since its wait began (waiting)."""
    quiet_s: float
    """Seconds since anything at all happened to it: progress, the begin of a wait, its end."""
    alive: bool
    line: str


@dataclass(frozen=True)
class Stage:
    """What to run in one thread.

    Args:
        name: Lower case, as in reports (``decode``, ``encode``); the thread is ``reelpress-<name>``.
        function: Does all the work and returns when it is done. It receives from its inputs and sends to its outputs
            itself; a passive block that starts no threads. Whatever it opened it closes in its own ``finally``.
        inputs: Channels that it receives from. When it returns before their end, their senders are told to stop.
        outputs: Channels that it sends to. They are closed when it returns.
        stall_s: Its own deadline in seconds, if it differs from the pipeline's.
    """

    name: str
    function: Callable[[StageContext], None]
    inputs: Sequence[Channel[Any]] = ()
    outputs: Sequence[Channel[Any]] = ()
    stall_s: float | None = None


class StageContext:
    """What a stage's function gets, and what the watchdog sees of it.

    The stage's own thread calls the public methods; ``snapshot`` and ``stats`` may be called from any thread.
    Progress is a frame taken in or given out, a native call that returned, or ``heartbeat()``.
    """

    def __init__(self, stage: Stage, clock: AwakeClock, cancel: CancelToken, tracer: Tracer = NO_TRACE) -> None:
        self._trace = tracer if tracer.enabled else None
        self._trace_mark = tracer.now()
        self.stage = stage
        self.name = stage.name
        self.cancel = cancel
        self._clock = clock
        self._lock = threading.Lock()
        self._phase = FIRST_FRAME
        self._waiting: tuple[str, str] | None = None
        self._native: str | None = None
        self._progress = self._mark = clock.now()
        self._busy = 0.0
        self._wait = {"recv": 0.0, "send": 0.0}
        self._moved = {"recv": 0, "send": 0}
        self._frames: int | None = None
        self._ended_inputs: set[str] = set()
        self._alive = True

    # -- for the stage's function ---------------------------------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """Whether to stop; long loops without a channel look at it themselves."""
        return self.cancel.cancelled

    def raise_if_cancelled(self) -> None:
        """Raise ``Cancelled`` when cancelled."""
        self.cancel.raise_if_cancelled()

    def heartbeat(self) -> None:
        """Say "I still move": for work of many seconds that passes no frame on."""
        with self._lock:
            self._progress = self._clock.now()

    def native(self, op: str) -> _Native:
        """``with ctx.native("x264 encode"): ...`` names the call in state lines; its return is a heartbeat."""
        return _Native(self, op)

    def phase(self, name: str) -> _Phase:
        """``with ctx.phase("compiling"): ...``; ``first_frame``, ``compiling`` and ``flush`` have the long deadline.

        Needed only for compiling: the first frame and the flush (after the last input ended) are noticed.
        """
        return _Phase(self, name)

    def set_frames(self, frames: int) -> None:
        """State the number of frames for the report. Default: items given out, or taken in by a last stage."""
        with self._lock:
            self._frames = frames

    def decide(self, kind: str, frame: int, **args: float | str | bool | None) -> None:
        """Note a decision about an output frame in the trace; costs nothing to speak of when there is none.

        Args:
            kind: What was decided: ``held``, ``patched``, ``composed``, ``splice: hold``, ...
            frame: Output frame index.
            args: Why: numbers and short texts. Nothing of what the picture shows, and no paths.
        """
        if self._trace is not None:
            self._trace.instant(self.name, kind, {"frame": frame, **args})

    # -- WaitObserver (called by channels) ------------------------------------------------------------------------

    def begin_wait(self, op: str, channel: str) -> None:
        if self._trace is not None:
            self._trace_busy()
        with self._lock:
            now = self._clock.now()
            self._busy += now - self._mark
            self._mark = now
            self._waiting = (op, channel)

    def end_wait(self) -> None:
        with self._lock:
            now = self._clock.now()
            waited = self._waiting
            if waited is not None:
                self._wait[waited[0]] += now - self._mark
            self._mark = self._progress = now
            self._waiting = None
        if self._trace is not None and waited is not None:
            end = self._trace.now()
            side = "wait in" if waited[0] == "recv" else "wait out"
            self._trace.span(self.name, side, self._trace_mark, end, {"channel": waited[1]})
            self._trace_mark = end

    def moved(self, op: str) -> None:
        if self._trace is not None:
            self._trace_busy()
        with self._lock:
            self._progress = self._clock.now()
            self._moved[op] += 1
            # With the first frame given out, or the second taken in, the first one is through.
            if self._phase == FIRST_FRAME and (op == "send" or self._moved["recv"] >= 2):
                self._phase = RUNNING

    def input_ended(self, channel: str) -> None:
        with self._lock:
            self._progress = self._clock.now()
            self._ended_inputs.add(channel)
            if all(c.name in self._ended_inputs for c in self.stage.inputs):
                self._phase = FLUSH

    # -- for the pipeline -----------------------------------------------------------------------------------------

    def finish(self) -> None:
        """The function has returned or raised."""
        if self._trace is not None:
            self._trace_busy()
        with self._lock:
            now = self._clock.now()
            self._busy += now - self._mark
            self._mark = now
            self._alive = False

    @property
    def stats(self) -> StageStats:
        """Times and frames so far."""
        with self._lock:
            busy, waits = self._busy, dict(self._wait)
            if self._alive:  # the current spell is not booked yet
                spell = self._clock.now() - self._mark
                if self._waiting is None:
                    busy += spell
                else:
                    waits[self._waiting[0]] += spell
            return StageStats(busy, waits["recv"], waits["send"], self._count())

    def snapshot(self) -> StageSnapshot:
        """What it is doing now."""
        with self._lock:
            now = self._clock.now()
            waiting, channel = self._waiting or (None, None)
            still = now - (self._progress if waiting is None else self._mark)
            quiet = now - max(self._progress, self._mark)
            if not self._alive:
                line = "done"
            elif waiting is not None:
                line = f"waiting {still:.1f} s to {waiting} ({channel})"
            elif self._native is not None:
                line = f"busy {still:.1f} s in {self._native}"
            else:
                line = f"busy {still:.1f} s"
            line += f", {self._phase}, {self._count()} frames"
            return StageSnapshot(
                self.name, self._phase, waiting, channel, self._native, still, quiet, self._alive, line
            )

    def _count(self) -> int:
        if self._frames is not None:
            return self._frames
        return self._moved["send"] if self.stage.outputs else self._moved["recv"]

    def _trace_busy(self) -> None:
        """The spell of work since the last wait, or the last item taken in or given out, ends here."""
        assert self._trace is not None
        now = self._trace.now()
        if now - self._trace_mark >= SHORTEST_BUSY_S:
            counts = {"taken_in": self._moved["recv"], "given_out": self._moved["send"]}
            self._trace.span(self.name, "busy", self._trace_mark, now, counts)
        self._trace_mark = now

    def _swap(self, attribute: str, value: str | None, *, beat: bool) -> str | None:
        with self._lock:
            old: str | None = getattr(self, attribute)
            setattr(self, attribute, value)
            if beat:
                self._progress = self._clock.now()
            return old


class _Native:
    """Not a generator-based context manager: this runs several times a frame."""

    __slots__ = ("_context", "_op", "_outer", "_since")

    def __init__(self, context: StageContext, op: str) -> None:
        self._context, self._op = context, op
        self._outer: str | None = None
        self._since = 0.0

    def __enter__(self) -> None:
        context = self._context
        self._outer = context._swap("_native", self._op, beat=True)
        if context._trace is not None:
            self._since = context._trace.now()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        context = self._context
        if context._trace is not None:
            context._trace.span(context.name, self._op, self._since, context._trace.now())
        context._swap("_native", self._outer, beat=True)


class _Phase:
    __slots__ = ("_context", "_name", "_outer")

    def __init__(self, context: StageContext, name: str) -> None:
        self._context, self._name = context, name
        self._outer: str | None = None

    def __enter__(self) -> None:
        self._outer = self._context._swap("_phase", self._name, beat=True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._context._swap("_phase", self._outer, beat=True)
