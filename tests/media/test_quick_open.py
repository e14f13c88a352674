"""Files are opened as seldom, and with as little decoding, as what is wanted of them allows."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from videos import make_video

from reelpress.media import _av, index, probe

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For every file that is opened for reading from here on: whether nothing was decoded for it."""
    calls: list[bool] = []
    real = _av.av.open

    def counted(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("mode") == "r":
            calls.append(kwargs["options"].get("skip_frame") == "all")
        return real(*args, **kwargs)

    monkeypatch.setattr(_av.av, "open", counted)
    return calls


@pytest.mark.parametrize("bframes", [0, 2])
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_an_index_made_without_decoding_is_the_same(
    tmp_path: Path, suffix: str, bframes: int, opened: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_video(tmp_path / f"a.{suffix}", fps=Fraction(30), frames=20, gop=8, bframes=bframes)
    quick = index.build_index(path, 0)
    assert opened == [True]
    monkeypatch.setattr(_av, "_STORES_TIMES", ())
    usual = index.build_index(path, 0)
    assert opened == [True, False]
    assert np.array_equal(quick.pts, usual.pts)
    assert np.array_equal(quick.keyframes, usual.keyframes)
    assert (quick.time_base, quick.end_pts, quick.by_order) == (usual.time_base, usual.end_pts, usual.by_order)
    assert len(quick) == 20


def test_one_frame_lasts_as_long_as_its_rate_says(tmp_path: Path) -> None:
    """The rate of the stream is known without decoding too."""
    one = index.build_index(make_video(tmp_path / "a.mp4", fps=Fraction(25), frames=1), 0)
    assert one.duration == Fraction(1, 25)


def test_a_file_whose_name_lies_is_opened_as_what_it_is(tmp_path: Path, opened: list[bool]) -> None:
    times = [5000, 5010, 5500, 5503, 7000]
    path = make_video(tmp_path / "v.mkv", frames=5, pts=times, time_base=Fraction(1, 1000))
    lie = path.rename(tmp_path / "v.mp4")
    assert list(index.build_index(lie, 0).pts) == times
    assert opened == [True, False]


def test_other_formats_are_opened_as_ever(tmp_path: Path, opened: list[bool]) -> None:
    index.build_index(make_video(tmp_path / "a.mkv", frames=5), 0)
    assert opened == [False]


def test_probing_opens_a_file_once(tmp_path: Path, opened: list[bool]) -> None:
    info = probe.probe(make_video(tmp_path / "a.mp4", frames=5))
    assert info.video is not None
    assert opened == [False]
