"""The example recording: its plan explains itself, its frames are right, its export plays."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import second_program

from reelpress.compose.base import Compositor
from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.reference import ReferenceCompositor
from reelpress.export.sources import SourcePool
from reelpress.media.planes import Planes
from reelpress.project.load import load_project
from reelpress.recording.load import load
from reelpress.scene.director import Director

REPO = Path(__file__).parents[2]
DEMO = REPO / "examples" / "demo.cap"

# Design 4.
LUMA_MEAN, CHROMA_MEAN = 0.6, 0.8
NEAR, NEAR_SHARE = 4, 0.999

pytestmark = pytest.mark.skipif(not DEMO.is_dir(), reason="examples/demo.cap is not in this checkout")


def command(*arguments: object, cwd: Path) -> list[str]:
    """stdout, by lines, of the real command."""
    done = subprocess.run(
        [sys.executable, "-m", "reelpress", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("REELPRESS_", "CAP_"))}


# --- what the files of the project say --------------------------------------------------------------------------------


def length_by_hand() -> Fraction:
    """Seconds of output by cap-format 3.12, from the JSON alone."""
    config = json.loads((DEMO / "project-config.json").read_text())
    return sum(
        (
            (Fraction(str(clip["end"])) - Fraction(str(clip["start"]))) / Fraction(str(clip["timescale"]))
            for clip in config["timeline"]["segments"]
        ),
        Fraction(0),
    )


def test_plan_explains_every_choice(tmp_path: Path) -> None:
    """What issue 2 asks of ``plan``, as people read it."""
    lines = command("plan", DEMO, cwd=tmp_path)
    text = "\n".join(lines)
    frames = -(-length_by_hand() * 60 // 1)
    assert f"{frames} frames, 1920x1080 at 60 fps, {float(frames / 60):.3f} s" in text
    edges = {}
    for line in lines[lines.index("formats") + 1 :]:
        edge = re.fullmatch(r"  (\S.*?)  +(\w+) +(\w+) +(limited|full) +by (\S.*)", line)
        if edge is None:
            break
        edges[edge[1]] = edge.groups()[1:4]
    tracks = [f"{track}:0 {edge}" for track in ("display", "camera") for edge in ("decoded", "decode->compose")]
    assert list(edges) == [*tracks, "compose->encode", "encoded"]
    assert set(edges.values()) == {("yuv420p", "bt709", "limited")}
    assert "conversions: none" in lines
    for name, used in (("decoder", "software (h264)"), ("renderer", "planar"), ("encoder", "libx264")):
        line = next(line for line in lines if line.startswith(f"{name}: {used}"))
        reason = line.removeprefix(f"{name}: {used}").strip()
        assert re.fullmatch(r"\(\w.{10,}\)", reason), f"{line!r} gives no reason"
    assert re.search(r"^converter: none \(.{10,}\)$", text, re.MULTILINE)
    assert re.search(r"^  not gpu: .{10,}$", text, re.MULTILINE)
    assert re.search(r"^buffers: \d+ rendered, \d+ encoder, [\d.]+ [kMG]B; memory budget [\d.]+ [kMG]B$", text, re.M)
    assert re.search(r"^estimate: [\d.]+ [kMG]B, \d+:\d\d\b", text, re.MULTILINE)
    assert re.search(r"^audio: AAC", text, re.MULTILINE)
    assert re.search(r"^rate control: CRF \d+, preset \w+", text, re.MULTILINE)
    assert not any(line.startswith("not drawn") for line in lines), "everything that the demo asks for is drawn"


def test_plan_as_json_says_the_same(tmp_path: Path) -> None:
    (line,) = command("plan", DEMO, "--json", cwd=tmp_path)
    plan = json.loads(line)
    assert plan["type"] == "plan"
    assert plan["schema_version"] >= 1
    assert plan["frames"] == -(-length_by_hand() * 60 // 1)
    assert plan["conversions"] == plan["fallbacks"] == plan["warnings"] == []
    buffers = plan["buffers"]
    assert min(buffers["rendered"], buffers["encoder"]) >= 2
    assert 1920 * 1080 * 3 // 2 <= buffers["bytes"] < plan["memory_bytes"]
    for name in ("decoder", "renderer", "converter", "encoder"):
        choice = plan[name]
        assert choice["used"]
        assert choice["reason"]
        assert all(other["name"] and other["reason"] for other in choice["rejected"])
    assert plan["estimate"]["size_bytes"] > 1e6
    assert plan["estimate"]["wall_s"] > 0


# --- its frames -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small() -> Iterator[tuple[Director, SourcePool]]:
    with load(DEMO) as recording:
        project = load_project(recording)
        director = Director(project.recording, project.project, resolution="480x270", fps=Fraction(60))
        sources = SourcePool(project.recording, threads=1)
        yield director, sources
        sources.close()


def test_director_covers_the_recording(small: tuple[Director, SourcePool]) -> None:
    director, _ = small
    assert director.size == (480, 270)
    assert director.frames == -(-length_by_hand() * 60 // 1)
    assert director.duration == Fraction(director.frames, 60)
    for n in (0, director.frames // 2, director.frames - 1):
        assert director.plan(n).pictures()[0].source == "display:0"


def moment(director: Director, seconds: float, kind: str) -> int:
    """The output frame at a time, proved to be of that kind."""
    n = round(seconds * 60)
    before, rect = (director.plan(k).pictures()[0].rect for k in (n - 1, n))
    resting = director.plan(30).pictures()[0].rect
    assert {
        "rest": rect == resting == before,
        "zoomed": rect.w > 1.5 * resting.w,
        "in motion": rect != before and 1.02 * resting.w < rect.w < 1.75 * resting.w,
    }[kind], f"{seconds} s is not {kind} any more: choose another time"
    return n


@pytest.mark.parametrize(("seconds", "kind"), [(1.5, "rest"), (6.5, "zoomed"), (2.7, "in motion")])
def test_frames_are_drawn_as_the_reference_draws_them(
    small: tuple[Director, SourcePool], seconds: float, kind: str
) -> None:
    director, sources = small
    plan = director.plan(moment(director, seconds, kind))
    pictures = {p.source: sources.planes(p.source, p.frame) for p in plan.pictures()}
    drawn = []
    compositors: list[Compositor] = [PlanarCompositor(), ReferenceCompositor()]
    for compositor in compositors:
        drawn.append(channels(compositor.compose(plan, pictures, None).planes))
        compositor.close()
    off = [np.abs(a - b) for a, b in zip(*drawn, strict=True)]
    luma, cb, cr = (float(o.mean()) for o in off)
    near = float((off[0] <= NEAR).mean())
    print(f"demo {kind} at {seconds} s: MAE {luma:.3f} {cb:.3f} {cr:.3f}; {100 * near:.3f} % of luma within {NEAR}")
    assert luma <= LUMA_MEAN
    assert max(cb, cr) <= CHROMA_MEAN
    assert near >= NEAR_SHARE
    assert drawn[0][0].std() > 20, "a picture, not one colour"


def channels(planes: Planes) -> list[npt.NDArray[np.int64]]:
    assert planes.format == "yuv420p"
    return [p.astype(np.int64) for p in planes.planes]


# --- its export -------------------------------------------------------------------------------------------------------


@pytest.mark.release
@pytest.mark.timeout(300)
def test_full_export(tmp_path: Path) -> None:
    """What ``make demo`` makes: lasts what ``plan`` said, has sound, starts at once."""
    plan = json.loads(command("plan", DEMO, "--json", cwd=tmp_path)[0])
    target = tmp_path / "demo.mp4"
    begin = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "reelpress", "export", str(DEMO), "-o", str(target), "--json"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    first, events = None, []
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        events.append(event)
        if first is None and event["type"] == "progress" and event["frame"] > 0:
            first = time.monotonic() - begin
    assert process.wait(timeout=30) == 0
    wall = time.monotonic() - begin
    process.stdout.close()
    assert process.stderr is not None
    process.stderr.close()
    report = events[-1]["report"]
    assert first is not None
    print(f"demo: first progress with a frame after {first:.2f} s, all after {wall:.1f} s; {report['frames']}")
    assert first < 3, "1.5 s on a quiet machine"

    size = (plan["width"], plan["height"])
    for program in filter(None, (second_program.bundled(), second_program.installed())):
        raw, said = second_program.run(
            "-v", "info", "-nostats", "-copyts", "-i", target, "-map", "0:v", "-vf", "showinfo=checksum=0,scale=96:54",
            "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-", program=program,
        )  # fmt: skip
        frames = np.frombuffer(raw, np.uint8).reshape(-1, 54, 96)
        times = [float(t) for t in re.findall(r"showinfo.*\bn: *\d+ pts: *\d+ pts_time:([\d.]+)", said)]
        assert len(frames) == len(times) == plan["frames"] == report["frames"]["total"]
        assert np.abs(np.array(times) - np.arange(len(times)) / 60).max() < 0.001
        assert f"{size[0]}x{size[1]}" in second_program.video_line(target, program=program)
        heard = second_program.sound(target, program=program)
        seconds = len(heard.samples) / heard.rate
        loudness = float(np.sqrt((heard.samples.astype(float) ** 2).mean()))
        print(f"  {len(frames)} frames, {seconds:.3f} s of sound, RMS {loudness:.4f}")
        assert abs(len(frames) / 60 - plan["duration_s"]) <= 1 / 60
        assert abs(seconds - plan["duration_s"]) <= 0.1
        assert loudness > 0.005
        assert (np.abs(np.diff(frames.astype(int), axis=0)).mean(axis=(1, 2)) > 0.5).sum() > 100, "things move"
