"""Running stages together: start, watch, stop; the first error wins and nothing waits for ever."""

from __future__ import annotations

import errno
import faulthandler
import logging
import threading
import traceback
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from reelpress.errors import Cancelled, ExportError, OutOfMemoryError, ReelpressError, StallError
from reelpress.pipeline import switching
from reelpress.pipeline.cancel import CancelToken
from reelpress.pipeline.channel import Channel, ChannelClosed, ChannelFailed, ChannelStats, observe_waits
from reelpress.pipeline.clocks import SYSTEM_CLOCK, WAIT_SLICE_S, AwakeClock, Clock
from reelpress.pipeline.stage import THREAD_PREFIX, Stage, StageContext, StageStats
from reelpress.pipeline.trace import NO_TRACE, Tracer
from reelpress.pipeline.watchdog import Deadlines, Watchdog, log_stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

_log = logging.getLogger(__name__)

NET_SLACK = 1.5
"""The channels' own deadlines are a safety net behind the monitor: it must be the first to judge."""

STOP_GRACE_S = 0.7
"""Seconds that stages get to end after a cancel or a stall: with the monitor's tick it stays under one second."""

OTHERS_GRACE_S = 5.0
"""Seconds at most that the stages which did not stall get on a machine that is busy: whoever knows how to go on without
the one that did can only do so when they have ended."""

_leaked: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def leaked_threads() -> tuple[str, ...]:
    """Names of stage threads that did not end with their pipeline and still live.

    They are stuck in native code. Whoever owns the process must then leave it with ``os._exit`` after tidying up:
    a normal exit would run finalisers of libraries that such a thread is still inside of.
    """
    return tuple(sorted(t.name for t in list(_leaked) if t.is_alive()))


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """What a run took."""

    stages: Mapping[str, StageStats]
    channels: Mapping[str, ChannelStats]
    wall_s: float
    """Seconds in which the process ran, start to end."""
    jumps: int = 0
    """How often the process was frozen meanwhile (sleep, SIGSTOP)."""


@dataclass
class _Outcome:
    """First error and end of stages, shared by the stage threads and the monitor."""

    condition: threading.Condition = field(default_factory=threading.Condition)
    error: BaseException | None = None
    running: int = 0


class Pipeline:
    """Stages and the channels between them, run once.

    The calling thread is the monitor: it looks around every 50 ms, so that Ctrl-C, cancelling and stalls are seen
    whatever the stages do. Use ``run`` when the last stage is a stage, ``stream`` to consume a channel yourself.

    Args:
        stages: In the order of the flow. Names must differ.
        deadlines: When a stage counts as stalled.
        clock: Injectable time.
        stop_grace_s: How long stages may take to end after a cancel or stall (after another failure: ``stall_s``).
        hard_deadline_s: Opt-in last resort against a native call that never returns *and* keeps the interpreter's
            lock: then no Python code runs any more, this monitor included, and only a timer in C can help. It writes
            all stacks to stderr and leaves the process with status 1 when the monitor has not run for that long. For
            the command line only; it cannot tell such a call from a process that was stopped and continued
            (SIGSTOP), so be generous. The target guard's files stay behind and are removed by the next export.
        tracer: Where stages and channels note what they do (``trace``). The monitor writes it out at every tick.

    Raises:
        ValueError: Two stages or two channels have the same name.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        *,
        deadlines: Deadlines | None = None,
        clock: Clock = SYSTEM_CLOCK,
        stop_grace_s: float = STOP_GRACE_S,
        hard_deadline_s: float | None = None,
        tracer: Tracer = NO_TRACE,
    ) -> None:
        self._stages = tuple(stages)
        self._channels = tuple({id(c): c for s in self._stages for c in (*s.inputs, *s.outputs)}.values())
        for kind, names in (
            ("stages", [s.name for s in self._stages]),
            ("channels", [c.name for c in self._channels]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"Two {kind} of a pipeline have the same name: {sorted(names)}.")
        self._deadlines = deadlines or Deadlines()
        self._clock = AwakeClock(clock)
        self._grace = stop_grace_s
        self._hard = hard_deadline_s
        self._tracer = tracer
        self._armed_at: float | None = None
        self._switching = False
        self._outcome = _Outcome()
        self._threads: dict[str, threading.Thread] = {}
        self._contexts: list[StageContext] = []
        self._watchdog = Watchdog((), self._deadlines)
        self._outside: frozenset[str] = frozenset()
        self._cancel = CancelToken()
        self._remove_callback: Callable[[], None] = _nothing
        self._tick: Callable[[], None] = _nothing
        self._started_at: float | None = None
        self._ended_at = 0.0

    # -- the two ways to run --------------------------------------------------------------------------------------

    def run(self, cancel: CancelToken | None = None, *, on_tick: Callable[[], None] | None = None) -> PipelineStats:
        """Run all stages to their end.

        Args:
            cancel: Ends the run within a second with ``Cancelled``.
            on_tick: Called in this thread every 50 ms (progress lines, memory monitor). It must not block. What it
                raises ends the run; a ``BrokenPipeError`` (stdout is closed) ends it as cancelled.

        Raises:
            ReelpressError: The first error of any stage. Others than ReelpressError come as ``ExportError`` naming
                the stage, with the original as ``__cause__``; ``MemoryError`` as ``OutOfMemoryError``.
            StallError: With ``leaked_threads`` when the stage could not be ended.
            Cancelled: The token was cancelled.
            KeyboardInterrupt: Ctrl-C with no handler installed; the stages have ended then.
            RuntimeError: It ran before.
        """
        try:
            self._start(cancel, on_tick)
            self._watch_until_end()
        except KeyboardInterrupt:
            self._fail(Cancelled("The export was cancelled (Ctrl-C)."))
            raise
        except Exception as error:
            self._fail(_of_tick(error))
        finally:
            self._stop()
        self._raise_outcome()
        return self.stats

    def stream(
        self,
        channel: Channel[T],
        cancel: CancelToken | None = None,
        *,
        on_tick: Callable[[], None] | None = None,
    ) -> Iterator[T]:
        """Run the stages and hand out what arrives in ``channel`` (which no stage receives from).

        The caller may take any time between two items: that is no stall. Leaving the loop early ends the stages.

        Raises:
            As ``run``.
        """
        try:
            self._start(cancel, on_tick, outside=channel)
            while self._look_around() or (self._outcome.error is None and len(channel)):
                try:
                    arrived = channel.poll(WAIT_SLICE_S)
                except (ChannelClosed, ChannelFailed):
                    break
                if arrived:
                    yield arrived.pop()  # nothing here keeps the item alive
            self._watch_until_end()  # the stream has ended; the stages may still be flushing
        except (KeyboardInterrupt, GeneratorExit):
            self._fail(Cancelled("The reader of the stream left."))
            raise
        except Exception as error:
            self._fail(_of_tick(error))
        finally:
            self._stop()
        self._raise_outcome()

    @property
    def stats(self) -> PipelineStats:
        """Times and high-water marks so far."""
        end = self._ended_at if self._started_at is None or not self._outcome.running else self._clock.now()
        return PipelineStats(
            {c.name: c.stats for c in self._contexts},
            {c.name: c.stats for c in self._channels},
            max(0.0, end - (self._started_at or 0.0)),
            self._clock.jumps,
        )

    def depths(self) -> dict[str, tuple[int, int]]:
        """Items and bytes in every channel at this moment."""
        return {c.name: c.depth for c in self._channels}

    def states(self) -> dict[str, str]:
        """One line per stage, for ``--debug``."""
        return self._watchdog.states()

    def shrink(self, max_items: int) -> None:
        """Lower the bound of all channels (memory pressure)."""
        for channel in self._channels:
            channel.shrink(max_items)

    # -- starting -------------------------------------------------------------------------------------------------

    def _start(
        self,
        cancel: CancelToken | None,
        on_tick: Callable[[], None] | None,
        outside: Channel[Any] | None = None,
    ) -> None:
        if self._started_at is not None:
            raise RuntimeError("A pipeline runs only once; make a new one.")
        self._cancel = cancel or CancelToken()
        self._tick = on_tick or self._tick
        self._outside = frozenset({outside.name} if outside is not None else ())
        self._started_at = self._clock.now()
        switching.begin()
        self._switching = True
        self._arm_hard_deadline()  # before the first stage can take the interpreter's lock and keep it
        for channel in self._channels:
            channel.bind(clock=self._clock, cancel=self._cancel, judge=self._judge, tracer=self._tracer)
        for stage in self._stages:
            self._tracer.track(stage.name)
        self._contexts = [StageContext(s, self._clock, self._cancel, self._tracer) for s in self._stages]
        self._watchdog = Watchdog(self._contexts, self._deadlines)
        # cancel() from another thread poisons the channels at once instead of at the next tick
        self._remove_callback = self._cancel.on_cancel(lambda: self._fail(self._cancel.error()))
        for context in self._contexts:
            # Daemon threads: one that is stuck in native code can be neither joined nor killed, and must not keep the
            # interpreter from leaving.
            thread = threading.Thread(
                target=self._main, args=(context,), name=THREAD_PREFIX + context.name, daemon=True
            )
            with self._outcome.condition:
                self._outcome.running += 1
            self._threads[context.name] = thread
            try:
                thread.start()
            except RuntimeError as error:  # "can't start new thread": a limit of the system
                with self._outcome.condition:
                    self._outcome.running -= 1
                del self._threads[context.name]
                raise OutOfMemoryError(context.name, "the system allows no more threads") from error

    def _main(self, context: StageContext) -> None:
        """Body of a stage's thread."""
        stage = context.stage
        observe_waits(context)
        try:
            stage.function(context)
        except ChannelClosed:
            self._end(stage)  # the stage after it wants no more, or it did not look for the end of its input
        except ChannelFailed as failed:
            self._fail(failed.error)  # someone else's error; recorded only when a channel was poisoned from outside
        except BaseException as error:  # also SystemExit: a stage that just vanished would be waited for
            self._fail(_of_stage(stage.name, error))
        else:
            self._end(stage)
        finally:
            observe_waits(None)
            context.finish()
            with self._outcome.condition:
                self._outcome.running -= 1
                self._outcome.condition.notify_all()

    @staticmethod
    def _end(stage: Stage) -> None:
        for output in stage.outputs:
            output.close()
        for source in stage.inputs:
            source.abandon()

    # -- watching -------------------------------------------------------------------------------------------------

    def _watch_until_end(self) -> None:
        while self._look_around():
            with self._outcome.condition:
                if self._outcome.running and self._outcome.error is None:
                    self._clock.wait(self._outcome.condition, WAIT_SLICE_S)

    def _look_around(self) -> bool:
        """One look of the monitor; whether to go on."""
        self._clock.now()
        self._arm_hard_deadline()
        self._cancel.poll()
        if self._cancel.cancelled:
            self._fail(self._cancel.error())
        self._tick()
        self._tracer.flush()
        if self._outcome.error is not None or not self._outcome.running:
            return False
        stall = self._watchdog.check(outside=self._outside)
        if stall is None:
            return True
        log_stall(stall, self._threads)
        self._fail(stall)
        return False

    def _judge(self, channel: Channel[Any], op: str, waited_s: float) -> StallError | None:
        """Asked by a channel in which a stage has waited for long: the net for the case that the monitor is stuck."""
        stall = self._watchdog.check(slack=NET_SLACK, outside=self._outside)
        if stall is not None:
            _log.error("channel %s waited %.1f s to %s and the monitor did not act", channel.name, waited_s, op)
            log_stall(stall, self._threads)
        return stall

    def _arm_hard_deadline(self) -> None:
        if self._hard is None:
            return
        now = self._clock.now()
        if self._armed_at is None or now - self._armed_at >= min(1.0, self._hard / 4):
            self._armed_at = now
            faulthandler.dump_traceback_later(self._hard, exit=True)  # replaces the one before

    # -- stopping -------------------------------------------------------------------------------------------------

    def _fail(self, error: BaseException) -> None:
        with self._outcome.condition:
            if self._outcome.error is None:
                # After Ctrl-C the whole process group may fail in odd ways before the token is looked at.
                # A stage that saw the token first does not know who raised it.
                if self._cancel.cancelled:
                    error = self._cancel.error()
                self._outcome.error = error
            first = self._outcome.error
            self._outcome.condition.notify_all()
        for channel in self._channels:
            channel.fail(first)

    def _stop(self) -> None:
        """Wait for the stages within the grace; those that do not end are leaked and named."""
        try:
            since = self._clock.now()
            with self._outcome.condition:
                while self._outcome.running and self._clock.now() - since < self._grace_now(since):
                    self._clock.wait(self._outcome.condition, WAIT_SLICE_S)
                some_left = self._outcome.running > 0
            for thread in self._threads.values():
                # those that have ended need a moment to leave Python; the others had their time
                thread.join(0 if some_left else 1.0)
        finally:
            if self._armed_at is not None:
                faulthandler.cancel_dump_traceback_later()
            if self._switching:
                self._switching = False
                switching.end()
            self._remove_callback()
            # Break the cycles through this object: pictures are large, and the collector comes late.
            self._remove_callback = self._tick = _nothing
            for channel in self._channels:
                channel.unbind()
            self._ended_at = self._clock.now()
            leaked = [t for t in self._threads.values() if t.is_alive()]
            _leaked.update(leaked)
            names = tuple(t.name for t in leaked)
            if names:
                _log.error("threads that could not be ended: %s", ", ".join(names))
            if isinstance(self._outcome.error, StallError):
                self._outcome.error.leaked_threads = names
            self._threads.clear()

    def _grace_now(self, since: float) -> float:
        error = self._outcome.error
        if self._cancel.cancelled or isinstance(error, Cancelled):
            return self._grace
        # After a plain failure nobody is in a hurry, and a native call of a second is no reason to leak its thread.
        patience = max(self._grace, self._deadlines.stall_s)
        if isinstance(error, StallError):
            patience = max(self._grace, min(OTHERS_GRACE_S, self._deadlines.stall_s))
            if self._clock.now() - since >= self._grace and not self._others_live(error.stage):
                return self._grace
        return patience

    def _others_live(self, stage: str) -> bool:
        return any(thread.is_alive() for name, thread in self._threads.items() if name != stage)

    def _raise_outcome(self) -> None:
        error = self._outcome.error
        self._outcome.error = None  # the error's traceback refers to this object
        if error is not None:
            try:
                raise error
            finally:
                del error


def _nothing() -> None:
    pass


def _of_stage(stage: str, error: BaseException) -> BaseException:
    """What the caller gets for an exception of a stage's function."""
    if isinstance(error, ReelpressError):
        return error
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        traceback.clear_frames(error.__traceback__)  # the locals are pictures: let go of them first
        wrapped: ReelpressError = OutOfMemoryError(stage, str(error))
    else:
        detail = str(error) or "no message"
        wrapped = ExportError(f"The {stage} stage failed: {type(error).__name__}: {detail}")
    wrapped.__cause__ = error
    return wrapped


def _of_tick(error: Exception) -> BaseException:
    """What the caller gets for an exception in the monitor itself."""
    if isinstance(error, BrokenPipeError):
        return Cancelled("The export was cancelled (the output of the command was closed).")
    return error
