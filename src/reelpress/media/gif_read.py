"""Reading a GIF back: every block is walked, and pictures are decoded by libavcodec's decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.media._av import AV_ERRORS, open_input

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_WINDOW = 1 << 20
"""Bytes that are read at a time."""


class BrokenGif(Exception):
    """The file does not follow GIF89a; the message says where."""


@dataclass(frozen=True, slots=True)
class GifFacts:
    """What the blocks of a file say."""

    size: tuple[int, int]
    delays: tuple[int, ...]
    """Of each image, in hundredths of a second."""
    loop: int | None
    """Repetitions of the loop extension, 0 for ever; ``None``: there is none, it is played once."""
    local_palettes: int
    image_bytes: int
    """Compressed pixels."""


def walk(path: Path, pause: Callable[[], None] = lambda: None) -> GifFacts:
    """Read all blocks of a file that was written here.

    Raises:
        BrokenGif: It is cut off, or something is out of place.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        window, at, before = b"", 0, 0  # some of the file, where in it, and how much of the file came before it

        def fill(count: int) -> None:
            """Have so many bytes at hand, if there are."""
            nonlocal window, at, before
            if at + count > len(window):
                before += at
                window, at = window[at:] + file.read(_WINDOW), 0

        def cut_off() -> BrokenGif:
            return BrokenGif(f"it is cut off at byte {before + len(window)}")

        def take(count: int) -> bytes:
            nonlocal at
            fill(count)
            data = window[at : at + count]
            if len(data) != count:
                raise cut_off()
            at += count
            return data

        def sub_blocks() -> int:
            nonlocal at
            total, length = 0, 1
            while length:
                fill(256)
                data, here, last = window, at, max(at, len(window) - 256)
                while length and here <= last:  # a hundred thousand in a file of 25 MB
                    if here >= len(data):
                        raise cut_off()
                    length = data[here]
                    here += length + 1
                    total += length
                if here > len(data):
                    raise cut_off()
                at = here
            return total

        head = take(13)
        if head[:6] != b"GIF89a":
            raise BrokenGif("it does not begin with GIF89a")
        width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        if head[10] & 0x80:
            take(3 << ((head[10] & 7) + 1))
        delays: list[int] = []
        loop: int | None = None
        local = pixels = 0
        delay: int | None = None
        while (kind := take(1)) != b";":
            if kind == b"!":
                label = take(1)[0]
                if label == 0xF9:
                    control = take(6)
                    delay = int.from_bytes(control[2:4], "little")
                elif label == 0xFF and take(12)[1:] == b"NETSCAPE2.0":
                    extension = take(5)
                    loop = int.from_bytes(extension[2:4], "little")
                    if extension[:2] != b"\x03\x01" or extension[4]:
                        raise BrokenGif("its loop extension has another form")
                else:
                    sub_blocks()
            elif kind == b",":
                place = take(9)
                x, y, w, h = (int.from_bytes(place[k : k + 2], "little") for k in (0, 2, 4, 6))
                if x + w > width or y + h > height or not w or not h:
                    raise BrokenGif(f"image {len(delays)} ({w}x{h} at {x},{y}) leaves the screen of {width}x{height}")
                if place[8] & 0x80:
                    local += 1
                    take(3 << ((place[8] & 7) + 1))
                take(1)
                pixels += sub_blocks()
                if delay is None:
                    raise BrokenGif(f"image {len(delays)} has no delay")
                delays.append(delay)
                delay = None
                pause()
            else:
                raise BrokenGif(f"byte {kind[0]:#x} at {before + at - 1} begins no block")
        fill(1)
        if at < len(window):
            raise BrokenGif("something follows its end")
    return GifFacts((width, height), tuple(delays), loop, local, pixels)


def decode_count(path: Path, most: int | None, pause: Callable[[], None] = lambda: None) -> int:
    """How many pictures libavcodec makes of the first ``most`` (all: ``None``) without an error.

    Raises:
        BrokenGif: It cannot be decoded.
        InputError: It cannot be opened.
    """
    found = 0
    with open_input(path) as container:
        stream = container.streams.video[0]
        try:
            for packet in container.demux(stream):
                for frame in packet.decode():
                    found += 1
                    if frame.is_corrupt:
                        raise BrokenGif(f"picture {found - 1} is damaged")
                pause()
                if most is not None and found >= most:
                    break
        except AV_ERRORS as fault:
            raise BrokenGif(f"picture {found} cannot be decoded ({fault})") from fault
    return found
