"""``compare`` and its siblings on lossless files whose every sample is known."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import reelpress
from comparison_makers import Picture, flat, measured_by, noisy, pages, programs, write
from reelpress.color import BT709_LIMITED
from reelpress.errors import (
    Cancelled,
    MissingInputError,
    OutputError,
    SettingsError,
    UnreadableInputError,
    UnsupportedInputError,
)
from reelpress.export.settings import ExportSettings
from reelpress.media.planes import Planes
from reelpress.pipeline.cancel import CancelToken
from reelpress.quality.compare import against, compare, composed
from reelpress.quality.report import FrameResult

SIZE = (96, 64)
F = Fraction
ONE_OFF = 20 * math.log10(255)
"""PSNR when every sample is off by one."""


def grey(level: int) -> Picture:
    return flat(SIZE, level)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Picture]]:
    pictures = pages(12, SIZE)
    return write(tmp_path_factory.mktemp("pages") / "a.mkv", pictures), pictures


def test_the_same_file_twice(text: tuple[Path, list[Picture]]) -> None:
    report = reelpress.compare(text[0], text[0], min_ssim=1.0)
    assert report.all_identical
    assert report.passed
    assert (report.compared, report.identical) == (12, 12)
    assert report.ssim.mean.combined == report.ssim.min.combined == 1.0
    assert report.worst == ()
    data = report.to_dict()
    assert data["psnr"]["mean"] == data["xpsnr"]["min"] == {"y": None, "u": None, "v": None, "combined": None}
    json.dumps(data, allow_nan=False)
    assert data["all_identical"] is True


def test_numbers_are_those_of_the_samples(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    path, a = text
    b = [tuple(p ^ 1 for p in picture) for picture in a[:6]] + a[6:]  # every sample off by one, in one half
    report = compare(path, write(tmp_path / "b.mkv", b))  # type: ignore[arg-type]
    assert report.identical == 6
    assert not report.all_identical
    half = 10 * math.log10(255**2 / 0.5)
    for mean, low in ((report.psnr.mean.y, report.psnr.min.y), (report.psnr.mean.v, report.psnr.min.v)):
        assert mean == pytest.approx(half)
        assert low == pytest.approx(ONE_OFF)
    assert report.psnr.mean.combined == pytest.approx(half)
    assert {w.index for w in report.worst} < set(range(6))
    assert report.alignment.how == "Decoded samples are compared as they are stored."


def test_every_frame_agrees_with_ffmpeg(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    path, a = text
    b = noisy(a, 12)
    found: list[FrameResult] = []
    report = compare(path, write(tmp_path / "b.mkv", b), on_frame=found.append)
    said, last = measured_by(programs()[0], "ssim", a, b, tmp_path, 30)
    assert [f.ssim.y for f in found] == pytest.approx([s["Y"] for s in said], abs=2e-6)
    assert [f.ssim.u for f in found] == pytest.approx([s["U"] for s in said], abs=2e-6)
    means = dict(part.split(":") for part in last.split() if part[:2] in ("Y:", "U:", "V:"))
    assert report.ssim.mean.v == pytest.approx(float(means["V"]), abs=2e-6)
    said, last = measured_by(programs()[0], "psnr", a, b, tmp_path, 30)
    means = dict(part.split(":") for part in last.split() if part[:2] in ("y:", "u:", "v:"))
    assert report.psnr.mean.y == pytest.approx(float(means["y"]), abs=1e-5)
    assert [f.psnr.y for f in found] == pytest.approx([s["psnr_y"] for s in said], abs=0.0051)
    said, last = measured_by(programs()[0], "xpsnr", a, b, tmp_path, 30)
    assert [f.xpsnr.y for f in found] == pytest.approx([s["y"] for s in said], abs=0.0015)
    assert f"{report.xpsnr.mean.y:.3f}"[:-1] in last
    worst = min(found, key=lambda f: f.ssim.combined)
    assert (report.worst[0].index, report.worst[0].ssim) == (worst.index, worst.ssim.combined)
    assert report.ssim.min.combined == worst.ssim.combined


def test_variable_and_constant_rate_of_the_same_pictures(tmp_path: Path) -> None:
    levels = [40, 40, 40, 40, 90, 90, 140, 140, 140, 200]
    a = write(tmp_path / "constant.mkv", [grey(v) for v in levels])
    changes = [0, 4, 6, 9]
    b = write(tmp_path / "variable.mkv", [grey(levels[n]) for n in changes], times=[F(n, 30) for n in changes])
    report = compare(a, b)
    assert report.identical == report.compared == 10
    assert report.alignment.paired == 4
    assert report.alignment.missing_in_b == 6
    assert report.ssim.min.combined == 1.0
    assert not report.all_identical, "pictures are missing, although none that shows"


def test_a_picture_shown_too_late_is_seen(tmp_path: Path) -> None:
    levels = [40, 40, 90, 90, 90, 90]
    a = write(tmp_path / "a.mkv", [grey(v) for v in levels])
    b = write(tmp_path / "b.mkv", [grey(40), grey(90)], times=[F(0), F(3, 30)])
    report = compare(a, b)
    assert [(w.index, w.frame_a, w.frame_b) for w in report.worst] == [(2, 2, 0)]
    assert report.worst[0].time_s == pytest.approx(2 / 30, abs=0.001)


def test_different_length(tmp_path: Path) -> None:
    a = write(tmp_path / "a.mkv", [grey(40 + n) for n in range(20)])
    b = write(tmp_path / "b.mkv", [grey(40 + n) for n in range(12)])
    report = compare(a, b)
    assert report.compared == report.identical == 12
    assert (report.alignment.rest_a, report.alignment.rest_b) == (8, 0)
    assert not report.alignment.lengths_agree
    assert not report.all_identical
    assert report.passed, "nothing was asked for"
    cut = compare(a, b, min_ssim=0.5)
    assert not cut.passed
    assert "B ends at 0.400 s" in cut.failures[0]
    assert compare(b, a, min_ssim=0.5).passed, "B is longer: nothing of A is missing"
    assert compare(a, b, min_ssim=1.0, end=F(1, 5)).passed
    assert compare(a, b, end=F(1, 5)).compared == 6


def test_a_part(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    path, a = text
    b = [*a[:3], *noisy(a[3:6], 20), *a[6:]]
    other = write(tmp_path / "b.mkv", b)
    assert compare(path, other).identical == 9
    part = compare(path, other, start=F(3, 30), end=F(6, 30))
    assert (part.compared, part.identical) == (3, 0)
    assert (part.alignment.start_s, part.alignment.end_s) == pytest.approx((0.1, 0.2))
    rest = compare(path, other, start=F(6, 30))
    assert (rest.compared, rest.identical) == (6, 6)


def test_every_nth(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    path, a = text
    other = write(tmp_path / "b.mkv", noisy(a, 9))
    every: list[FrameResult] = []
    some: list[FrameResult] = []
    compare(path, other, on_frame=every.append)
    report = compare(path, other, on_frame=some.append, every=5)
    assert report.compared == 3
    assert report.alignment.moments == 12
    assert some == every[::5], "what was passed over still counts as the past of the next"


def test_below_min_ssim(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    path, a = text
    other = write(tmp_path / "b.mkv", noisy(a, 30))
    mean = compare(path, other).ssim.mean.combined
    assert compare(path, other, min_ssim=mean - 0.001).passed
    report = compare(path, other, min_ssim=mean + 0.001)
    assert not report.passed
    assert "The mean SSIM is 0." in report.failures[0]


def test_odd_sizes(tmp_path: Path) -> None:
    a = pages(3, (75, 51))
    b = [tuple(p ^ 1 for p in picture) for picture in a]
    report = compare(write(tmp_path / "a.mkv", a), write(tmp_path / "b.mkv", b))  # type: ignore[arg-type]
    assert report.psnr.mean.combined == pytest.approx(ONE_OFF)
    assert (report.a.width, report.a.height) == (75, 51)


def test_sizes_differ(tmp_path: Path) -> None:
    a = write(tmp_path / "a.mkv", [flat((64, 48), 100)] * 3)
    b = write(tmp_path / "b.mkv", [flat((32, 24), 103)] * 3)
    with pytest.raises(SettingsError, match=r"A is 64x48 and B is 32x24.*--scale"):
        compare(a, b)
    report = compare(a, b, scale=True)
    assert report.alignment.scaled
    assert "scaled to A's size" in report.alignment.how
    # both are converted from BT.601 (untagged, small) to BT.709: grey stays what it is
    assert report.psnr.mean.y == pytest.approx(10 * math.log10(255**2 / 9))
    assert not compare(a, a, scale=True).alignment.scaled


def test_a_still_picture_is_one_of_the_worst_only_once(tmp_path: Path) -> None:
    a = write(tmp_path / "a.mkv", [grey(100)] * 10 + [grey(150)] * 10)
    b = write(tmp_path / "b.mkv", [grey(104)] * 10 + [grey(152)] * 10)
    report = compare(a, b, worst=5)
    assert [w.index for w in report.worst] == [0, 10]
    assert compare(a, b, worst=0).worst == ()
    # 4 codes in half of the moments, 2 in the other, on luma
    assert report.psnr.mean.y == pytest.approx(10 * math.log10(255**2 / 10))


def test_pictures_of_the_worst(tmp_path: Path) -> None:
    a = write(tmp_path / "a.mkv", [grey(126)] * 6, tags=(1, 1, 1, 1))
    level = [126, 126, 136, 126, 131, 126]
    b = write(tmp_path / "b.mkv", [grey(v) for v in level], tags=(1, 1, 1, 1))
    folder = tmp_path / "new" / "folder"
    report = compare(a, b, pictures=folder, worst=2)
    assert [w.index for w in report.worst] == [2, 4]
    names = [Path(p).name for p in report.worst[0].pictures]
    assert names == ["worst-1-000002-a.png", "worst-1-000002-b.png", "worst-1-000002-difference.png"]
    assert sorted(p.name for p in folder.iterdir()) == sorted(Path(p).name for w in report.worst for p in w.pictures)
    one, two, difference = (np.asarray(Image.open(p)).astype(int) for p in report.worst[0].pictures)
    assert one.shape == (64, 96, 3)
    # BT.709 limited: (Y - 16) / 219 x 255
    assert np.abs(one - 110 * 255 / 219).max() <= 1
    assert np.abs(two - 120 * 255 / 219).max() <= 1
    assert (difference == 8 * np.abs(two - one)).all()


def test_pictures_show_the_colour_of_the_file(tmp_path: Path) -> None:
    """Samples compared as they are stored are still BT.601 when they are shown."""
    red601 = flat(SIZE, 81, 90, 240)
    a = write(tmp_path / "a.mkv", [red601], tags=(6, 6, 6, 1))
    b = write(tmp_path / "b.mkv", [flat(SIZE, 80, 90, 240)], tags=(6, 6, 6, 1))
    report = compare(a, b, pictures=tmp_path / "out")
    assert report.alignment.how == "Decoded samples are compared as they are stored."
    shown = np.asarray(Image.open(report.worst[0].pictures[0])).astype(int)
    assert np.abs(shown[20, 20] - (255, 0, 0)).max() <= 4


def test_a_folder_that_cannot_be_made(text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        compare(text[0], text[0], pictures=tmp_path / "file")


def test_colour_tags(tmp_path: Path) -> None:
    def x264(name: str, tags: tuple[int, int, int, int]) -> Path:
        return write(tmp_path / name, [grey(100)] * 3, codec="libx264", tags=tags, options={"qp": "0"})

    a = x264("a.mp4", (1, 1, 1, 1))
    b = x264("b.mp4", (6, 6, 6, 1))
    same = compare(a, a).colour
    assert same.agree
    assert same.a is not None
    assert same.a.bitstream == same.a.decoder == "1/1/1 limited"
    assert same.a.container == "1/1/1 limited"
    report = compare(a, b)
    assert not report.colour.agree
    assert "bt709 limited" in report.colour.notes[0]
    assert "bt601 limited" in report.colour.notes[0]
    assert "B: yuv420p bt601 limited to yuv420p bt709 limited" in report.alignment.how
    untagged = compare(a, write(tmp_path / "c.mkv", [grey(100)] * 3)).colour
    assert untagged.b is not None
    assert untagged.b.bitstream is None


def test_a_damaged_file_is_compared_as_far_as_it_goes(tmp_path: Path) -> None:
    good = write(tmp_path / "a.mp4", pages(30, SIZE), codec="libx264", options={"g": "5", "bf": "0"})
    data = bytearray(good.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2500] = bytes(v ^ 0xA5 for v in data[middle : middle + 2500])
    bad = tmp_path / "b.mp4"
    bad.write_bytes(data)
    report = compare(good, bad)
    assert 0 < report.b.repeated < 20
    assert report.a.repeated == 0
    assert report.ssim.min.combined < 0.9
    assert report.identical > 5
    whole = write(tmp_path / "whole.mkv", pages(30, SIZE))
    half = tmp_path / "half.mkv"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    cut = compare(whole, half, min_ssim=0.5)
    assert cut.identical >= cut.compared - 1 > 10
    assert "B ends at" in cut.failures[0]


@pytest.mark.parametrize("which", [0, 1])
def test_what_cannot_be_read(which: int, text: tuple[Path, list[Picture]], tmp_path: Path) -> None:
    def pair(other: Path) -> list[Path]:
        files = [text[0], text[0]]
        files[which] = other
        return files

    with pytest.raises(MissingInputError):
        compare(*pair(tmp_path / "none.mp4"))
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(UnreadableInputError):
        compare(*pair(tmp_path / "noise.mp4"))
    with av.open(str(tmp_path / "sound.wav"), "w") as out:
        stream: Any = out.add_stream("pcm_s16le", rate=48_000)
        stream.codec_context.layout = "mono"
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        out.mux(stream.encode(frame))
    with pytest.raises(UnsupportedInputError, match="sound but no video"):
        compare(*pair(tmp_path / "sound.wav"))


@pytest.mark.parametrize(
    "options",
    [{"min_ssim": 1.1}, {"worst": -1}, {"worst": 1000}, {"every": 0}, {"start": F(-1)}, {"start": F(2), "end": F(1)},
     {"start": F(100)}, {"min_ssim": math.nan}],
    ids=str,
)  # fmt: skip
def test_values_that_are_not_allowed(options: dict[str, Any], text: tuple[Path, list[Picture]]) -> None:
    with pytest.raises(SettingsError):
        compare(text[0], text[0], **options)


# --- against pictures -------------------------------------------------------------------------------------------------


def planes(picture: Picture) -> Planes:
    height, width = picture[0].shape
    return Planes("yuv420p", width, height, picture, BT709_LIMITED)


def test_against_pictures_of_a_program(tmp_path: Path) -> None:
    a = pages(8, SIZE)
    file = write(tmp_path / "b.mkv", a, tags=(1, 1, 1, 1))
    report = against((planes(p) for p in a), file)
    assert report.all_identical
    assert (report.a.path, report.a.frames, report.a.fps) == (None, 8, 30.0)
    other = [*a[:5], grey(77), *a[6:]]
    report = against(iter([planes(p) for p in other]), file, fps=F(30), min_ssim=0.999)
    assert [w.index for w in report.worst] == [5]
    assert not report.passed


def test_against_more_pictures_than_the_file_has(tmp_path: Path) -> None:
    file = write(tmp_path / "b.mkv", [grey(50)] * 5, tags=(1, 1, 1, 1))
    taken = 0

    def endless() -> Iterator[Planes]:
        nonlocal taken
        while True:
            taken += 1
            yield planes(grey(50))

    report = against(endless(), file, min_ssim=0.5)
    assert report.compared == report.identical == 5
    assert report.alignment.rest_a is None
    assert report.a.frames is None
    assert not report.passed
    assert taken < 12


def test_an_export_against_its_composed_frames(tiny_cap: Path, tmp_path: Path) -> None:
    settings = ExportSettings(resolution="160x90", fps=F(15), crf=10.0)
    target = tmp_path / "x.mp4"
    exported = reelpress.export(tiny_cap, target, settings=settings)
    report = composed(tiny_cap, target, min_ssim=0.97)
    assert report.passed, report.failures
    assert report.compared == exported.frames.total
    assert report.alignment.lengths_agree
    assert report.colour.agree
    frames = list(reelpress.render(tiny_cap, settings=settings))
    again = against(frames, target)
    assert again.psnr == report.psnr


# --- threads ----------------------------------------------------------------------------------------------------------


def test_cancelling(tmp_path: Path) -> None:
    file = write(tmp_path / "b.mkv", [grey(50)] * 100, tags=(1, 1, 1, 1))
    token = CancelToken()

    def frames() -> Iterator[Planes]:
        for n in range(100):
            if n == 10:
                token.cancel("a test")
            yield planes(grey(50))

    with pytest.raises(Cancelled):
        against(frames(), file, cancel=token)
    assert not [t.name for t in threading.enumerate() if "compare" in t.name]


def test_progress(text: tuple[Path, list[Picture]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelpress.quality.comparison.PROGRESS_S", 0.0)
    events: list[Any] = []
    compare(text[0], text[0], on_event=events.append)
    assert [e.frame for e in events] == list(range(1, 13))
    assert {e.total_frames for e in events} == {12}
    assert events[-1].eta_s == 0


def test_the_public_function_is_one_of_the_public_names() -> None:
    assert "compare" in reelpress.__all__
    assert all(hasattr(reelpress, name) for name in reelpress.__all__)
