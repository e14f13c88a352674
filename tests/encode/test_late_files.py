"""Files of images that last until the next one, and the rectangles around what changed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.encode.late import LateWriter
from reelpress.encode.rects import around, at, bounds, grown, moved, union
from reelpress.encode.stills import Still, StillEncoder, StillSettings
from reelpress.errors import OutputError
from reelpress.media.encoder import EncoderSpec
from reelpress.media.planes import Planes
from reelpress.scene.plan.rect import IntRect

SIZE = 40, 30
RECTS = st.builds(IntRect, st.integers(0, 39), st.integers(0, 29), st.integers(1, 40), st.integers(1, 30)).map(
    lambda r: IntRect(r.x, r.y, min(r.w, SIZE[0] - r.x), min(r.h, SIZE[1] - r.y))
)


class Lines(LateWriter[Still]):
    """A text file: a line for each image with where it begins and ends."""

    def write_image(self, image: Still, after: Still) -> None:
        self.put(b"%d-%d " % (image.dts, after.dts))

    def write_end(self) -> None:
        self.put(b".")
        self.patch(0, b"!")


def still(dts: int, data: bytes = b"x") -> Still:
    return Still(data, 0, 0, 2, 2, dts)


def test_an_image_is_written_when_the_next_one_comes(tmp_path: Path) -> None:
    writer = Lines(tmp_path / "x")
    counts = []
    for piece in (still(0), still(7), still(9), still(12, b"")):
        writer.mux([piece])
        counts.append(writer.packets)
    writer.finish()
    assert counts == [0, 1, 2, 3]
    assert (tmp_path / "x").read_bytes() == b"!-7 7-9 9-12 ."
    assert writer.bytes == 14


def test_finishing_twice_is_refused_and_giving_up_is_harmless(tmp_path: Path) -> None:
    writer = Lines(tmp_path / "x")
    writer.finish()
    writer.abort()
    with pytest.raises(OutputError, match="already closed"):
        writer.finish()
    other = Lines(tmp_path / "y")
    other.mux([still(0), still(1)])
    other.abort()
    other.abort()
    with pytest.raises(OutputError, match="already closed"):
        other.finish()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        Lines(tmp_path / "none" / "x")


def covered(*rects: IntRect) -> np.ndarray:
    mask = np.zeros(SIZE[::-1], bool)
    for rect in rects:
        mask[at(rect)] = True
    return mask


@given(RECTS, RECTS)
def test_rectangles_around_pixels(one: IntRect, two: IntRect) -> None:
    both = covered(one, two)
    ys, xs = np.nonzero(both)
    box = IntRect(int(xs.min()), int(ys.min()), int(np.ptp(xs)) + 1, int(np.ptp(ys)) + 1)
    assert bounds(both) == box == union(one, two)
    assert union(None, one) == one
    inside = bounds(both[at(box)])
    assert inside is not None and moved(inside, box) == box


def test_nothing_has_no_bounds() -> None:
    assert bounds(np.zeros((5, 8), bool)) is None


@given(RECTS, st.integers(0, 9), st.integers(1, 17), st.integers(1, 17))
def test_rectangles_around_rectangles(rect: IntRect, by: int, wide: int, high: int) -> None:
    larger = grown(rect, by, SIZE)
    near = [
        [max(abs(x - min(max(x, rect.x), rect.right - 1)), abs(y - min(max(y, rect.y), rect.bottom - 1))) <= by
         for x in range(SIZE[0])]
        for y in range(SIZE[1])
    ]  # fmt: skip
    np.testing.assert_array_equal(covered(larger), near)
    found = around(rect, (wide, high), SIZE)
    cells = covered(rect)
    wanted = np.zeros_like(cells)
    for y in range(0, SIZE[1], high):
        for x in range(0, SIZE[0], wide):
            wanted[y : y + high, x : x + wide] = cells[y : y + high, x : x + wide].any()
    np.testing.assert_array_equal(covered(found), wanted)


@settings(deadline=None, max_examples=30)
@given(rect=RECTS, samples=st.sampled_from([3, 4]), channel=st.integers(0, 2), seed=st.integers(0, 9))
def test_stills_store_what_changed(rect: IntRect, samples: int, channel: int, seed: int) -> None:
    """One sample in each of two corners of a rectangle: it is stored with even edges, and nothing around it."""
    pixel_format = {3: "rgb24", 4: "rgba"}[samples]
    spec = EncoderSpec(*SIZE, Fraction(15), codec="png", pixel_format=pixel_format)
    first = np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], samples), dtype=np.uint8)
    second = first.copy()
    for y, x in ((rect.y, rect.x), (rect.bottom - 1, rect.right - 1)):
        second[y, x, channel] = ~first[y, x, channel]
    encoder = StillEncoder(spec, StillSettings("apng"), every=False)

    def given_(pixels: np.ndarray, pts: int) -> list[Still]:
        plane = pixels.reshape(SIZE[1], -1)
        return encoder.encode(Planes(pixel_format, *SIZE, (plane,), spec.taken), pts)

    (whole,) = given_(first, 0)
    (part,) = given_(second, 1)
    assert (whole.x, whole.y, whole.width, whole.height) == (0, 0, *SIZE)
    x, y = rect.x & ~1, rect.y & ~1
    wide, high = (rect.right + 1 & ~1) - x, (rect.bottom + 1 & ~1) - y
    assert (part.x, part.y, part.width, part.height) == (x, y, wide, high)
    assert given_(second.copy(), 2) == []
