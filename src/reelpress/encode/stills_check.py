"""Read PNG files and animations back with Pillow, which has no part in the containers that are written here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.encode.stills import LONGEST_MS, milliseconds
from reelpress.errors import Cancelled, ReelpressError, VerifyError
from reelpress.media.verify.verdict import VerifyResult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from fractions import Fraction
    from pathlib import Path

FORMATS = {"apng": "PNG", "webp": "WEBP"}


def animation(
    path: Path,
    kind: str,
    size: tuple[int, int],
    fps: Fraction,
    frames: int,
    shown: Sequence[int],
    loop: int,
    full: bool,
    heartbeat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> VerifyResult:
    """Check an animation: format, size, loop, number of images, how long each lasts; decode some or ``full``.

    Args:
        path: The file.
        kind: ``apng`` or ``webp``.
        size: Pixels.
        fps: Frames a second.
        frames: Of the video.
        shown: Frames at which images come.
        loop: How often it is played.
        full: Decode all images, not the first and the last only (and those between that it needs).
        heartbeat, cancelled: Called after every image.

    Raises:
        VerifyError: The first difference.
        Cancelled: ``cancelled`` said so.
    """
    from PIL import Image

    ends = [*shown[1:], frames]
    if kind == "webp":
        planned = [milliseconds(end, fps) - milliseconds(at, fps) for at, end in zip(shown, ends, strict=True)]
        planned = [min(length, LONGEST_MS) for length in planned]
    else:
        planned = [round((end - at) / fps * 1000) for at, end in zip(shown, ends, strict=True)]
    try:
        with Image.open(path) as image:
            if image.format != FORMATS[kind] or image.size != size:
                raise _wrong(f"it is a {image.format} of {image.size[0]}x{image.size[1]}")
            count = getattr(image, "n_frames", 1)
            if count != len(shown):
                raise _wrong(f"it has {count} images instead of {len(shown)}")
            if count > 1 and image.info.get("loop", 0) != loop:
                raise _wrong(f"it is played {image.info.get('loop')} times instead of {loop}")
            decoded = 0
            for number in range(count) if full else dict.fromkeys((0, count - 1)):
                image.seek(number)
                image.load()
                decoded += 1
                length = image.info.get("duration")
                if count > 1 and (length is None or abs(float(length) - planned[number]) > 1):
                    raise _wrong(f"image {number} lasts {length} ms instead of {planned[number]} ms")
                _pause(heartbeat, cancelled)
    except (ReelpressError, MemoryError):
        raise
    except Exception as error:  # wrong bytes lead Pillow's readers to any of them
        raise _wrong(f"it cannot be read ({error or type(error).__name__})") from error
    checked = ("structure", "size", "times", "loop", "decoded all" if full else "decoded first and last")
    return VerifyResult(len(shown), frames / fps, 1, decoded, checked)


def folder(
    path: Path,
    names: Sequence[str],
    size: tuple[int, int],
    fps: Fraction,
    mode: str,
    heartbeat: Callable[[], None],
    cancelled: Callable[[], bool],
) -> VerifyResult:
    """Check a folder of PNG files: all of them and no others, size and kind, checksums of all.

    Raises:
        VerifyError: The first difference.
        Cancelled: ``cancelled`` said so.
    """
    from PIL import Image

    there = {entry.name for entry in path.iterdir()}
    if there != set(names):
        odd = sorted(there ^ set(names))[0]
        raise _wrong(f"it has {len(there)} files instead of {len(names)}, of which {odd} is the first to differ")
    for name in names:
        try:
            with Image.open(path / name) as image:
                found = image.format, image.size, image.mode
                image.verify()  # the checksum of every chunk
        except MemoryError:
            raise
        except Exception as error:
            raise _wrong(f"{name} cannot be read ({error or type(error).__name__})") from error
        if found != ("PNG", size, mode):
            raise _wrong(f"{name} is a {found[0]} of {found[1]} in {found[2]}")
        _pause(heartbeat, cancelled)
    return VerifyResult(len(names), len(names) / fps, len(names), len(names), ("files", "size", "checksums"))


def _pause(heartbeat: Callable[[], None], cancelled: Callable[[], bool]) -> None:
    heartbeat()
    if cancelled():
        raise Cancelled("The export was cancelled.")


def _wrong(what: str) -> VerifyError:
    return VerifyError(f"The finished file is not what was planned: {what}. Try again, and report it if it stays so.")
