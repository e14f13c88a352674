"""The command line as scripts and people meet it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reelpress.cli.app import run
from reelpress.cli.options import EXPORT_OPTIONS

SMALL = ["--resolution", "160x90", "--fps", "15", "--end", "0.5"]


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from reelpress.cli.app import run; run(['--help']); run(['export', '--help']);"
        "heavy = {'av', 'numpy', 'PIL'} & set(sys.modules); sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, reelpress; sys.exit(str({'av', 'numpy', 'PIL', 'typer'} & set(sys.modules) or ''))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.stderr.strip() == ""


def test_export_prints_the_path_on_stdout_and_the_rest_on_stderr(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "x.mp4"
    assert run(["export", str(tiny_cap), "-o", str(target), *SMALL]) == 0
    out, err = capsys.readouterr()
    assert out.strip() == str(target)
    assert "not drawn" not in err
    assert "fps" in err


def test_json_is_one_object_a_line(tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tiny_cap), "-o", str(tmp_path / "x.mp4"), "--json", *SMALL]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert next(line["type"] for line in lines) == "plan"
    assert lines[-1]["type"] == "completed"
    assert {line["schema_version"] for line in lines} == {1}
    report = lines[-1]["report"]
    for field in (
        "frames wall_s fps cpu_s peak_rss_bytes stages formats conversions fallbacks warnings buffers "
        "decoder renderer converter encoder output"
    ).split():
        assert field in report
    assert set(report["frames"]) == {
        "total", "composed", "patched", "held", "encoded", "copied", "repeated_after_error"
    }  # fmt: skip
    assert set(report["output"]) == {
        "width", "height", "fps", "duration_s", "size_bytes", "video_codec", "audio_codec", "color"
    }  # fmt: skip


def test_plan_json_has_the_designs_fields(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", str(tiny_cap), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    for field in (
        "source output frames formats conversions decoder renderer converter encoder buffers memory_bytes copy "
        "not_drawn warnings fallbacks estimate"
    ).split():
        assert field in plan
    assert set(plan["buffers"]) == {"rendered", "encoder", "bytes"}
    assert set(plan["estimate"]) == {"size_bytes", "wall_s", "by"}
    for choice in ("decoder", "renderer", "converter", "encoder"):
        assert set(plan[choice]) == {"used", "reason", "rejected"}
    assert all(set(edge) == {"edge", "format", "matrix", "range", "by"} for edge in plan["formats"])


ELSEWHERE = "h264_videotoolbox" if sys.platform != "darwin" else "h264_mf"
"""An encoder that another system has."""


def test_a_wish_that_cannot_be_granted_is_a_fallback_and_strict_makes_it_an_error(
    tiny_cap: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", str(tiny_cap), "--encoder", ELSEWHERE, "--json"]) == 0
    (fallback,) = json.loads(capsys.readouterr().out)["fallbacks"]
    assert (fallback["wanted"], fallback["stage"]) == (ELSEWHERE, "encode")
    assert run(["plan", str(tiny_cap), "--encoder", ELSEWHERE, "--strict", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["code"] == "strict_fallback"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["exprt"], "Did you mean 'export'"),
        (["export", "x", "--resolutoin", "720p"], "--resolution"),
        (["export"], "Missing argument"),
        (["plan", "x", "--quality", "bets"], "maximum, social, web, potato"),
        (["plan", "x", "--log-level", "loud"], "debug, info"),
    ],
)
def test_bad_usage_is_two_and_helps(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert said in capsys.readouterr().err


def test_several_sources_go_into_a_folder_and_one_failure_does_not_stop_the_others(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    folder = tmp_path / "out"
    assert run(["export", str(bad), str(tiny_cap), "-o", str(folder), *SMALL]) == 3
    assert [p.name for p in folder.iterdir()] == ["Tiny.mp4"]
    err = capsys.readouterr().err
    assert "1 of 2 exported" in err
    assert "bad.mp4" in err


def test_two_sources_of_one_name_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tmp_path / "a" / "x.mov"), str(tmp_path / "b" / "x.mp4")]) == 2
    assert "x.mp4" in capsys.readouterr().err


def test_default_target_is_the_stem_here(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["export", f"{tiny_cap}/", *SMALL, "-q"]) == 0
    assert (tmp_path / "Tiny.mp4").exists()
    assert capsys.readouterr() == ("Tiny.mp4\n", "")


def test_frame_writes_a_png(tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    target = tmp_path / "f.png"
    assert run(["frame", str(tiny_cap), "--time", "1.5", "-o", str(target), "--resolution", "320x180"]) == 0
    with Image.open(target) as image:
        assert image.size == (320, 180)
    assert run(["frame", str(tiny_cap), "-o", str(target)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(["frame", str(tiny_cap), "-o", str(tmp_path / "g.png"), "--time", "99"]) == 2
    assert "lasts 2.000 s" in capsys.readouterr().err


def test_config_shows_what_holds_and_from_where(
    tiny_cap: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REELPRESS_QUALITY", "web")
    assert run(["config", "--crf", "19", "--json"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert options["crf"] == {"value": "19", "from": "command line"}
    assert options["quality"] == {"value": "web", "from": "environment REELPRESS_QUALITY"}
    assert options["resolution"] == {"value": "1080p", "from": "default"}


def test_environment_reaches_the_plan(
    tiny_cap: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REELPRESS_RESOLUTION", "640x360")
    assert run(["plan", str(tiny_cap), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["width"] == 640


def test_probe_and_doctor_say_what_there_is(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["probe", str(tiny_cap), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    tracks = {track["key"]: track for track in data["segments"][0]["tracks"]}
    assert (tracks["display:0"]["width"], tracks["display:0"]["height"]) == (640, 360)
    assert {"camera:0", "mic:0"} <= set(tracks)
    assert run(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert all(codec["available"] for codec in facts["codecs"] if codec["required"])
    (x264,) = (row for row in facts["encoders"] if row["name"] == "libx264")
    assert (x264["available"], x264["right"]) == (True, True)
    assert all(row["reason"] for name in ("encoders", "devices", "adapters") for row in facts[name])
    converters = {row["backend"]: row for row in facts["converters"]}
    assert set(converters) == {"gpu", "videotoolbox", "swscale", "encoder"}
    by_swscale = [row for row in facts["converters"] if row["backend"] == "swscale"]
    # what leads to NV12 is tried with a picture, the rest is not
    assert all(row["available"] and row["right"] == (True if row["target"] == "nv12" else None) for row in by_swscale)
    if sys.platform != "darwin":
        assert not converters["videotoolbox"]["available"]
        assert converters["encoder"]["reason"] == "not on this platform"
        (missing,) = (row for row in facts["encoders"] if row["name"] == "h264_videotoolbox")
        assert (missing["available"], missing["right"]) == (False, None)
    assert run(["doctor", str(tiny_cap)]) == 0
    out = capsys.readouterr().out
    assert "usable memory" in out
    assert re.search(r"^  yes  right  h264 +libx264 +right in a trial", out, re.MULTILINE)
    assert re.search(r"^  yes  right  swscale +all pairs of formats$", out, re.MULTILINE)
    chosen = out.split("what auto chooses for ")[1]
    assert re.search(r"^  encoder +libx264: ", chosen, re.MULTILINE)
    assert re.search(r"^ +not h264_\w+: \w", chosen, re.MULTILINE), "and why not the others"


def test_version_names_the_licences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert "GPL" in capsys.readouterr().out


def test_help_shows_placeholders_only_where_one_is_filled_in(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["export", "--help"], ["config", "--help"]):
        assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "SOURCE..." in out
    assert not any(sign in out for sign in ("<", "{", "[[")), out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    command = [sys.executable, "-c", "from reelpress.cli import main; import sys; sys.argv[0] = 'reelpress'; main()"]
    result = subprocess.run(
        [*command, "--show-completion", shell], capture_output=True, text=True, timeout=60, env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "_REELPRESS_COMPLETE" in result.stdout


def test_completion_knows_commands_and_options() -> None:
    for words, expected in (("reelpress ex", "export"), ("reelpress export --reso", "--resolution")):
        environment = {
            **os.environ, "_REELPRESS_COMPLETE": "complete_bash",
            "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
        }  # fmt: skip
        command = [
            sys.executable,
            "-c",
            "from reelpress.cli import main; import sys; sys.argv[0] = 'reelpress'; main()",
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
        assert result.stdout.split() == [expected], result.stderr


def test_the_guide_documents_every_option() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    names = [name for option in EXPORT_OPTIONS for names in option.declarations for name in names.split("/")]
    for name in [*names, "--json", "--log-level", "--debug", "--quiet", "-q", "--verbose", "-v", "--time", "-o"]:
        assert re.search(rf"`[^`]*(?<![\w-]){re.escape(name)}(?![\w-])[^`]*`", guide), name


def test_a_fallback_is_told_once(tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", str(tiny_cap), "-o", str(tmp_path / "x.mp4"), "--encoder", ELSEWHERE, *SMALL]) == 0
    err = capsys.readouterr().err
    assert err.count("fallback:") == err.count(f"instead of {ELSEWHERE}") == 1


def test_a_line_at_the_start_says_the_buffers(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["export", str(tiny_cap), "-o", str(tmp_path / "x.mp4"), "-v", *SMALL]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "total_ram_gb=" in line]
    assert re.search(r"total_ram_gb=\d+\.\d rendered_buffer=\d+ encoder_buffer=\d+ buffer_bytes=\d+$", line)


def test_frame_never_replaces_what_it_reads(tiny_cap: Path, capsys: pytest.CaptureFixture[str]) -> None:
    screen = next((tiny_cap / "content").rglob("display.*"))
    before = screen.read_bytes()
    assert run(["frame", str(screen), "-o", str(screen), "--overwrite"]) == 2
    assert run(["frame", str(tiny_cap), "-o", str(screen), "--overwrite"]) == 2
    assert screen.read_bytes() == before
    assert "is the source itself" in capsys.readouterr().err


def test_a_frame_that_cannot_be_written_leaves_nothing(
    tiny_cap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["frame", str(tiny_cap), "-o", str(tmp_path / "none" / "x.png")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_switches_of_the_console_can_stand_in_the_environment(
    tiny_cap: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REELPRESS_JSON", "1")
    assert run(["probe", str(tiny_cap)]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "probe"


def test_an_export_collects_garbage_again_and_leaves_out_what_was_imported() -> None:
    code = (
        "import gc, sys; from reelpress import cli;"
        "cli._prepare_process(); assert not gc.isenabled(); from reelpress.cli import export; import reelpress.cli.app;"
        "export._collect_garbage(); assert gc.isenabled() and gc.get_freeze_count() > 1000;"
        "frozen = gc.get_freeze_count(); export._collect_garbage(); assert gc.get_freeze_count() <= frozen"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
