"""Work that opens files, under the same watch as an export: it can be cancelled, and it cannot hang the command."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

from reelpress.media import pulse
from reelpress.pipeline import emergency
from reelpress.pipeline.run import Pipeline
from reelpress.pipeline.stage import Stage, StageContext
from reelpress.pipeline.watchdog import Deadlines
from reelpress.recording.model import remove_workspaces

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.pipeline.cancel import CancelToken


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


def watched(name: str, work: Callable[[], T], *, stall_s: float, cancel: CancelToken | None = None) -> T:
    """Do ``work`` in a thread of its own while this one watches.

    Every packet that is read is progress, so a large file may take its time; 30 seconds without any (design 5: the
    deadline of whatever comes before the first frame) are a stall.

    Args:
        name: Stage name, for errors.
        work: What to do; its result is closed if nobody waits for it any more.
        stall_s: As the settings have it.
        cancel: Ends it within a second.

    Returns:
        What ``work`` returned.

    Raises:
        StallError: It hangs.
        Cancelled: The token was cancelled.
        ReelpressError: What ``work`` raised.
    """
    lock = threading.Lock()
    results: list[T] = []
    given_up = False

    def stage(ctx: StageContext) -> None:
        def listener() -> None:
            ctx.heartbeat()
            ctx.raise_if_cancelled()

        with pulse.listening(listener):
            result = work()
        with lock:
            if not given_up:
                results.append(result)
                return
        result.close()

    _register_cleanup()
    try:
        Pipeline([Stage(name, stage)], deadlines=Deadlines(stall_s=stall_s)).run(cancel)
    except BaseException:
        with lock:
            given_up = True
        for result in results:
            result.close()
        raise
    return results[0]


@functools.cache
def _register_cleanup() -> None:
    # A thread that is stuck while it joins fragments cannot remove their temporary folder itself.
    emergency.register(remove_workspaces)
