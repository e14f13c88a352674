"""``--format gif`` from end to end: options, plan, report, sizes, other encoders."""

from __future__ import annotations

import json
import stat
import sys
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import reelpress
from reelpress.errors import EncoderError, OutputError, SettingsError
from reelpress.export.outputs.table import OUTPUTS, output_of
from reelpress.export.settings import ExportSettings
from reelpress.export.to_size import Less, ladder, next_try
from reelpress.media.gif_read import walk

SIZE, RATE, FRAMES = (160, 96), 30, 60


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s: a gradient with noise passing over it, then a second in which nothing moves."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    rng = np.random.default_rng(11)
    width, height = SIZE
    back = np.linspace(60, 200, width)[None, :] + np.zeros((height, 1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0", "preset": "ultrafast"})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        y = back
        for k in range(FRAMES):
            if k < 30:
                y = back.copy()
                y[20:60, 3 * k : 3 * k + 50] = rng.integers(20, 230, (40, 50))
            picture = np.full((height * 3 // 2, width), 128, np.uint8)
            picture[:height] = y
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def settings(**options: Any) -> ExportSettings:
    return ExportSettings(resolution="160x96", stall_timeout=60, **options)


def test_a_gif_comes_out(clip, tmp_path):
    target = tmp_path / "x.gif"
    report = reelpress.export(clip, target, settings=settings())
    with Image.open(target) as image:
        assert image.format == "GIF" and image.size == SIZE and image.info["loop"] == 0
        delays = []
        for index in range(image.n_frames):
            image.seek(index)
            delays.append(image.info["duration"])
    assert sum(delays) == 2000 and min(delays) >= 20
    assert report.output.video_codec == "gif" and report.output.audio_codec is None
    assert report.output.fps == 15 and report.output.size_bytes == target.stat().st_size
    # the second that nothing moves in is one long delay
    assert delays[-1] >= 900
    assert report.unchanged["used"] == "vfr"
    assert (report.buffers["rendered"], report.buffers["encoder"]) == (16, 8)
    # every picture is looked at in a thread of its own before it is encoded
    assert report.stages["look"].frames == 30


def test_pictures_are_those_that_are_composed(clip, tmp_path):
    """Compared with ``render``, which goes the same way but for the GIF; decoded by libavcodec and converted by us."""
    target = tmp_path / "x.gif"
    chosen = settings(fps=Fraction(10), gif_quality=100, unchanged_tolerance=0)
    reelpress.export(clip, target, settings=chosen)
    composed = list(reelpress.render(clip, settings=settings(fps=Fraction(10), unchanged_tolerance=0)))
    with av.open(str(target)) as container:
        shown = {
            round(float(frame.pts * frame.time_base) * 10): frame.to_ndarray(format="rgb24").astype(float)
            for frame in container.decode(video=0)
        }
    assert len(composed) == 20
    current = None
    for index, planes in enumerate(composed):
        current = shown.get(index, current)
        luma = 16 + 219 / 255 * (current @ np.array([0.2126, 0.7152, 0.0722]))
        assert np.abs(luma - planes.planes[0]).mean() < 1.5


@pytest.mark.parametrize(("text", "size"), [("360p", None), ("80w", (80, 48)), ("source", SIZE)])
def test_width_presets(clip, text, size):
    plan = reelpress.plan(clip, "x.gif", settings=ExportSettings(resolution=text))
    assert size is None or (plan.width, plan.height) == size


def test_the_plan_says_what_is_done(clip):
    plan = reelpress.plan(clip, "x.gif", settings=settings(loop=3, gif_quality=70)).to_dict()
    assert plan["encoder"]["used"] == "gif"
    assert plan["formats"][-1] == {"edge": "encoded", "format": "pal8", "matrix": "rgb", "range": "full", "by": "gif"}
    assert plan["rate_control"] == {"quality": 70, "loop": 3, "tolerance": [3, 4], "max_size": None}
    assert plan["audio"] == {"used": False, "reason": "a gif has none"}
    assert plan["fps"] == "15" and plan["copy"]["used"] is False
    assert plan["unchanged"]["used"] == "vfr"


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("x.gif", {"fps": Fraction(60)}, "1 to 50"),
        ("x.gif", {"crf": 20.0}, "--crf means nothing"),
        ("x.gif", {"encoder": "libx264"}, "auto, gif, gifski"),
        ("x.gif", {"subtitles": "srt"}, "--subtitles means nothing"),
        ("x.mp4", {"gif_quality": 50}, "--gif-quality is for --format gif"),
        ("x.mp4", {"max_size": 100_000}, "--max-size is for --format gif"),
        ("x.mp4", {"format": "gif"}, "contradict"),
    ],
)
def test_options_that_do_not_fit(clip, target, options, said):
    with pytest.raises(SettingsError, match=said):
        reelpress.plan(clip, target, settings=settings(**options))


@pytest.mark.parametrize("options", [{"gif_quality": 0}, {"gif_quality": 101}, {"loop": -1}, {"max_size": 10}])
def test_values_out_of_range(options):
    with pytest.raises(SettingsError, match="Allowed is"):
        ExportSettings(**options)


def test_the_format_is_read_from_the_name():
    assert output_of(ExportSettings(), Path("a.GIF")).name == "gif"
    assert output_of(ExportSettings(format="gif"), Path("a")).name == "gif"
    assert output_of(ExportSettings(), Path("a.mp4")).name == output_of(ExportSettings(), Path("a")).name == "mp4"
    assert all(output.name == name for name, output in OUTPUTS.items())


def test_a_transparent_background(clip, tmp_path):
    """A card of its own over nothing: alpha is what ``render`` composes, halved at 128."""
    project = tmp_path / "p.json"
    project.write_text('{"background": {"padding": 20}}')
    chosen = {"transparent": True, "fps": Fraction(5), "unchanged_tolerance": 0, "project": project}
    report = reelpress.export(clip, tmp_path / "x.gif", settings=settings(**chosen))
    composed = list(reelpress.render(clip, settings=settings(format="gif", **chosen)))
    assert report.frames.total == len(composed) == 10
    with Image.open(tmp_path / "x.gif") as image:
        rgba = np.asarray(image.convert("RGBA"))
        there = composed[0].planes[3] >= 128
        np.testing.assert_array_equal(rgba[..., 3] > 0, there)
        assert there.any() and not there.all()
        for index in range(1, image.n_frames):
            image.seek(index)
            np.testing.assert_array_equal(np.asarray(image.convert("RGBA"))[..., 3] > 0, there)


# --- --max-size -------------------------------------------------------------------------------------------------------


def test_a_size_is_kept_to(clip, tmp_path):
    whole = reelpress.export(clip, tmp_path / "whole.gif", settings=settings()).output.size_bytes
    limit = whole // 3
    target, events = tmp_path / "x.gif", []
    report = reelpress.export(clip, target, settings=settings(max_size=limit), on_event=events.append)
    assert target.stat().st_size == report.output.size_bytes <= limit
    assert walk(target).size == (report.output.width, report.output.height)
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("PlanEvent") == 1 and kinds.count("CompletedEvent") == 1 and kinds[-1] == "CompletedEvent"
    assert not list(tmp_path.glob("*.part*"))


def test_what_fits_at_once_is_left_alone(clip, tmp_path):
    plain = reelpress.export(clip, tmp_path / "a.gif", settings=settings())
    roomy = reelpress.export(clip, tmp_path / "b.gif", settings=settings(max_size=10_000_000))
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert plain.output.size_bytes == roomy.output.size_bytes


def test_nothing_fits(tmp_path, monkeypatch):
    """Noise all over: even the smallest try is too large, and an old file stays."""
    monkeypatch.setattr(import_module("reelpress.export.to_size"), "SMALLEST", 96)
    path, target = tmp_path / "noise.mp4", tmp_path / "x.gif"
    rng = np.random.default_rng(12)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15, options={"qp": "0", "preset": "ultrafast"})
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = 160, 96, "yuv420p"
        for k in range(12):
            frame = av.VideoFrame.from_ndarray(rng.integers(16, 236, (144, 160)).astype(np.uint8), format="yuv420p")
            frame.pts, frame.time_base = k, Fraction(1, 15)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    target.write_bytes(b"old")
    with pytest.raises(OutputError, match="fits into 10000 bytes"):
        reelpress.export(path, target, settings=settings(max_size=10_000, overwrite=True))
    assert target.read_bytes() == b"old"


def test_the_ladder_leads_down():
    tries = ladder()
    assert tries[0] == Less()
    assert [less.cost for less in tries] == sorted((less.cost for less in tries), reverse=True)
    assert tries[-1].cost < 0.03


@pytest.mark.parametrize("bend", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("share", [0.9, 0.5, 0.2, 0.07])
def test_the_search_finds_what_fits_in_a_few_tries(share, bend):
    """Against recordings whose bytes fall faster or slower than expected."""
    limit, failed, fitted, count = 1_000_000, {}, {}, 0
    while (less := next_try(ladder(), failed, fitted, limit)) is not None and count < 7:
        size = int(limit / share * less.cost**bend)
        (fitted if size <= limit else failed)[less] = size
        count += 1
    assert fitted and count <= 5
    assert max(fitted.values()) >= 0.7 * limit


# --- gifski -----------------------------------------------------------------------------------------------------------

FAKE = """#!{python}
import sys
from PIL import Image
arguments = sys.argv[1:]
assert arguments[0] == "--quiet", arguments
values = dict(zip(arguments[1:13:2], arguments[2:13:2]))
names = arguments[13:]
if values["--quality"] == "13":
    sys.exit("it does not like that")
pictures = [Image.open(name).convert("P") for name in names]
assert all(p.size == (int(values["--width"]), int(values["--height"])) for p in pictures)
ticks = [int(100 * k / float(values["--fps"]) + 0.5) for k in range(len(names) + 1)]
delays = [10 * (b - a) for a, b in zip(ticks, ticks[1:])]
pictures[0].save(values["-o"], "GIF", save_all=True, append_images=pictures[1:], duration=delays,
                 loop=int(values["--repeat"]))
"""


@pytest.fixture
def gifski(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of that name, with its options, that writes the GIF by Pillow."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "gifski"
    program.write_text(FAKE.format(python=sys.executable))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(folder))
    return program


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_gifski_can_be_asked_for(clip, tmp_path, gifski):
    target = tmp_path / "x.gif"
    report = reelpress.export(clip, target, settings=settings(encoder="gifski"))
    assert report.encoder == "gifski"
    with Image.open(target) as image:
        assert image.size == SIZE
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".gifski")]


@pytest.mark.skipif(sys.platform == "win32", reason="a script is no program there")
def test_gifski_says_what_is_wrong(clip, tmp_path, gifski):
    with pytest.raises(EncoderError, match="it does not like that"):
        reelpress.export(clip, tmp_path / "x.gif", settings=settings(encoder="gifski", gif_quality=13))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin"]


def test_gifski_that_is_not_there(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingsError, match="no such program"):
        reelpress.plan(clip, tmp_path / "x.gif", settings=settings(encoder="gifski"))


# --- the docs ---------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_result():
    """``python tools/gif_tables.py`` was run after the benchmark."""
    root = Path(__file__).resolve().parents[2]
    sys.path.insert(0, str(root / "tools"))
    try:
        gif_tables = import_module("gif_tables")
    finally:
        sys.path.remove(str(root / "tools"))
    page = gif_tables.PAGE.read_text(encoding="utf-8")
    assert gif_tables.filled(page, json.loads(gif_tables.RESULT.read_text(encoding="utf-8"))) == page
