"""A bounded queue between two stages: bounded by items and by bytes, cancellable, poisonable, with deadlines."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from reelpress.errors import StallError
from reelpress.pipeline.clocks import WAIT_SLICE_S, AwakeClock
from reelpress.pipeline.trace import NO_TRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Self

    from reelpress.pipeline.cancel import CancelToken
    from reelpress.pipeline.trace import Tracer

T = TypeVar("T")

MIN_ITEMS = 2
"""Below two items the stages would run in turn instead of side by side, whatever the bounds say."""

DEFAULT_DEADLINE_S = 5.0


class ChannelClosed(Exception):
    """The other end is done: no more items will come (``recv``), or nobody takes any more (``send``)."""


class ChannelFailed(Exception):
    """The channel was poisoned; ``error`` is the first error. Raised in both directions.

    It wraps the error instead of raising that very object in several threads, which would mix their tracebacks and
    keep the pictures of every stage alive through the frames in them.
    """

    def __init__(self, channel: str, error: BaseException) -> None:
        super().__init__(f"channel {channel}: {error}")
        self.error = error


@dataclass(frozen=True, slots=True)
class ChannelStats:
    """What a channel held at most; for ``report.buffers``."""

    max_items: int
    """Bound in items at the end (memory pressure may have shrunk it)."""
    max_bytes: int | None
    peak_items: int
    peak_bytes: int
    """A picture that was sent several times counts once."""
    sent: int
    received: int


class WaitObserver(Protocol):
    """Told by a channel what its own thread does; a stage is one (its state lines and statistics)."""

    def begin_wait(self, op: str, channel: str) -> None: ...

    def end_wait(self) -> None: ...

    def moved(self, op: str) -> None:
        """An item was taken in (``recv``) or given out (``send``)."""
        ...

    def input_ended(self, channel: str) -> None: ...


_thread = threading.local()


def observe_waits(observer: WaitObserver | None) -> None:
    """Tell ``observer`` about all waits of the calling thread, on whichever channel (``None``: nobody).

    By thread and not by an argument of ``send``, so that a stage cannot forget it and look busy while it waits.
    """
    _thread.observer = observer


def _observer() -> WaitObserver | None:
    return getattr(_thread, "observer", None)


class Channel(Generic[T]):
    """A bounded FIFO. Every method may be called from any thread.

    Args:
        name: As in reports and errors, e.g. ``rendered``.
        max_items: Bound in items; raised to 2 when smaller.
        max_bytes: Bound in bytes of all *different* items inside, or ``None``. The smaller bound wins, but two
            different items always fit.
        size_of: Bytes that an item keeps alive; needed for a byte bound.
        key_of: Identity of what the bytes belong to: items of the same key count their bytes once (a held picture
            that is sent again and again). Default: the object itself.
        clock: Time for the deadlines.
        deadline_s: Default deadline of ``send`` and ``recv``; ``None`` waits for ever (only for a consumer outside of
            the pipeline, such as a user's loop).

    Raises:
        ValueError: ``max_bytes`` without ``size_of``.
    """

    def __init__(
        self,
        name: str,
        *,
        max_items: int,
        max_bytes: int | None = None,
        size_of: Callable[[T], int] | None = None,
        key_of: Callable[[T], Hashable] = id,
        clock: AwakeClock | None = None,
        deadline_s: float | None = DEFAULT_DEADLINE_S,
    ) -> None:
        if max_bytes is not None and size_of is None:
            raise ValueError(f"Channel {name!r} has a byte bound but no size_of.")
        self.name = name
        self.deadline_s = deadline_s
        self._size_of = size_of
        self._key_of = key_of
        self._clock = clock or AwakeClock()
        self._condition = threading.Condition(threading.Lock())
        self._items: deque[tuple[T, Hashable]] = deque()
        self._held: dict[Hashable, list[int]] = {}  # key -> [how many items, bytes counted once]
        self._bytes = 0
        self._max_items = max(MIN_ITEMS, max_items)
        self._max_bytes = max_bytes
        self._closed = False
        self._abandoned = False
        self._error: BaseException | None = None
        self._cancel: CancelToken | None = None
        self._judge: Callable[[Channel[T], str, float], StallError | None] | None = None
        self._tracer: Tracer | None = None
        self._counter_names = (f"{name}: items", f"{name}: bytes")
        self._sent = 0
        self._received = 0
        self._peak_items = 0
        self._peak_bytes = 0

    def __repr__(self) -> str:
        return f"Channel({self.name}, {self.state()})"

    def bind(
        self,
        *,
        clock: AwakeClock,
        cancel: CancelToken,
        judge: Callable[[Channel[T], str, float], StallError | None],
        tracer: Tracer = NO_TRACE,
    ) -> None:
        """Join a pipeline: its clock, its token, its judgement of who stands still (see ``Pipeline``), its trace."""
        with self._condition:
            self._clock, self._cancel, self._judge = clock, cancel, judge
            self._tracer = tracer if tracer.enabled else None

    def unbind(self) -> None:
        """Leave the pipeline that has ended, so that the two do not keep each other alive.

        The error stays as a note of it: the error itself holds by its traceback all frames of the stage that failed.
        """
        with self._condition:
            self._judge = self._tracer = None
            if self._error is not None:
                self._error = RuntimeError(f"the pipeline ended with {type(self._error).__name__}: {self._error}")

    # -- moving items ---------------------------------------------------------------------------------------------

    def send(self, item: T, *, deadline_s: float | None = None) -> None:
        """Put ``item`` at the end; waits while the channel is full.

        Args:
            item: Is handed over, not copied.
            deadline_s: Overrides the channel's own.

        Raises:
            ChannelClosed: The receiver is done, or ``close()`` was called before.
            ChannelFailed: Poisoned or cancelled.
            StallError: The receiver made no progress until the deadline.
        """
        size = self._size_of(item) if self._size_of else 0
        key = self._key_of(item)
        with self._condition:
            self._wait("send", lambda: self._fits(key, size), deadline_s)
            self._put(item, key, size)
            self._condition.notify_all()
        if observer := _observer():
            observer.moved("send")

    def recv(self, *, deadline_s: float | None = None) -> T:
        """Take the oldest item; waits while the channel is empty.

        Raises:
            ChannelClosed: The sender closed it and everything was taken.
            ChannelFailed: Poisoned or cancelled.
            StallError: The sender made no progress until the deadline.
        """
        with self._condition:
            self._wait("recv", lambda: bool(self._items), deadline_s)
            item = self._take()
            self._condition.notify_all()
        if observer := _observer():
            observer.moved("recv")
        return item

    def poll(self, timeout_s: float) -> list[T]:
        """One item in a list, or an empty list after ``timeout_s`` without one. For a monitor that also looks around.

        Raises:
            ChannelClosed, ChannelFailed: As ``recv``.
        """
        with self._condition:
            if not self._ready("recv", lambda: bool(self._items)):
                self._clock.wait(self._condition, timeout_s)
            if not self._ready("recv", lambda: bool(self._items)):
                return []
            item = self._take()
            self._condition.notify_all()
            return [item]

    def __iter__(self) -> Self:
        """Items until the end of the stream; holds none of them itself."""
        return self

    def __next__(self) -> T:
        try:
            return self.recv()
        except ChannelClosed:
            raise StopIteration from None

    # -- ending ---------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End of stream: what is inside can still be received. Calling it twice is harmless."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def abandon(self) -> None:
        """The receiver wants no more: drops what is inside and ends the sender's ``send`` with ChannelClosed."""
        with self._condition:
            self._abandoned = True
            self._drop()
            self._condition.notify_all()

    def fail(self, error: BaseException) -> None:
        """Poison both directions and drop what is inside. The first error wins; later ones are ignored."""
        with self._condition:
            if self._error is None:
                self._error = error
                self._drop()
            self._condition.notify_all()

    def shrink(self, max_items: int) -> None:
        """Lower the bound at run time (memory pressure), to no less than 2. Nothing inside is dropped."""
        with self._condition:
            self._max_items = max(MIN_ITEMS, min(self._max_items, max_items))

    # -- looking --------------------------------------------------------------------------------------------------

    @property
    def stats(self) -> ChannelStats:
        """Bounds, high-water marks and counts so far."""
        with self._condition:
            return ChannelStats(
                self._max_items, self._max_bytes, self._peak_items, self._peak_bytes, self._sent, self._received
            )

    @property
    def depth(self) -> tuple[int, int]:
        """Items inside now, and the bytes that they keep alive."""
        with self._condition:
            return len(self._items), self._bytes

    @property
    def error(self) -> BaseException | None:
        """What poisoned it."""
        return self._error

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return True  # an empty channel is still a channel

    def state(self) -> str:
        """For state lines: ``3/32 items, 9 MB``."""
        text = f"{len(self._items)}/{self._max_items} items, {self._bytes / 1e6:.0f} MB"
        if self._error is not None:
            return text + ", failed"
        return text + (", closed" if self._closed else "") + (", abandoned" if self._abandoned else "")

    # -- inside (the condition is held) ---------------------------------------------------------------------------

    def _fits(self, key: Hashable, size: int) -> bool:
        if len(self._items) >= self._max_items:
            return False
        if self._max_bytes is None or key in self._held or len(self._held) < MIN_ITEMS:
            return True
        return self._bytes + size <= self._max_bytes

    def _put(self, item: T, key: Hashable, size: int) -> None:
        self._items.append((item, key))
        held = self._held.setdefault(key, [0, size])
        held[0] += 1
        if held[0] == 1:
            self._bytes += size
        self._sent += 1
        self._peak_items = max(self._peak_items, len(self._items))
        self._peak_bytes = max(self._peak_bytes, self._bytes)
        if self._tracer is not None:
            self._trace_depth(self._tracer)

    def _take(self) -> T:
        item, key = self._items.popleft()
        held = self._held[key]
        held[0] -= 1
        if held[0] == 0:
            self._bytes -= held[1]
            del self._held[key]
        self._received += 1
        if self._tracer is not None:
            self._trace_depth(self._tracer)
        return item

    def _drop(self) -> None:
        self._items.clear()
        self._held.clear()
        self._bytes = 0
        if self._tracer is not None:
            self._trace_depth(self._tracer)

    def _trace_depth(self, tracer: Tracer) -> None:
        tracer.counter(self._counter_names[0], len(self._items))
        tracer.counter(self._counter_names[1], self._bytes)

    def _ready(self, op: str, possible: Callable[[], bool]) -> bool:
        """Whether ``op`` can go on now; raises when it never will."""
        if self._error is not None:
            raise ChannelFailed(self.name, self._error)
        if self._cancel is not None and self._cancel.cancelled:
            # a signal handler only raises the flag; whoever looks first poisons the channel
            self._error = self._cancel.error()
            self._drop()
            self._condition.notify_all()
            raise ChannelFailed(self.name, self._error)
        if op == "send":
            if self._abandoned or self._closed:
                raise ChannelClosed(f"channel {self.name}: {'closed' if self._closed else 'nobody receives any more'}")
            return possible()
        if possible():
            return True
        if self._closed or self._abandoned:
            raise ChannelClosed(f"channel {self.name}: end of stream")
        return False

    def _wait(self, op: str, possible: Callable[[], bool], deadline_s: float | None) -> None:
        observer = _observer()
        try:
            if self._ready(op, possible):
                return
            if observer is None:
                self._wait_in_slices(op, possible, deadline_s)
                return
            observer.begin_wait(op, self.name)
            try:
                self._wait_in_slices(op, possible, deadline_s)
            finally:
                observer.end_wait()
        except ChannelClosed:
            if op == "recv" and observer is not None:
                observer.input_ended(self.name)
            raise

    def _wait_in_slices(self, op: str, possible: Callable[[], bool], deadline_s: float | None) -> None:
        deadline = self.deadline_s if deadline_s is None else deadline_s
        since = self._clock.now()
        others = self._progress_of_other_end(op)
        while not self._ready(op, possible):
            self._clock.wait(self._condition, WAIT_SLICE_S)
            now = self._clock.now()
            if (progress := self._progress_of_other_end(op)) != others:
                others, since = progress, now  # it moves, if too little for us: not a stall
            if deadline is None or now - since <= deadline or self._ready(op, possible):
                continue
            if self._judge is None:
                raise StallError(f"{self.name} channel's other", op, now - since, {self.name: self.state()})
            # In a pipeline only the stage that is busy without a heartbeat is to blame, which may be far from here;
            # the judge looks at all stages, so the lock must not be held meanwhile.
            self._condition.release()
            try:
                verdict = self._judge(self, op, now - since)
            finally:
                self._condition.acquire()
            if verdict is not None:
                raise verdict
            since = now

    def _progress_of_other_end(self, op: str) -> int:
        return self._received if op == "send" else self._sent
