"""Every format beside MP4 with H.264 and GIF, decoded by a second program and compared with what is composed.

The second program is the system's ffmpeg where there is one (another build, of other versions, of all libraries), and
Pillow for still pictures, whose containers are written by us.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import threading
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reelpress
from export_harness import command
from make_tiny_cap import make_tiny_cap
from reelpress.color import BT709_LIMITED, SRGB
from reelpress.convert.exact import ExactConverter
from reelpress.errors import OutputError, SettingsError, TargetExistsError, TargetLockedError, VerifyError
from reelpress.export.outputs.stills import file_name, folder_of, names_of
from reelpress.export.settings import ExportSettings
from reelpress.media.verify.other import OtherFile, verify_other
from reelpress.pipeline.cancel import CancelToken
from reelpress.quality.metrics import PlaneMeter

FFMPEG, FFPROBE = shutil.which("ffmpeg"), shutil.which("ffprobe")
second_program = pytest.mark.skipif(FFMPEG is None or FFPROBE is None, reason="no ffmpeg program on this system")

WIDTH, HEIGHT, RATE, FRAMES = 160, 90, 30, 24
END = Fraction(FRAMES, RATE)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_cap(tmp_path_factory.mktemp("tiny") / "tiny.cap", with_camera=False)


def settings(**options: Any) -> ExportSettings:
    plain: dict[str, Any] = {
        "resolution": f"{WIDTH}x{HEIGHT}", "fps": Fraction(RATE), "end": END, "stall_timeout": 60, "verify": "full",
    }  # fmt: skip
    return ExportSettings(**(plain | options))


def settings_for(name: str, **options: Any) -> ExportSettings:
    """The same, without what means nothing for a file of that name."""
    if not name.endswith(("m4a", "wav")):
        return settings(**options)
    return ExportSettings(end=END, stall_timeout=60, **options) if "end" not in options else ExportSettings(**options)


def probed(path: Path, kind: str = "v") -> dict[str, Any]:
    wanted = ("-select_streams", f"{kind}:0", "-show_streams", "-show_format", "-of", "json")
    out = subprocess.run([FFPROBE, "-v", "error", *wanted, path], capture_output=True, check=True, timeout=60)
    found = json.loads(out.stdout)
    return {**found["streams"][0], "container": found["format"]}


def times(path: Path) -> list[float]:
    wanted = ("-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0")
    out = subprocess.run([FFPROBE, "-v", "error", *wanted, path], capture_output=True, check=True, timeout=60)
    return [float(line.strip(",")) for line in out.stdout.decode().split()]


def decoded(path: Path, pixel_format: str, size: tuple[int, int]) -> list[np.ndarray]:
    """Pictures as (samples of all planes) bytes or words, by the system's ffmpeg."""
    command = [FFMPEG, "-v", "error", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", pixel_format]
    data = subprocess.run([*command, "-"], capture_output=True, check=True, timeout=60).stdout
    deep = pixel_format.endswith("le")
    count = {"yuv420p": 1.5, "yuv422p10le": 2, "yuva444p12le": 4}[pixel_format] * size[0] * size[1]
    flat = np.frombuffer(data, "<u2" if deep else np.uint8)
    assert len(flat) % count == 0
    return list(flat.reshape(-1, int(count)))


def composed(tiny: Path, **options: Any) -> list[Any]:
    return list(reelpress.render(tiny, settings=settings(**options)))


def lumas(pictures: list[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
    return [picture[: size[0] * size[1]].reshape(size[1], size[0]) for picture in pictures]


# --- videos -----------------------------------------------------------------------------------------------------------

VIDEOS = {
    "hevc": ("x.mp4", {"codec": "hevc"}, "hevc", "hvc1", "aac"),
    "av1": ("x.mp4", {"codec": "av1"}, "av1", "av01", "aac"),
    "webm": ("x.webm", {}, "vp9", None, "opus"),
    "webm av1": ("x.webm", {"codec": "av1"}, "av1", None, "opus"),
    "mov h264": ("x.mov", {"codec": "h264"}, "h264", "avc1", "aac"),
    "mov hevc": ("x.mov", {"codec": "hevc"}, "hevc", "hvc1", "aac"),
}


@second_program
@pytest.mark.parametrize("case", VIDEOS)
def test_a_video_is_decoded_elsewhere_as_it_was_composed(tiny, tmp_path, case):
    name, options, codec, entry, sound = VIDEOS[case]
    target = tmp_path / name
    report = reelpress.export(tiny, target, settings=settings(crf=14.0, **options))
    stream = probed(target)
    assert stream["codec_name"] == report.output.video_codec == codec
    assert (stream["width"], stream["height"]) == (report.output.width, report.output.height)
    tags = ("color_space", "color_transfer", "color_primaries", "color_range")
    assert [stream.get(tag) for tag in tags] == ["bt709", "bt709", "bt709", "tv"]
    if entry is not None:
        assert stream["codec_tag_string"] == entry
    assert probed(target, "a")["codec_name"] == sound
    assert report.conversions == []  # the encoder takes what is composed
    assert float(stream["container"]["duration"]) == pytest.approx(float(END), abs=0.03)
    assert sorted(tmp_path.iterdir()) == [target]

    size = (stream["width"], stream["height"])
    pictures, at = decoded(target, "yuv420p", size), times(target)
    wanted = composed(tiny)
    assert len(wanted) == FRAMES and len(at) == len(pictures)
    frames = [round(time * RATE) for time in at]
    slack = 0.0006 if name.endswith("webm") else 1e-6
    assert max(abs(time - frame / RATE) for time, frame in zip(at, frames, strict=True)) <= slack
    assert frames[0] == 0 and len(set(frames)) == len(frames)
    if codec != "h264":
        assert report.unchanged["used"] == "vfr" and len(frames) == report.frames.encoded
    meter = PlaneMeter(*size)
    shown, similar = -1, []
    for index, planes in enumerate(wanted):
        shown += index in frames
        similar.append(meter.compare(lumas([pictures[shown]], size)[0], planes.planes[0]).ssim)
        chroma = pictures[shown][size[0] * size[1] :].astype(float)
        both = np.concatenate([plane.ravel() for plane in planes.planes[1:]])
        assert np.abs(chroma - both).mean() < 1.5
    assert min(similar) > 0.95 and float(np.mean(similar)) > 0.97


@pytest.mark.parametrize("case", VIDEOS)
def test_nothing_tells_of_the_encoder(tiny, tmp_path, case):
    name, options, *_ = VIDEOS[case]
    target = tmp_path / name
    reelpress.export(tiny, target, settings=settings(**options, verify="fast"))
    data = target.read_bytes()
    for word in (b"x265", b"x264", b"SVT", b"libvpx", b"Lavc", b"keyint", b"preset", b"tiny"):
        assert word not in data, word
    # Matroska must name a muxing library (RFC 9559, 5.1.2.14); it has no version here
    assert b"Lavf6" not in data


def test_pictures_come_in_order_without_b_pictures(tiny, tmp_path):
    import av

    for codec in ("hevc", "av1"):
        target = tmp_path / f"{codec}.mp4"
        reelpress.export(tiny, target, settings=settings(codec=codec, gop=Fraction(1, 5)))
        with av.open(str(target)) as container:
            packets = [(p.pts, p.dts, p.is_keyframe) for p in container.demux(video=0) if p.size]
        assert [pts for pts, _, _ in packets] == sorted(pts for pts, _, _ in packets)
        assert all(pts == dts for pts, dts, _ in packets)
        # key frames where they are asked for: 24 frames, one at least every 6 frames that come
        assert sum(key for *_, key in packets) >= 3, codec


def test_wrong_files_are_found(tiny, tmp_path):
    """The check of the finished file does find what is wrong: each case is one fault in a right file."""
    target = tmp_path / "x.mp4"
    reelpress.export(tiny, target, settings=settings(codec="hevc", no_audio=True))
    right: dict[str, Any] = {"frames": FRAMES, "fps": Fraction(RATE), "size": (WIDTH, HEIGHT)}
    plan = reelpress.plan(tiny, tmp_path / "y.mp4", settings=settings(codec="hevc", no_audio=True))
    right["size"] = (plan.width, plan.height)
    import av

    with av.open(str(target)) as container:
        base = container.streams.video[0].time_base
        right["shown"] = [round(p.pts * base * RATE) for p in container.demux(video=0) if p.size]
    kind = OtherFile("mp4", "hevc")
    verify_other(target, kind, mode="full", **right)
    for changed, said in (
        ({"fps": Fraction(25)}, "is shown at"),
        ({"size": (WIDTH, HEIGHT + 2)}, "instead of"),
        ({"sound_slack": Fraction(1, 100)}, "audio tracks"),
        ({"shown": right["shown"][:-1]}, "pictures instead of"),
        ({"frames": FRAMES + 1}, "lasts"),
        ({"color": SRGB.__class__(SRGB.matrix.BT601, BT709_LIMITED.range)}, "colour tags"),
    ):
        with pytest.raises(VerifyError, match=said):
            verify_other(target, kind, **(right | changed))
    with pytest.raises(VerifyError, match="not marked as"):
        verify_other(target, OtherFile("mp4", "av1"), **right)
    data = bytearray(target.read_bytes())
    data[data.index(b"hvc1") :][:4]
    broken = tmp_path / "broken.mp4"
    # a picture in the middle of the file is overwritten: its first bytes are no longer those of a slice
    at = data.index(b"mdat") + 4 + len(data) // 3
    data[at : at + 400] = bytes(400)
    broken.write_bytes(data)
    with pytest.raises(VerifyError):
        verify_other(broken, kind, mode="full", **right)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(target.read_bytes()[:-100])
    with pytest.raises(VerifyError, match="cut off"):
        verify_other(cut, kind, **right)


# --- ProRes -----------------------------------------------------------------------------------------------------------


@second_program
def test_prores_422_is_what_was_composed(tiny, tmp_path):
    target = tmp_path / "x.mov"
    report = reelpress.export(tiny, target, settings=settings())
    stream, sound = probed(target), probed(target, "a")
    assert (stream["codec_name"], stream["codec_tag_string"]) == ("prores", "apch")
    assert (stream["profile"], stream["pix_fmt"]) == ("HQ", "yuv422p10le")
    assert [stream[f"color_{tag}"] for tag in ("space", "transfer", "primaries")] == ["bt709"] * 3
    assert sound["codec_name"] == "pcm_s24le" and sound["channels"] == 2
    assert [(row["source"], row["target"], row["by"]) for row in report.conversions] == [
        ("yuv420p bt709 limited", "yuv422p10le bt709 limited", "exact")
    ]
    size = (stream["width"], stream["height"])
    pictures = decoded(target, "yuv422p10le", size)
    wanted = composed(tiny)
    assert len(pictures) == len(wanted) == FRAMES  # an even rate
    assert times(target) == pytest.approx([k / RATE for k in range(FRAMES)], abs=1e-5)
    converter = ExactConverter()
    for picture, planes in zip(pictures, wanted, strict=True):
        deep = converter.convert(planes, "yuv422p10le", BT709_LIMITED)
        exact = np.concatenate([plane.view("<u2").ravel() for plane in deep.planes])
        off = np.abs(picture.astype(int) - exact)
        # of 1023; what the codec loses
        assert off.mean() < 4


@second_program
@pytest.mark.parametrize("option", ["cursor_only", "transparent"])
def test_prores_4444_keeps_alpha(tiny, tmp_path, option):
    """The number of issue 8: alpha within 1 of 255. It comes back bit by bit."""
    target = tmp_path / "x.mov"
    report = reelpress.export(tiny, target, settings=settings(**{option: True}))
    stream = probed(target)
    assert (stream["codec_tag_string"], stream["profile"]) == ("ap4h", "4444")
    assert report.frames.encoded == FRAMES
    size = (stream["width"], stream["height"])
    count = size[0] * size[1]
    pictures = decoded(target, "yuva444p12le", size)
    wanted = composed(tiny, format="mov", **{option: True})
    assert len(pictures) == len(wanted) == FRAMES
    partly = 0
    for picture, planes in zip(pictures, wanted, strict=True):
        y, _, _, alpha = picture.reshape(4, size[1], size[0]).astype(float)
        meant = planes.planes[3].astype(float)
        assert np.abs(alpha / 4095 * 255 - meant).max() <= 0.3
        partly += int(((meant > 0) & (meant < 255)).sum())
        # over black and over white: what is composed is premultiplied already
        for code in (16.0, 235.0):
            share = alpha / 4095
            over = y / 16 * share + code * (1 - share)
            truth = planes.planes[0] + code * (1 - meant / 255)
            assert np.abs(over - truth).mean() < 0.5 and np.abs(over - truth).max() < 12
        assert count == meant.size
    assert partly > 20  # there are edges at all


def test_only_the_pointer_is_in_an_overlay_and_no_picture_is_decoded(tiny, tmp_path):
    target = tmp_path / "x.mov"
    plan = reelpress.plan(tiny, target, settings=settings(cursor_only=True))
    assert [edge.edge for edge in plan.formats] == ["compose->encode", "encoded"]
    assert "nothing to decode" in plan.decoder.used
    assert plan.rate_control == {"profile": "4444", "alpha_bits": 16}
    report = reelpress.export(tiny, target, settings=settings(cursor_only=True))
    assert "decode" not in report.stages
    alpha = [planes.planes[3] for planes in composed(tiny, format="mov", cursor_only=True)]
    places = [np.argwhere(each > 128).mean(axis=0) for each in alpha if (each > 128).any()]
    assert len(places) > 5 and all(0 < (each > 0).mean() < 0.2 for each in alpha)
    assert places[-1][1] > places[0][1] + 5  # the pointer goes to the right


def test_a_transparent_background_of_the_project_is_kept(tiny, tmp_path):
    look = json.loads((tiny / "project-config.json").read_text())
    look["background"]["source"] = {"type": "color", "value": [255, 0, 0], "alpha": 128}
    project = tmp_path / "look.json"
    project.write_text(json.dumps(look))
    plan = reelpress.plan(tiny, tmp_path / "x.mov", settings=settings(project=project))
    assert plan.rate_control["profile"] == "4444"
    assert reelpress.plan(tiny, tmp_path / "x.mov", settings=settings()).rate_control["profile"] == "422 HQ"
    target = tmp_path / "x.apng"
    reelpress.export(tiny, target, settings=settings(project=project))
    with Image.open(target) as image:
        corner = image.convert("RGBA").getpixel((1, 1))
    assert abs(corner[3] - 128) <= 1 and abs(corner[0] - 255) <= 3 and max(corner[1:3]) <= 3


# --- still pictures ---------------------------------------------------------------------------------------------------


def rgb(planes: Any, alpha: bool) -> np.ndarray:
    """What is composed as pixels, by floating-point arithmetic in one place for all of these tests."""
    made = ExactConverter().convert(planes, "rgba" if alpha else "rgb24", SRGB)
    return made.planes[0].reshape(planes.height, planes.width, -1)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("name", ["x.apng", "x.webp"])
def test_an_animation_shows_what_was_composed(tiny, tmp_path, name, alpha):
    target = tmp_path / name
    chosen: dict[str, Any] = {"fps": Fraction(10), "quality": "maximum", "transparent": alpha, "end": Fraction(2)}
    report = reelpress.export(tiny, target, settings=settings(loop=3, **chosen))
    wanted = [rgb(planes, alpha) for planes in composed(tiny, format=name[2:], **chosen)]
    with Image.open(target) as image:
        assert image.format == {"x.apng": "PNG", "x.webp": "WEBP"}[name] and image.info["loop"] == 3
        assert image.n_frames == report.frames.encoded > 3
        at, shown = 0.0, {}
        for number in range(image.n_frames):
            image.seek(number)
            shown[round(at / 100)] = np.asarray(image.convert("RGBA" if alpha else "RGB")).astype(int)
            at += image.info["duration"]
    assert at == 2000 and len(wanted) == 20
    current = None
    for index, pixels in enumerate(wanted):
        current = shown.get(index, current)
        if alpha:
            assert (current[..., 3] == pixels[..., 3]).all()
            assert (current[pixels[..., 3] > 0] == pixels[pixels[..., 3] > 0]).all()
        else:
            assert (current == pixels).all()


@second_program
def test_another_program_plays_the_animation(tiny, tmp_path):
    target = tmp_path / "x.apng"
    reelpress.export(tiny, target, settings=settings(fps=Fraction(10), end=Fraction(1)))
    assert probed(target)["codec_name"] == "apng"
    wanted = [rgb(planes, False) for planes in composed(tiny, fps=Fraction(10), end=Fraction(1))]
    command = [FFMPEG, "-v", "error", "-i", target, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24"]
    data = subprocess.run([*command, "-"], capture_output=True, check=True, timeout=60).stdout
    first = np.frombuffer(data[: wanted[0].size], np.uint8).reshape(wanted[0].shape)
    last = np.frombuffer(data[-wanted[0].size :], np.uint8).reshape(wanted[0].shape)
    assert (first == wanted[0]).all() and (last == wanted[-1]).all()


def test_a_lossy_webp_is_near(tiny, tmp_path):
    sizes = {}
    for quality in ("maximum", "social", "potato"):
        target = tmp_path / f"{quality}.webp"
        reelpress.export(tiny, target, settings=settings(quality=quality))
        sizes[quality] = target.stat().st_size
    assert sizes["potato"] < sizes["social"]
    wanted = rgb(composed(tiny, fps=Fraction(15))[0], False).astype(int)
    with Image.open(tmp_path / "social.webp") as image:
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - wanted).mean() < 3


def test_a_folder_of_pictures(tiny, tmp_path):
    target = tmp_path / "shots" / "shot-%04d.png"
    report = reelpress.export(tiny, target, settings=settings())
    wanted = [rgb(planes, False) for planes in composed(tiny)]
    files = sorted((tmp_path / "shots").iterdir())
    assert [file.name for file in files] == [f"shot-{k:04d}.png" for k in range(1, FRAMES + 1)]
    for file, pixels in zip(files, wanted, strict=True):
        with Image.open(file) as image:
            assert image.mode == "RGB" and (np.asarray(image) == pixels).all() and image.info["srgb"] == 0
    assert report.output.size_bytes == sum(file.stat().st_size for file in files)
    assert [entry.name for entry in tmp_path.iterdir()] == ["shots"]

    with pytest.raises(TargetExistsError, match="--overwrite"):
        reelpress.export(tiny, target, settings=settings())
    reelpress.export(tiny, target, settings=settings(overwrite=True, end=Fraction(2, RATE)))
    assert len(list((tmp_path / "shots").iterdir())) == 2
    (tmp_path / "shots" / "mine.txt").write_text("kept")
    with pytest.raises(TargetExistsError, match=r"mine\.txt"):
        reelpress.export(tiny, target, settings=settings(overwrite=True))
    assert (tmp_path / "shots" / "mine.txt").read_text() == "kept" and len(list((tmp_path / "shots").iterdir())) == 3


def test_names_of_pictures():
    assert folder_of(Path("a/x-%03d.png")) == (Path("a"), "x-%03d.png")
    assert folder_of(Path("a/x.png")) == (Path("a/x"), "x-%05d.png")
    assert folder_of(Path("a/x")) == (Path("a/x"), "x-%05d.png")
    assert file_name("x-%03d.png", 0) == "x-001.png" and file_name("x-%d.png", 41) == "x-42.png"
    import re

    assert re.fullmatch(names_of("x-%03d.png"), "x-1000.png") and not re.fullmatch(names_of("x-%03d.png"), "y-001.png")
    for name in ("%03d.png", "a/%d-%d.png", "a/%s.png"):
        with pytest.raises(SettingsError):
            folder_of(Path(name))


# --- sound ------------------------------------------------------------------------------------------------------------


def test_sound_alone(tiny, tmp_path):
    target = tmp_path / "x.wav"
    report = reelpress.export(tiny, target, settings=settings_for("wav", end=Fraction(2)))
    with wave.open(str(target)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 2, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768
    assert len(samples) == 2 * 96_000
    assert report.output.audio_codec == "pcm_s16le" and report.output.video_codec == "none"
    assert report.output.duration_s == 2 and report.frames.total == 0 and set(report.stages) == {"sound"}
    from reelpress.export.prepare import prepare
    from reelpress.media.audio import AudioMixer

    with prepare(tiny, tmp_path / "y.wav", settings_for("wav", end=Fraction(2))) as job:
        mixer = AudioMixer(job.spans, 96_000)
        mixed = mixer.read(96_000)
        mixer.close()
    assert np.abs(mixed.T.ravel() - samples).max() <= 0.51 / 32768
    assert np.abs(mixed).max() > 0.05

    m4a = tmp_path / "x.m4a"
    reelpress.export(tiny, m4a, settings=settings_for("wav", end=Fraction(2)))
    assert m4a.read_bytes()[4:12] == b"ftypM4A " and b"Lavf" not in m4a.read_bytes()
    if FFMPEG is not None:
        found = probed(m4a, "a")
        assert (found["codec_name"], found["nb_frames"]) == ("aac", str(math.ceil(96_000 / 1024) + 1))
        out = subprocess.run(
            [FFMPEG, "-v", "error", "-i", m4a, "-f", "f32le", "-"], capture_output=True, check=True, timeout=60
        ).stdout
        heard = np.frombuffer(out, "<f4").reshape(-1, 2)[:96_000].T
        loud = np.abs(mixed).max(axis=0) > 0.02
        assert np.corrcoef(heard[0][: len(loud)][loud[: heard.shape[1]]], mixed[0][: heard.shape[1]][loud])[0, 1] > 0.98


def test_there_must_be_sound(tmp_path):
    silent = make_tiny_cap(tmp_path / "silent.cap", with_camera=False, with_mic=False)
    with pytest.raises(SettingsError, match=r"no sound in what is shown"):
        reelpress.export(silent, tmp_path / "x.wav", settings=settings_for("wav"))
    assert not (tmp_path / "x.wav").exists()


# --- what does not go together, and what is left behind ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("x.gif", {"codec": "hevc"}, "--codec hevc means nothing for a GIF"),
        ("x.mp4", {"codec": "prores"}, "does not go into a mp4.*--format mov"),
        ("x.mp4", {"codec": "vp9"}, "--format webm"),
        ("x.webm", {"codec": "h264"}, "Allowed are: vp9, av1"),
        ("x.webm", {"subtitles": "srt"}, "--subtitles writes a track"),
        ("x.mov", {"codec": "av1"}, "Allowed are: prores, h264, hevc"),
        ("x.mov", {"crf": 20.0}, "--crf means nothing for ProRes"),
        ("x.mov", {"codec": "hevc", "cursor_only": True}, "which hevc has not"),
        ("x.mp4", {"cursor_only": True}, "needs a format with alpha"),
        ("x.webm", {"transparent": True}, "needs a format with alpha: .*webp, apng, png or gif"),
        ("x.mkv", {}, "no .mkv is made here. Allowed are: mp4, gif, .*--format mp4 writes one"),
        ("x.JPG", {}, "no .jpg is made here"),
        ("x.mp4", {"loop": 2}, "--loop is for"),
        ("x.png", {"loop": 2}, "--loop is for"),
        ("x.webp", {"crf": 20.0}, "--crf means nothing"),
        ("x.webp", {"codec": "av1"}, "--codec av1 means nothing"),
        ("x.apng", {"gif_quality": 20}, "--gif-quality is for --format gif"),
        ("x.m4a", {"codec": "h264"}, "--codec h264 is for pictures"),
        ("x.wav", {"no_audio": True}, "--no-audio leaves nothing"),
        ("x.wav", {"transparent": True}, "--transparent is for pictures"),
        ("x.mov", {"encoder": "libx264"}, "makes no ProRes"),
    ],
)
def test_what_does_not_go_together_is_refused(tiny, tmp_path, target, options, said):
    with pytest.raises(SettingsError, match=said):
        reelpress.plan(tiny, tmp_path / target, settings=settings_for(target, **options))


def test_the_command_refuses_with_two(tiny, tmp_path):
    found = command("export", tiny, "-o", "x.gif", "--codec", "hevc", cwd=tmp_path)
    assert found.exit == 2 and "--codec hevc means nothing for a GIF" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_of_another_kind_only_where_the_format_is_said(tiny, tmp_path):
    assert reelpress.plan(tiny, tmp_path / "x.mkv", settings=settings(format="mp4")).output.endswith("x.mkv")
    assert reelpress.plan(tiny, tmp_path / "x.v1", settings=settings()).output.endswith("x.v1")


def test_sound_alone_has_no_pictures_in_what_is_said(tiny, tmp_path):
    found = command("export", tiny, "-o", "x.wav", cwd=tmp_path)
    assert found.exit == 0 and "x.wav: sound alone, " in found.stderr and " s of sound in " in found.stderr
    assert "fps" not in found.stderr.splitlines()[-1] and "frames, " not in found.stderr.splitlines()[0]
    found = command("plan", tiny, "-o", "y.wav", cwd=tmp_path)
    assert found.exit == 0 and "\n  sound alone, " in found.stdout
    assert "copy: no (a wav has sound alone, which is encoded)" in found.stdout


def test_a_pointer_overlay_without_a_pointer_says_so(tiny, tmp_path):
    video = tmp_path / "plain.mp4"
    reelpress.export(tiny, video, settings=settings())
    plan = reelpress.plan(video, tmp_path / "x.mov", settings=settings(cursor_only=True))
    assert any("no pointer in this recording" in warning for warning in plan.warnings)
    plan = reelpress.plan(tiny, tmp_path / "x.mov", settings=settings(cursor_only=True))
    assert not any("nothing in the pictures" in warning for warning in plan.warnings)


@pytest.mark.parametrize("name", ["x.mov", "x.webm", "x.webp", "x.apng", "shots/%05d.png", "x.m4a", "x.wav"])
def test_cancel_and_locks_leave_nothing(tiny, tmp_path, name):
    target = tmp_path / name
    token = CancelToken()

    def stop(event: Any) -> None:
        if event.to_dict()["type"] == "progress" or name.endswith(("m4a", "wav")):
            token.cancel("enough")

    with pytest.raises(reelpress.errors.Cancelled):
        reelpress.export(tiny, target, settings=settings_for(name), on_event=stop, cancel=token)
    assert list(tmp_path.iterdir()) == []

    caught: list[BaseException] = []

    def second(event: Any) -> None:
        if event.to_dict()["type"] != "plan":
            return

        def run() -> None:
            try:
                reelpress.export(tiny, target, settings=settings_for(name))
            except BaseException as error:
                caught.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(60)

    reelpress.export(tiny, target, settings=settings_for(name), on_event=second)
    assert [type(error) for error in caught] == [TargetLockedError]
    assert [entry.name for entry in tmp_path.iterdir()] == [Path(name).parts[0]]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("name", ["x.mov", "x.webm", "x.gif", "x.webp", "x.apng", "x.wav"])
def test_a_full_disk_is_told_and_nothing_is_left(tiny, tmp_path, monkeypatch, name):
    from reelpress.pipeline.output import TargetGuard

    entered = TargetGuard.__enter__

    def full(guard: TargetGuard) -> TargetGuard:
        made = entered(guard)
        made.part_path.symlink_to("/dev/full")
        return made

    monkeypatch.setattr(TargetGuard, "__enter__", full)
    with pytest.raises(OutputError, match=r"full|space"):
        reelpress.export(tiny, tmp_path / name, settings=settings_for(name))
    assert list(tmp_path.iterdir()) == []


def test_the_plan_says_what_is_done(tiny):
    def said(name: str, **options: Any) -> dict[str, Any]:
        return reelpress.plan(tiny, name, settings=settings_for(name, **options)).to_dict()

    hevc = said("x.mp4", codec="hevc")
    assert not hevc["conversions"] and hevc["unchanged"]["used"] == "vfr"
    assert hevc["copy"] == {"used": False, "reason": "the pictures of a mp4 with hevc are encoded"}
    mov = said("x.mov")
    assert mov["formats"][-1] == {
        "edge": "encoded", "format": "yuv422p10le", "matrix": "bt709", "range": "limited", "by": "prores_ks",
    }  # fmt: skip
    assert [row["target"] for row in mov["conversions"]] == ["yuv422p10le bt709 limited"]
    assert mov["audio"]["reason"].startswith("PCM of 24 bits") and mov["unchanged"]["used"] == "encode"
    assert said("x.webm")["audio"]["reason"].startswith("Opus")
    assert said("x.png")["conversions"][0]["target"] == "rgb24 rgb full"
    sound = said("x.m4a")
    assert sound["decoder"]["used"] == sound["renderer"]["used"] == "none" and len(sound["formats"]) == 1
    strange = said("x.mov", renderer="gpu")
    assert strange["fallbacks"][0]["wanted"] == "gpu"
    assert said("x", codec="prores")["audio"]["reason"].startswith("PCM")
