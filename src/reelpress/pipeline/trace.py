"""What happened when: a Chrome trace (Trace Event Format; opens in chrome://tracing and in Perfetto).

One track for each stage thread with what it was busy with (native calls by name) and what it waited for, counters
for the channels and the memory, and instants for decisions. A stage only appends a small tuple to a queue; the
monitor's thread writes the queue out at its ticks. When the monitor does not come for long, the stage that fills the
queue writes it itself: nothing is lost, and memory stays bounded however long the export takes.

What is in it (design 7, privacy): names of stages, channels and calls, times, counts, sizes, and the reasons of
decisions. No pictures, no text of the recording, no places in the picture; of paths only the last name.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

QUEUE_EVENTS = 8192
"""Events that wait to be written at most (about 2 MB)."""

MAX_BYTES = 1 << 30
"""Size of the file from which on no more events are taken: viewers do not open larger ones. A frame takes about 2 kB,
so this is two hours at 60 fps. The export goes on, and the trace says where it ends."""

SHORTEST_BUSY_S = 1e-5
"""Shorter spells between two waits are no work and are left out."""

COUNTER_STEP_S = 0.002
"""A counter is written at most this often: a held frame passes a channel in microseconds."""

PROCESS = 1
"""``pid`` of all events: there is one process, and its real number is nobody's business."""

SHOWN = 160
"""Characters of a text argument that are kept."""

_NUMBERED = re.compile(r"^(?P<name>.*?) frame (?P<frame>\d+)$")
_PART = r"[^\s\\/\"'<>|:](?:[^\\/\n\"'<>|:]*[^\s\\/\"'<>|:])?"
_FOLDERS = re.compile(rf"(?:file://|(?<![\w.])[A-Za-z]:|(?<![\w.\\/%)])[\\~]?)[\\/](?:{_PART}[\\/])*(?=[^\s\\/])")
"""Root and folders of an absolute path. Folders may have spaces in them, but not at their ends."""

Event = tuple[str, str, str, float, float, "Mapping[str, Any] | None"]
"""Phase letter, track, name, start and length in seconds, arguments."""


def names_only(text: str) -> str:
    """``text`` with absolute paths cut down to their last names."""
    return _FOLDERS.sub("", text)


class Tracer(Protocol):
    """Takes events. Every method may be called from any thread, costs microseconds, and never raises."""

    @property
    def enabled(self) -> bool:
        """Whether it is worth making events at all; constant."""
        ...

    def now(self) -> float:
        """Seconds on the trace's own clock."""
        ...

    def track(self, name: str) -> None:
        """There will be a track of this name; tracks are shown in the order in which they were named first."""
        ...

    def span(self, track: str, name: str, start: float, end: float, args: Mapping[str, Any] | None = None) -> None:
        """Something took from ``start`` to ``end`` (of ``now``) on a track."""
        ...

    def instant(self, track: str, name: str, args: Mapping[str, Any] | None = None) -> None:
        """Something was decided now."""
        ...

    def counter(self, name: str, value: float) -> None:
        """A quantity has this value from now on."""
        ...

    def flush(self) -> None:
        """Write out what waits; called by the monitor's thread."""
        ...


class NoTracer:
    """Tracing is off. Callers look at ``enabled`` once, so nothing here is called in a loop."""

    enabled = False

    def now(self) -> float:
        return 0.0

    def track(self, name: str) -> None: ...

    def span(self, track: str, name: str, start: float, end: float, args: Mapping[str, Any] | None = None) -> None: ...

    def instant(self, track: str, name: str, args: Mapping[str, Any] | None = None) -> None: ...

    def counter(self, name: str, value: float) -> None: ...

    def flush(self) -> None: ...


NO_TRACE = NoTracer()


class ChromeTracer:
    """Writes a Chrome trace to a file as it goes. A context manager; leaving it completes the file.

    Args:
        path: Is created or emptied.
        about: Facts about the run for the trace's ``otherData``; short texts and numbers.
        clock: Monotonic seconds; injectable.
        max_bytes: See ``MAX_BYTES``.

    Raises:
        OSError: The file cannot be created. Later failures (a full disk) end the trace and are kept in ``error``:
            a trace is no reason for an export to fail.
    """

    enabled = True

    def __init__(
        self,
        path: Path,
        *,
        about: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.perf_counter,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.error: OSError | None = None
        """Why the file is not complete, if it is not."""
        self.full = False
        """Whether events were left out because the file had grown to ``max_bytes``."""
        self._clock = clock
        self._zero = clock()
        self._queue: deque[Event] = deque()
        self._tracks: dict[str, int] = {}
        self._counted: dict[str, tuple[float, float]] = {}
        self._skipped: dict[str, tuple[float, float]] = {}
        self._max_bytes = max_bytes
        self._size = 0
        self._lock = threading.Lock()
        self._closed = False
        self._file = path.open("w", encoding="ascii", newline="\n")
        head = {"name": "process_name", "ph": "M", "pid": PROCESS, "args": {"name": "reelpress export"}}
        other = json.dumps({key: _plain(value) for key, value in (about or {}).items()})
        self._write(f'{{"displayTimeUnit":"ms","otherData":{other},"traceEvents":[\n{json.dumps(head)}')

    def __enter__(self) -> ChromeTracer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def now(self) -> float:
        return self._clock() - self._zero

    def track(self, name: str) -> None:
        self._add(("M", name, "", 0.0, 0.0, None))

    def span(self, track: str, name: str, start: float, end: float, args: Mapping[str, Any] | None = None) -> None:
        self._add(("X", track, name, start, end - start, args))

    def instant(self, track: str, name: str, args: Mapping[str, Any] | None = None) -> None:
        self._add(("i", track, name, self._clock() - self._zero, 0.0, args))

    def counter(self, name: str, value: float) -> None:
        now = self._clock() - self._zero
        last = self._counted.get(name)
        if last is not None:
            if last[1] == value:
                self._skipped.pop(name, None)  # it went away and came back within the step: nobody would see it
                return
            if now - last[0] < COUNTER_STEP_S:
                self._skipped[name] = (now, value)
                return
            self._skipped.pop(name, None)
        self._counted[name] = (now, value)
        self._add(("C", "", name, now, value, None))

    def flush(self) -> None:
        for name in list(self._skipped):  # what a counter came to rest at
            if (skipped := self._skipped.pop(name, None)) is not None:
                self._counted[name] = skipped
                self._add(("C", "", name, *skipped, None))
        # Not waiting for the lock: whoever holds it is writing already.
        if self._lock.acquire(blocking=False):
            try:
                self._drain()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Complete the file. Harmless when repeated; events that come later are ignored."""
        with self._lock:
            if self._closed:
                return
            self._drain()
            self._closed = True
            try:
                self._write("\n]}\n", always=True)
                self._file.close()
            except OSError as error:  # closing writes the last block
                self.error = self.error or error

    # -- inside ---------------------------------------------------------------------------------------------------

    def _add(self, event: Event) -> None:
        if self._closed or self.full:
            return
        self._queue.append(event)
        if len(self._queue) >= QUEUE_EVENTS:
            with self._lock:  # the monitor is late; waiting here is what bounds the memory
                self._drain()

    def _drain(self) -> None:
        """Write what is in the queue (the lock is held)."""
        if self._closed:
            self._queue.clear()
            return
        lines: list[str] = []
        for _ in range(len(self._queue)):  # not until it is empty: others go on adding
            self._format(self._queue.popleft(), lines)
        if lines:
            self._write("".join(lines))
        if self._size > self._max_bytes and not self.full:
            self.full = True
            self._format(("i", "trace", "the trace is full: later events were left out", self.now(), 0.0, None), lines)
            self._write("".join(lines[-2:]), always=True)

    def _format(self, event: Event, lines: list[str]) -> None:
        phase, track, name, start, length, args = event
        stamp = f'"pid":{PROCESS},"ts":{start * 1e6:.1f}'
        if phase == "C":
            lines.append(f',\n{{"name":{json.dumps(name)},"ph":"C",{stamp},"args":{{"value":{length:.10g}}}}}')
            return
        tid = self._tracks.get(track)
        if tid is None:
            tid = self._tracks[track] = len(self._tracks) + 1
            for key, value in (("thread_name", {"name": track}), ("thread_sort_index", {"sort_index": tid})):
                meta = {"name": key, "ph": "M", "pid": PROCESS, "tid": tid, "args": value}
                lines.append(",\n" + json.dumps(meta))
        facts = {} if args is None else {key: _plain(value) for key, value in args.items()}
        if (numbered := _NUMBERED.match(name)) is not None:  # one name for all frames, so that viewers can add them up
            name = numbered["name"]
            facts["frame"] = int(numbered["frame"])
        if phase == "M":
            return
        text = f',\n{{"name":{json.dumps(names_only(name))},"ph":"{phase}",{stamp},"tid":{tid}'
        if phase == "X":
            text += f',"dur":{max(0.0, length) * 1e6:.1f}'
        else:
            text += ',"s":"t","cat":"decision"'
        lines.append(f'{text},"args":{json.dumps(facts)}}}' if facts else text + "}")

    def _write(self, text: str, *, always: bool = False) -> None:
        if self.error is not None or (self.full and not always):
            return
        try:
            self._file.write(text)
            self._size += len(text)
        except OSError as error:
            self.error = error


def _plain(value: Any) -> Any:
    """``value`` as a JSON type; texts short and without folders, all else that is no number as nothing but its type."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 6) if value == value and abs(value) != float("inf") else None
    if isinstance(value, str):
        return names_only(value)[:SHOWN]
    return type(value).__name__
