"""Comparing a finished GIF with what was planned."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.encode.gif.blocks import LONGEST
from reelpress.encode.gif.settings import MIN_DELAY, TICKS, tick
from reelpress.errors import Cancelled, OutputError, VerifyError
from reelpress.media.gif_read import BrokenGif, decode_count, walk
from reelpress.media.verify.verdict import VerifyResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_DECODED = 10
"""Pictures that are decoded where not all are."""


def verify(
    path: Path,
    *,
    frames: int,
    fps: Fraction,
    size: tuple[int, int],
    shown: Sequence[int] | None,
    loop: int,
    full: bool,
    heartbeat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> VerifyResult:
    """Walk all blocks, compare every delay, decode the first pictures or all.

    Args:
        path: The file.
        frames: Frames of the video, of which most pictures may last several.
        fps: Their rate.
        size: Width and height in pixels.
        shown: Frames at which images come; ``None``: only the sum of the delays is compared.
        loop: How often it is to be played, 0 for ever.
        full: Decode all pictures.
        heartbeat: Called for every image.
        cancelled: Asked as often; True ends with Cancelled.

    Raises:
        VerifyError: The first difference.
        OutputError: The file cannot be read.
        Cancelled: ``cancelled`` said so.
    """

    def pause() -> None:
        heartbeat()
        if cancelled():
            raise Cancelled("The export was cancelled.")

    try:
        facts = walk(path, pause)
        if facts.size != size:
            raise _wrong(f"it is {facts.size[0]}x{facts.size[1]} instead of {size[0]}x{size[1]}")
        repeats = None if loop == 1 else max(0, loop - 1)
        if facts.loop != repeats:
            raise _wrong(f"its loop count is {facts.loop} instead of {repeats}")
        _delays(facts.delays, frames, fps, shown)
        decoded = decode_count(path, None if full else _DECODED, pause)
        if full and decoded != len(facts.delays):
            raise _wrong(f"{decoded} of its {len(facts.delays)} pictures can be decoded")
    except BrokenGif as fault:
        raise _wrong(str(fault)) from fault
    except OSError as fault:
        raise OutputError(f"{path} cannot be read back: {fault.strerror}. Check the disk.") from fault
    checked = ("blocks", "size", "loop count", "delays", "decoded all" if full else "decoded the first pictures")
    return VerifyResult(len(facts.delays), Fraction(sum(facts.delays), TICKS), 1, decoded, checked)


def _delays(found: tuple[int, ...], frames: int, fps: Fraction, shown: Sequence[int] | None) -> None:
    total = tick(frames, fps)
    if sum(found) != total:
        raise _wrong(f"it lasts {sum(found) / TICKS} s instead of {total / TICKS} s")
    if any(delay < MIN_DELAY for delay in found):
        raise _wrong(f"a picture lasts {min(found)} hundredths of a second, which browsers stretch to ten")
    if shown is None:
        return
    wanted: list[int] = []
    for start, end in zip(shown, [*shown[1:], frames], strict=True):
        left = tick(end, fps) - tick(start, fps)
        while left > LONGEST:
            wanted.append(LONGEST)
            left -= LONGEST
        wanted.append(left)
    if tuple(wanted) != found:
        k = next((k for k, pair in enumerate(zip(wanted, found, strict=False)) if pair[0] != pair[1]), len(wanted))
        raise _wrong(f"the delays differ from the plan at image {k}")


def _wrong(what: str) -> VerifyError:
    return VerifyError(f"The finished GIF is not what was planned: {what}. Try again, and report it if it stays so.")
