"""Memory of pictures is used again only when nobody can see it any more."""

from __future__ import annotations

import gc
import weakref

from reelpress.color import BT709_LIMITED
from reelpress.media.encoder import shared_frame
from reelpress.media.pool import FramePool
from reelpress.media.scale import allocate, from_frame


def address(frame: object) -> int:
    return int(from_frame(frame, BT709_LIMITED).planes[0].__array_interface__["data"][0])  # type: ignore[arg-type]


def test_a_frame_comes_back_only_when_every_view_is_gone() -> None:
    pool = FramePool()
    frame = pool.take(64, 64, "yuv420p")
    where = address(frame)
    planes = from_frame(frame, BT709_LIMITED)
    view = planes.planes[1][2:4]
    del frame
    assert address(pool.take(64, 64, "yuv420p")) != where
    lent = shared_frame(planes)  # what an encoder is given
    del planes, view
    gc.collect()
    assert address(pool.take(64, 64, "yuv420p")) != where
    del lent
    assert where in {address(pool.take(64, 64, "yuv420p")) for _ in range(1)}
    assert pool.reused >= 1


def test_another_size_starts_anew_and_the_old_frames_live_as_long_as_they_are_used() -> None:
    pool = FramePool()
    kept = from_frame(pool.take(64, 64, "yuv420p"), BT709_LIMITED)
    kept.planes[0][:] = 7
    pool.take(32, 32, "yuv420p")
    assert (kept.planes[0] == 7).all()
    gone = weakref.ref(kept.planes[0])
    del kept
    assert gone() is None


def test_allocated_pictures_never_share_memory() -> None:
    pictures = [allocate(64, 48) for _ in range(40)]
    starts = {p.planes[0].__array_interface__["data"][0] for p in pictures}
    assert len(starts) == 40
