"""``reelpress compare`` as scripts and people meet it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer

import reelpress
from comparison_makers import flat, noisy, pages, write
from export_harness import TRACEBACK, command, environment
from reelpress.cli.app import app, run
from reelpress.export.settings import ExportSettings

SIZE = (96, 64)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("pair")
    a = pages(10, SIZE)
    return str(write(folder / "a.mkv", a)), str(write(folder / "b.mkv", [*a[:4], *noisy(a[4:], 20)]))


Capture = pytest.CaptureFixture[str]


def test_json_is_one_object(pair: tuple[str, str], capsys: Capture) -> None:
    assert run(["compare", *pair, "--json", "--worst", "2"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert err == ""
    assert (data["schema_version"], data["type"]) == (1, "comparison")
    for field in "a b alignment compared identical all_identical psnr ssim xpsnr text worst sync colour passed".split():
        assert field in data
    for metric in ("psnr", "ssim", "xpsnr"):
        assert set(data[metric]) == {"mean", "min"}
        assert set(data[metric]["mean"]) == {"y", "u", "v", "combined"}
    assert data["compared"] == 10
    assert data["identical"] == 4
    assert len(data["worst"]) == 2
    assert all(w["index"] >= 4 for w in data["worst"])
    report = reelpress.compare(*pair, worst=2)
    assert json.loads(json.dumps(report.to_dict())) == {
        k: v for k, v in data.items() if k not in ("schema_version", "type")
    }


def test_people_get_a_table(pair: tuple[str, str], capsys: Capture) -> None:
    assert run(["compare", *pair]) == 0
    out, err = capsys.readouterr()
    assert TRACEBACK not in err
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    report = reelpress.compare(*pair)
    mean = report.ssim.mean
    assert lines["SSIM"][1:] == [
        f"{v:.6f}" for v in (mean.y, mean.u, mean.v, mean.combined, report.ssim.min.combined)
    ]  # fmt: skip
    assert [float(v) for v in lines["PSNR"][1:5]] == pytest.approx(
        [report.psnr.mean.y, report.psnr.mean.u, report.psnr.mean.v, report.psnr.mean.combined], abs=0.0006
    )
    assert "10 of 10 moments" in out
    assert "4 identical" in out
    assert out.count("SSIM 0.") >= 3, "the worst moments"


def test_identical(pair: tuple[str, str], capsys: Capture) -> None:
    assert run(["compare", pair[0], pair[0], "--min-ssim", "1"]) == 0
    out = capsys.readouterr().out
    assert "identical: every picture is the same, bit for bit" in out
    assert "inf" in out


def test_min_ssim_decides_on_the_exit_code(pair: tuple[str, str], capsys: Capture) -> None:
    mean = reelpress.compare(*pair).ssim.mean.combined
    assert run(["compare", *pair, "--min-ssim", str(mean - 0.001)]) == 0
    capsys.readouterr()
    assert run(["compare", *pair, "--min-ssim", str(mean + 0.001), "--json"]) == 1
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["passed"] is False
    assert data["failures"][0] in err
    assert run(["compare", *pair, "--min-ssim", "0.9999", "-q"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "below the 0.9999" in err


def test_every_moment(pair: tuple[str, str], capsys: Capture) -> None:
    assert run(["compare", *pair, "--json", "--per-frame", "--start", "100ms", "--end", "0.2"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in lines] == ["frame"] * 3 + ["comparison"]
    assert [line["frame_a"] for line in lines[:3]] == [3, 4, 5]
    assert [line["identical"] for line in lines[:3]] == [True, False, False]
    assert lines[0]["psnr"]["combined"] is None
    assert run(["compare", *pair, "--per-frame", "--every", "4"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in table[:4]] == ["moment", "0", "4", "8"]


def test_pictures(pair: tuple[str, str], tmp_path: Path, capsys: Capture) -> None:
    assert run(["compare", *pair, "--pictures", str(tmp_path / "out"), "--worst", "1"]) == 0
    out = capsys.readouterr().out
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert len(names) == 3
    assert all(name in out for name in names)


def test_against_what_a_recording_is_composed_to(tiny_cap: Path, tmp_path: Path, capsys: Capture) -> None:
    target = tmp_path / "x.mp4"
    settings = ExportSettings(resolution="160x90", fps=15, preset="plain")  # type: ignore[arg-type]
    reelpress.export(tiny_cap, target, settings=settings)
    asked = ["compare", str(tiny_cap), str(target), "--composed", "--every", "5", "--json"]
    assert run([*asked, "--preset", "plain", "--min-ssim", "0.9"]) == 0
    right = json.loads(capsys.readouterr().out)
    assert right["a"]["path"] is None
    assert run(asked) == 0
    wrong = json.loads(capsys.readouterr().out)
    assert wrong["ssim"]["mean"]["combined"] < right["ssim"]["mean"]["combined"] - 0.05, "another look"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["A", "none.mp4"], 3, "there is no such file"),
        (["none.mp4", "B"], 3, "there is no such file"),
        (["A", "text.mp4"], 3, "is not a video file"),
        ([".", "B"], 3, "Give --composed"),
        (["A", "small.mkv"], 2, "--scale"),
        (["A", "B", "--min-ssim", "2"], 2, "--min-ssim is 2"),
        (["A", "B", "--min-ssim", "high"], 2, "--min-ssim"),
        (["A", "B", "--start", "soon"], 2, "--start"),
        (["A", "B", "--start", "1h"], 2, "lasts 0."),
        (["A", "B", "--every", "0"], 2, "--every is 0"),
        (["A", "B", "--preset", "card"], 2, "--composed"),
        (["A", "B", "--composed", "--scale"], 2, "do not go together"),
        (["A"], 2, "Missing argument"),
        (["A", "B", "--pictures", "text.mp4"], 1, "text.mp4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_refused(
    arguments: list[str],
    code: int,
    says: str,
    as_json: bool,
    pair: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    write(tmp_path / "small.mkv", [flat((32, 24), 100)] * 3)
    files = {"A": pair[0], "B": pair[1]}
    given = [files.get(a, a) for a in arguments]
    assert run(["compare", *given, *(["--json"] if as_json else [])]) == code
    out, err = capsys.readouterr()
    assert says in err
    assert TRACEBACK not in err
    assert out == "" if not as_json else json.loads(out)["type"] == "error"


def test_the_guide_documents_every_option() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    section = guide.split("## Compare two videos")[1].split("\n## ")[0]
    group: Any = typer.main.get_command(app)
    options = [name for parameter in group.commands["compare"].params for name in parameter.opts if name[:2] == "--"]
    assert len(options) > 10
    for name in options:
        assert f"`{name}" in section or name in ("--quiet", "--log-level", "--debug", "--json"), name


def test_the_real_command(pair: tuple[str, str], tmp_path: Path) -> None:
    done = command("compare", *pair, "--json", "--min-ssim", "0.9999", cwd=tmp_path)
    assert done.exit == 1
    assert done.last["type"] == "comparison"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c(tmp_path: Path) -> None:
    a, b = (write(tmp_path / name, [flat((640, 480), 90 + n % 40) for n in range(300)]) for name in ("a.mkv", "b.mkv"))
    process = subprocess.Popen(
        [sys.executable, "-m", "reelpress", "compare", a, b, "--per-frame", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment() | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["type"] == "frame"
    process.send_signal(signal.SIGINT)
    begin = time.monotonic()
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert time.monotonic() - begin < 5
    assert json.loads(out.splitlines()[-1])["type"] == "error"
    assert TRACEBACK not in err
