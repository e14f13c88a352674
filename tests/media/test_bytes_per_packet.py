"""What is kept and needed of each packet of a long recording, in bytes: columns of numbers, never objects."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelpress.media import index as index_module
from reelpress.media.copy_places import SamplePlaces
from reelpress.media.index import build_index
from reelpress.media.patch_encoder import KEPT, MAX_STACK, PatchEncoder
from reelpress.media.sample_tables import _pairs
from reelpress.media.scale import allocate
from reelpress.timeline.rate import natural_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKETS = 20_000


def cost(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Bytes a packet that are kept and that were needed at most, and what came of it."""
    work()  # what is imported or cached at first is not counted
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = work()
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return (kept - before) / PACKETS, (most - before) / PACKETS, result


def packets(*_: object) -> Iterator[SimpleNamespace]:
    for number in range(PACKETS):
        yield SimpleNamespace(
            size=700 + number,
            is_keyframe=number % 60 == 0,
            is_corrupt=False,
            is_discard=False,
            pts=100_000 + 1000 * number,
            dts=100_000 + 1000 * number,
            pos=5_000_000 + 700 * number,
            duration=1000,
            has_sidedata=lambda name: False,
        )


class _Opened:
    """As much of a container as the index looks at."""

    format = SimpleNamespace(name="mov,mp4,m4a,3gp,3g2,mj2")

    def close(self) -> None:
        pass


@pytest.fixture
def long_file(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = SimpleNamespace(
        time_base=Fraction(1, 15_000), average_rate=Fraction(15), codec_context=SimpleNamespace(name="h264")
    )
    monkeypatch.setattr(index_module, "open_input", lambda *args, **named: _Opened())
    monkeypatch.setattr(index_module, "stream_of", lambda *args: stream)
    monkeypatch.setattr(index_module, "_packets", packets)


@pytest.mark.usefixtures("long_file")
def test_the_index_takes_forty_bytes_a_packet():
    kept, most, index = cost(lambda: build_index(Path("long.mp4"), 0))
    # pts 8, and of packets pts, size and place 24, shown 1; arrays grow by a sixteenth at a time
    assert kept < 40
    assert most < 80  # as objects: 330
    assert len(index) == PACKETS and index.start == 100_000 and index.end_pts == 100_000 + 1000 * PACKETS
    assert index.packets is not None and index.packets.shown.all() and len(index.keyframes) == -(-PACKETS // 60)
    assert index.packets.size[[0, -1]].tolist() == [700, 700 + PACKETS - 1]
    assert index.packets.at[[0, -1]].tolist() == [5_000_000, 5_000_000 + 700 * (PACKETS - 1)]


def test_the_rate_is_found_without_a_list_of_objects():
    pts = np.arange(PACKETS, dtype=np.int64) * 1000 + 10**6
    kept, most, rate = cost(lambda: natural_rate(pts, Fraction(1, 15_000)))
    assert kept < 1 and most < 20 and rate == 15  # as objects: 80


@pytest.mark.parametrize("counts", [(3, 2), (2, 2), (2, 3)])
def test_the_rate_goes_by_the_upper_median_as_a_sorted_list_has_it(counts):
    gaps = [100] * counts[0] + [400] * counts[1]
    middle = sorted(gaps)[len(gaps) // 2]
    pts = np.cumsum([0, *gaps]).tolist()
    assert natural_rate(pts, Fraction(1, 6000)) == min(Fraction(6000, middle), 60)


def test_places_take_sixteen_bytes_a_packet(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(range(200)))
    at, size = (np.full(PACKETS, n, np.int64) for n in (20, 30))
    kept, most, places = cost(lambda: SamplePlaces.of(path, "mov", at, size, bytes(range(20, 50))))
    assert kept < 18 and most < 40 and places is not None
    assert next(places.read(path, PACKETS - 1, 1)) == bytes(range(20, 50))
    assert SamplePlaces.of(path, "mov", [20, 60], [30, 10], bytes(range(20, 50))) is not None
    assert SamplePlaces.of(path, "mov", at - 21, size, b"") is None  # a place is not known


def test_columns_are_walked_a_thousand_rows_at_a_time():
    first, second = np.arange(PACKETS) + 10**6, np.arange(PACKETS) + 10**7
    _, most, last = cost(lambda: max(_pairs(first, second)))
    assert most < 8 and last == (10**6 + PACKETS - 1, 10**7 + PACKETS - 1)
    assert list(_pairs(first[:1001], second[:1001])) == list(zip(first[:1001], second[:1001], strict=True))


def test_few_tiny_encoders_serve_patches_of_every_height():
    encoder = PatchEncoder()
    picture = allocate(64, 16 * MAX_STACK)
    for plane in picture.planes:
        plane[:] = 60
    for width in (1, 2, 3, 4):
        for count in range(1, MAX_STACK + 1):
            encoder.encode(picture, [(row, 0) for row in range(count)], width, 24)
    assert encoder.opened <= 1 + 2 * 4  # that of the parameter sets, and two heights of each width
    assert len(encoder._open) <= KEPT
