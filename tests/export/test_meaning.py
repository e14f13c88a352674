"""Every option with every kind of file: what cannot have an effect is refused where it was asked for, only there."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import reelpress
from reelpress.cli.app import run as command
from reelpress.errors import SettingsError
from reelpress.export.outputs.meaning import settled
from reelpress.export.outputs.stdout import STDOUT
from reelpress.export.outputs.table import output_of
from reelpress.export.settings import DEFAULTS, ExportSettings, option_of
from reelpress.flags import Setting

KINDS: dict[str, dict[str, Any]] = {
    "mp4": {}, "mp4 hevc": {"codec": "hevc"}, "mp4 av1": {"codec": "av1"},
    "mov": {}, "mov h264": {"codec": "h264"}, "mov hevc": {"codec": "hevc"},
    "webm": {}, "webm av1": {"codec": "av1"},
    "gif": {}, "webp": {}, "apng": {}, "png": {}, "m4a": {}, "wav": {},
}  # fmt: skip
"""What they are made from, beside the first word as ``--format``."""

VIDEO = {"mp4", "mp4 hevc", "mp4 av1", "mov h264", "mov hevc", "webm", "webm av1"}
PRORES, ANIMATED, SOUND = {"mov"}, {"gif", "webp", "apng"}, {"m4a", "wav"}
EVERY = set(KINDS)
SHOWN = EVERY - SOUND
LABELLED = VIDEO | PRORES | SOUND

ALLOWED: list[tuple[str, Any, set[str]]] = [
    ("resolution", "640x360", SHOWN),
    ("fps", Fraction(12), SHOWN),
    ("quality", "web", VIDEO | {"webp"}),
    ("quality", "maximum", VIDEO | {"webp", "apng", "png"}),
    ("optimize_size", True, VIDEO),
    ("crf", 18.0, VIDEO),
    ("crf", 0.0, VIDEO),
    ("encoder_preset", "fast", VIDEO),
    ("gop", Fraction(1), VIDEO),
    ("gif_quality", 50, {"gif"}),
    ("max_size", 100_000, {"gif"}),
    ("loop", 0, ANIMATED),
    ("loop", 3, ANIMATED),
    ("transparent", True, PRORES | ANIMATED | {"png"}),
    ("cursor_only", True, PRORES | ANIMATED | {"png"}),
    ("start", Fraction(1), EVERY),
    ("end", Fraction(1), EVERY),
    ("project", Path("p.json"), EVERY),
    ("preset", "card", EVERY),
    ("no_audio", True, SHOWN),
    ("subtitles", "srt", {"mp4", "mp4 hevc", "mp4 av1", "mov h264", "mov hevc"}),
    ("title", "A talk", EVERY),  # labels are refused where they are written: test_labels
    ("chapters", True, EVERY),
    ("language", "deu", EVERY),
    ("creation_time", True, EVERY),
    ("renderer", "cpu", SHOWN),
    ("converter", "swscale", SHOWN),
    ("decoder", "software", SHOWN),
    ("gpu_format_conversion", False, SHOWN),
    ("encoder", "gif", VIDEO | {"gif"}),  # of a video by the choice of encoders, which knows the others
    ("encoder", "prores_ks", VIDEO | PRORES),
    ("unchanged", "splice", {"mp4", "mov h264"}),
    ("unchanged", "vfr", VIDEO | ANIMATED),
    ("unchanged", "encode", VIDEO | PRORES | {"png"}),
    ("unchanged_tolerance", 3, VIDEO | ANIMATED),
    ("memory", 1 << 30, EVERY),
    ("buffer_size", 8, SHOWN),
    ("stall_timeout", 9.0, EVERY),
    ("strict", True, EVERY),
    ("overwrite", True, EVERY),
    ("verify", "full", EVERY),
    ("report", Path("r.html"), EVERY),
    ("trace", Path("t.json"), EVERY),
]
"""Option, a value, and where it means something: by hand, from what each kind of file is."""


def made(kind: str, target: str | None = None) -> tuple[dict[str, Any], Path]:
    options = {"format": kind.split()[0], **KINDS[kind]}
    return options, Path(target or f"x.{options['format']}")


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def given(kind: str, name: str, value: Any, origin: str) -> ExportSettings:
    """Settings of which only ``name`` comes from ``origin``."""
    option = {"buffer_size": "buffers"}.get(name, name)
    options = {**{key: Setting(each, "command line") for key, each in made(kind)[0].items()}}
    return ExportSettings.from_mapping(options | {option: Setting(text(value), origin)})


def test_every_option_is_in_the_table() -> None:
    assert {name for name, *_ in ALLOWED} | {"format", "codec"} == set(DEFAULTS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_means_nothing_is_refused_where_it_was_asked_for(kind: str) -> None:
    wrong = []
    for name, value, allowed in ALLOWED:
        for settings in (
            given(kind, name, value, "command line"),
            ExportSettings(**made(kind)[0], **{name: value}),
        ):
            if value == DEFAULTS[name] and not settings.asked:
                continue  # in Python the default's value cannot be told from none
            try:
                settled(settings, output_of(settings, made(kind)[1]))
                refused = ""
            except SettingsError as error:
                refused = str(error)
                assert f"--{option_of(name)}" in refused.replace("--no-gpu", "--gpu"), refused
                assert refused.endswith(".") and "  " not in refused
            if bool(refused) != (kind not in allowed):
                wrong.append((name, value, refused))
    assert not wrong


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("origin", ["environment REELPRESS_X", "file reelpress.toml", "preset mine"])
def test_what_is_said_for_all_exports_is_left_out_instead(kind: str, origin: str) -> None:
    for name, value, allowed in ALLOWED:
        if name in ("title", "chapters", "language", "creation_time"):
            continue
        settings = given(kind, name, value, origin)
        left, output, warnings = settled(settings, output_of(settings, made(kind)[1]))
        if name != "encoder" or kind in ("gif", "mov"):
            assert getattr(left, name) == (value if kind in allowed else DEFAULTS[name]), (kind, name)
        assert output.name == kind.split()[0]
        content = name in ("transparent", "cursor_only", "subtitles")
        assert bool(warnings) == (content and kind not in allowed), (kind, name, warnings)


@pytest.mark.parametrize("kind", KINDS)
def test_defaults_are_never_refused(kind: str) -> None:
    for name in ("codec", *(name for name, *_ in ALLOWED)):
        if name == "codec" or DEFAULTS[name] is None:
            continue
        settings = ExportSettings(**made(kind)[0], **{name: DEFAULTS[name]})
        settled(settings, output_of(settings, made(kind)[1]))


def test_a_codec_for_all_exports_gives_way_to_the_format() -> None:
    for target, name in (("x.gif", "gif"), ("x.webm", "vp9"), ("x.mov", "hevc"), ("x.wav", "none")):
        settings = ExportSettings.from_mapping({"codec": Setting("hevc", "file reelpress.toml")})
        _, output, _ = settled(settings, output_of(settings, Path(target)))
        assert output.video_codec == name


def test_two_options_that_do_not_go_together() -> None:
    both = {
        "unchanged": Setting("encode", "command line"),
        "unchanged_tolerance": Setting("2", "command line"),
    }
    settings = ExportSettings.from_mapping(both)
    with pytest.raises(SettingsError, match=r"means nothing with --unchanged encode"):
        settled(settings, output_of(settings, Path("x.mp4")))
    for weaker in both:
        settings = ExportSettings.from_mapping(both | {weaker: Setting(both[weaker].value, "file reelpress.toml")})
        settled(settings, output_of(settings, Path("x.mp4")))


def test_gifski_is_left_to_itself() -> None:
    def one(**more: Setting) -> ExportSettings:
        settings = ExportSettings.from_mapping({"encoder": Setting("gifski", "command line"), **more})
        return settled(settings, output_of(settings, Path("x.gif")))[0]

    assert one(unchanged=Setting("encode", "command line")).unchanged == "encode"
    with pytest.raises(SettingsError, match="Allowed is: encode"):
        one(unchanged=Setting("vfr", "command line"))
    kept = one(max_size=Setting("1MB", "preset mine"), transparent=Setting("true", "file reelpress.toml"))
    assert kept.max_size is None and kept.transparent is False


def test_a_pipe_refuses_what_it_cannot_have_and_leaves_out_what_was_for_all() -> None:
    for name, value in (("format", "gif"), ("verify", "full"), ("subtitles", "srt")):
        asked = ExportSettings.from_mapping({name: Setting(value, "command line")})
        with pytest.raises(SettingsError, match="-o -"):
            settled(asked, output_of(asked, STDOUT))
        assumed = ExportSettings.from_mapping({name: Setting(value, "file reelpress.toml")})
        assert getattr(settled(assumed, output_of(assumed, STDOUT))[0], name) == DEFAULTS[name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.mov", "--unchanged", "vfr"], "--unchanged vfr means nothing for ProRes.*Allowed is: encode"),
        (["-o", "x.gif", "--unchanged", "splice"], "--unchanged splice means nothing for a GIF. Allowed is: vfr"),
        (["-o", "x.mp4", "--codec", "hevc", "--unchanged", "splice"], "for HEVC. Allowed are: vfr, encode"),
        (["-o", "x.gif", "--quality", "social"], "--quality means nothing for a GIF.*--gif-quality"),
        (["-o", "x.gif", "--gop", "2"], "--gop means nothing for a GIF. It is for H.264, HEVC, AV1 and VP9"),
        (["-o", "x.mp4", "--loop", "0"], "--loop is for --format gif, webp and apng only"),
        (["-o", "x.webp", "--crf", "0"], "--crf means nothing for --format webp"),
        (["-o", "x.m4a", "--fps", "30"], "--fps is for pictures, and an m4a has none"),
        (["-o", "x.png", "--quality", "web"], "never loses anything. Allowed is: maximum"),
    ],
)
def test_the_command_says_so_and_ends_with_two(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    arguments = [str(tmp_path / each) if each.startswith("x.") else each for each in arguments]
    for name in ("export", "plan"):
        assert command([name, str(tiny_cap), *arguments]) == 2
        assert re.search(said, capsys.readouterr().err)
    assert not list(tmp_path.glob("x.*"))


def test_the_environment_and_presets_are_for_every_kind(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ["--end", "0.2", "--no-audio"]
    for name, value in (("CRF", "30"), ("GOP", "1"), ("UNCHANGED", "vfr"), ("CODEC", "hevc"), ("CURSOR_ONLY", "0")):
        monkeypatch.setenv(f"REELPRESS_{name}", value)
    monkeypatch.setenv("REELPRESS_RESOLUTION", "160x90")
    for target in ("x.mp4", "x.gif", "x.mov", "x.png"):
        assert command(["export", str(tiny_cap), "-o", str(tmp_path / target), *small]) == 0
    assert command(["export", str(tiny_cap), "-o", str(tmp_path / "x.wav"), "--end", "0.2"]) == 0
    for preset in ("youtube", "slack", "archive", "keynote-overlay", "github-readme"):
        for target in ("y.gif", "y.mov", "y.webm", "y.png"):
            asked = ["plan", str(tiny_cap), "-o", str(tmp_path / target), "--preset", preset, *small, "--no-trial"]
            assert command(asked) == 0, (preset, target)


def test_a_wish_that_is_left_out_is_told(tiny_cap: Path, tmp_path: Path) -> None:
    settings = ExportSettings.from_mapping({"transparent": Setting("true", "file reelpress.toml")})
    plan = reelpress.plan(tiny_cap, tmp_path / "x.mp4", settings=settings)
    assert "transparent is left out: an mp4 cannot have it." in plan.warnings


@pytest.mark.parametrize("name", ["renderer", "converter", "decoder", "encoder"])
@pytest.mark.parametrize("kind", KINDS)
def test_auto_is_whatever_is_needed(kind: str, name: str) -> None:
    settings = given(kind, name, "auto", "command line")
    settled(settings, output_of(settings, made(kind)[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_is_how_every_picture_that_is_coded_is_taken(kind: str) -> None:
    settings = given(kind, "unchanged_tolerance", 0, "command line")
    if kind in SOUND:
        with pytest.raises(SettingsError, match="is for pictures"):
            settled(settings, output_of(settings, made(kind)[1]))
    else:
        settled(settings, output_of(settings, made(kind)[1]))
    both = {"unchanged": Setting("encode", "command line"), "unchanged_tolerance": Setting("0", "command line")}
    if kind in VIDEO:
        settings = ExportSettings.from_mapping({"format": Setting(kind.split()[0], "command line"), **both})
        settled(settings, output_of(settings, made(kind)[1]))


def test_gifski_knows_no_tolerance() -> None:
    asked = {"encoder": Setting("gifski", "command line"), "unchanged_tolerance": Setting("3", "command line")}
    settings = ExportSettings.from_mapping(asked)
    with pytest.raises(SettingsError, match=r"means nothing with --encoder gifski\. Leave one of the two out"):
        settled(settings, output_of(settings, Path("x.gif")))


def test_what_cannot_have_it_is_named() -> None:
    def warned(codec: str, name: str, value: str) -> list[str]:
        options = {"codec": Setting(codec, "command line"), name: Setting(value, "file reelpress.toml")}
        settings = ExportSettings.from_mapping(options)
        return settled(settings, output_of(settings, Path("x.mov")))[2]

    assert warned("hevc", "cursor_only", "true") == ["cursor-only is left out: HEVC cannot have it."]
    assert warned("prores", "subtitles", "srt") == ["subtitles is left out: ProRes cannot have it."]
    settings = given("mov", "subtitles", "srt", "command line")
    with pytest.raises(SettingsError, match=r"not put beside ProRes\. Use --codec h264 or hevc"):
        settled(settings, output_of(settings, Path("x.mov")))


def test_a_format_for_all_exports_gives_way_to_the_name_of_the_file(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REELPRESS_FORMAT", "gif")
    asked = [str(tiny_cap), "--end", "0.2", "--resolution", "160x90", "-o"]
    assert command(["export", *asked, str(tmp_path / "x.mp4")]) == 0
    assert (tmp_path / "x.mp4").read_bytes()[4:8] == b"ftyp"
    assert command(["export", *asked, str(tmp_path / "x")]) == 0
    assert (tmp_path / "x").read_bytes()[:4] == b"GIF8"
    capsys.readouterr()
    for more, name, said in (
        (["--format", "gif"], "y.mp4", "contradict each other"),
        ([], "y.mkv", r"no \.mkv is made here"),
        (["--preset", "slack"], "y.mkv", r"no \.mkv is made here"),
    ):
        assert command(["export", *asked, str(tmp_path / name), *more]) == 2
        assert re.search(said, capsys.readouterr().err)


def test_a_preset_in_python_gives_way_to_the_name_of_the_file(tiny_cap: Path, tmp_path: Path) -> None:
    overlay = ExportSettings.with_preset("keynote-overlay", resolution="160x90")
    for target, encoder, alpha in (("x.mov", "prores_ks", "yuva444p10le"), ("x.mp4", "libx264", "yuv420p")):
        plan = reelpress.plan(tiny_cap, tmp_path / target, settings=overlay)
        assert plan.encoder.used == encoder and not plan.warnings, plan.warnings
        assert plan.formats[-1].format == alpha
    asked = ExportSettings.with_preset("slack", format="mp4")
    with pytest.raises(SettingsError, match="contradict each other"):
        reelpress.plan(tiny_cap, tmp_path / "x.gif", settings=asked)


def test_two_sources_of_one_name_are_told_by_the_file_they_would_be(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["export", str(tiny_cap), str(tiny_cap), "-o", f"{tmp_path}/out/", "--format", "gif"]) == 2
    assert f"would both become {tiny_cap.stem}.gif." in capsys.readouterr().err


def test_a_picture_can_be_had_where_exports_are_usually_sound(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["frame", str(tiny_cap), "-o", str(tmp_path / "f.png"), "--resolution", "160x90", "--overwrite"]
    assert command([*asked, "--format", "wav"]) == 2
    assert "--resolution is for pictures, and a wav has none" in capsys.readouterr().err
    monkeypatch.setenv("REELPRESS_FORMAT", "wav")
    assert command(asked) == 0
    sound = ExportSettings.from_mapping({"format": Setting("wav", "file reelpress.toml")})
    first = next(iter(reelpress.render(tiny_cap, settings=sound)))
    assert (first.width, first.height) == (1920, 1080)
    asked_for = ExportSettings(format="wav")  # nobody gave --renderer: it is not what is refused
    next(iter(reelpress.render(tiny_cap, settings=asked_for)))
