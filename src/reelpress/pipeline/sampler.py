"""A sampling profiler of the stage threads: where they are, a hundred times a second.

It looks at Python frames from outside (``sys._current_frames``), so the threads run as they are. A native call shows
as the line that called it.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING

from reelpress.pipeline.stage import THREAD_PREFIX

if TYPE_CHECKING:
    from types import FrameType, TracebackType
    from typing import Self

INTERVAL_S = 0.01
_WAITING = "threading.py"


class Sampler:
    """Use it as a context manager around a run; ``places`` afterwards.

    Args:
        interval_s: Seconds between two looks.
        package: Only lines of files below a folder of this name are named; the innermost such line of a stack counts.
    """

    def __init__(self, interval_s: float = INTERVAL_S, package: str = "reelpress") -> None:
        self._interval = interval_s
        self._package = package
        self._stop = threading.Event()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._looks: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._main, name=f"{THREAD_PREFIX}sampler", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=1.0)

    def places(self, most: int = 8) -> list[tuple[str, str, float]]:
        """``(stage, place, share of the looks at that stage)``: of each stage its most frequent places."""
        rows = []
        for stage in sorted(self._looks):
            here = Counter({where: n for (name, where), n in self._seen.items() if name == stage})
            rows += [(stage, where, count / self._looks[stage]) for where, count in here.most_common(most)]
        return rows

    def look(self) -> None:
        """Take one sample of every stage thread."""
        names = {t.ident: t.name for t in threading.enumerate()}
        me = threading.get_ident()
        for ident, frame in sys._current_frames().items():
            name = names.get(ident, "")
            if ident == me or not name.startswith(THREAD_PREFIX):
                continue
            stage = name.removeprefix(THREAD_PREFIX)
            self._looks[stage] += 1
            self._seen[stage, self._place(frame)] += 1

    def _place(self, frame: FrameType | None) -> str:
        if frame is not None and frame.f_code.co_filename.endswith(_WAITING):
            return "waiting"
        while frame is not None:
            parts = frame.f_code.co_filename.replace("\\", "/").split("/")
            if self._package in parts[:-1]:
                below = parts[len(parts) - 1 - parts[::-1].index(self._package) + 1 :]
                return f"{'/'.join(below)}:{frame.f_lineno} {frame.f_code.co_name}"
            frame = frame.f_back
        return "elsewhere"

    def _main(self) -> None:
        while not self._stop.wait(self._interval):
            self.look()
