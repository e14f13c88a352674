"""A stage that stops, in Python or in native code: the command names it within the deadline and ends.

Decoding is done by the software decoder only in this version, so there is no other path that a retry could take
(design 5: "one retry on the software path where that can help"): the answer is the error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bad_makers import clip

from export_harness import TRACEBACK, environment, is_one_sentence, names

FRAME = 20
"""Where it stops: later than the first frame, which has the long deadline of 30 s."""
STALL_S = 0.5

DRIVER = """
import ctypes, functools, sys, threading, time

def stop():
    print("stopped", time.monotonic(), file=sys.stderr, flush=True)
    while True:
        {how}

{patch}

from reelpress.cli import main
main()
"""

HOW = {
    "sleep": "time.sleep(3600)",
    "event": "threading.Event().wait()",
    "native": "ctypes.CDLL(None).pause()",
}

PATCH = {
    "encode": """
from reelpress.media.encoder import VideoSession
original = VideoSession.encode
def encode(self, planes, pts, **more):
    if pts == 20:
        stop()
    return original(self, planes, pts, **more)
VideoSession.encode = encode
""",
    "decode": """
from reelpress.media.decode import VideoSource
original = VideoSource.frame
def frame(self, ordinal):
    if ordinal == 20:
        stop()
    return original(self, ordinal)
VideoSource.frame = frame
""",
    "compose": """
from reelpress.compose.planar import PlanarCompositor
original = PlanarCompositor.compose
calls = []
def compose(self, *arguments):
    calls.append(1)
    if len(calls) == 20:
        stop()
    return original(self, *arguments)
PlanarCompositor.compose = compose
""",
    "mux": """
from reelpress.media.mux import Mp4Writer
original = Mp4Writer.mux
calls = []
def mux(self, packets):
    calls.append(1)
    if len(calls) == 10:
        stop()
    return original(self, packets)
Mp4Writer.mux = mux
""",
    # These begin with the long deadline, which is shortened here.
    "verify": """
import importlib
running = importlib.import_module("reelpress.export.running")
running.Deadlines = functools.partial(running.Deadlines, slow_s=0.5)
mp4 = importlib.import_module("reelpress.export.outputs.mp4")
mp4.verify = lambda *arguments, **more: stop()
""",
    "prepare": """
import importlib
prepare = importlib.import_module("reelpress.export.prepare")
watched = importlib.import_module("reelpress.export.watched")
watched.Deadlines = functools.partial(watched.Deadlines, slow_s=0.5)
prepare.load = lambda source: stop()
""",
    "decoder at close": """
import reelpress.media._decoder as _decoder
original = _decoder.DecoderRun.close
def close(self):
    stop()
_decoder.DecoderRun.close = close
""",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # 200 frames: more than all channels together hold, so that every stage is still at work at the moment
    return clip(tmp_path_factory.mktemp("stall") / "a.mp4", frames=200, audio=True)


def run_driver(patch: str, how: str, source: Path, folder: Path) -> tuple[int, list[dict[str, object]], str, float]:
    """``(exit, events, stderr, seconds from the stop to the end)``."""
    (folder / "out").mkdir()
    (folder / "temp").mkdir()
    script = DRIVER.format(how=HOW[how], patch=PATCH[patch])
    options = ["--json", "--stall-timeout", str(STALL_S), "--encoder-preset", "ultrafast"]
    result = subprocess.run(
        [sys.executable, "-c", script, "export", str(source), "-o", "out.mp4", *options],
        cwd=folder / "out",
        env=environment(folder / "temp"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ended = time.monotonic()
    stopped = [line for line in result.stderr.splitlines() if line.startswith("stopped ")]
    assert len(stopped) == 1, result.stderr
    seconds = ended - float(stopped[0].split()[1])
    return result.returncode, [json.loads(line) for line in result.stdout.splitlines()], result.stderr, seconds


@pytest.mark.parametrize(
    ("stage", "how"),
    [
        ("encode", "native"),
        ("decode", "event"),
        ("mux", "native"),
        ("prepare", "native"),
        # A process each, which costs a second of importing: the rest runs before a release.
        pytest.param("encode", "sleep", marks=pytest.mark.release),
        pytest.param("encode", "event", marks=pytest.mark.release),
        pytest.param("decode", "native", marks=pytest.mark.release),
        pytest.param("compose", "event", marks=pytest.mark.release),
        pytest.param("verify", "event", marks=pytest.mark.release),
    ],
)
def test_the_stage_is_named_and_the_command_ends(stage: str, how: str, source: Path, tmp_path: Path) -> None:
    code, events, stderr, seconds = run_driver(stage, how, source, tmp_path)
    assert code == 1
    assert events[-1]["type"] == "error"
    assert events[-1]["code"] == "stall"
    sentence = str(events[-1]["error"])
    assert sentence.startswith(f"The {stage} stage made no progress for ")
    assert is_one_sentence(sentence)
    assert TRACEBACK not in stderr
    # the deadline, the grace for the threads and the end of the process; 5 s more for a crowded machine
    assert STALL_S < seconds < STALL_S + 1.0 + 5.0
    assert names(tmp_path / "out") == []
    assert names(tmp_path / "temp") == []


def test_a_decoder_that_hangs_when_it_is_closed(source: Path, tmp_path: Path) -> None:
    """All frames were made, but a thread is stuck: that is a stall, too, and never a hang."""
    code, events, _, seconds = run_driver("decoder at close", "event", source, tmp_path)
    assert (code, events[-1]["code"]) == (1, "stall")
    assert "The decode stage" in str(events[-1]["error"])
    assert seconds < STALL_S + 1.0 + 5.0
    assert names(tmp_path / "out") == []


@pytest.mark.release
def test_an_overwritten_target_survives_a_stall(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    script = DRIVER.format(how=HOW["native"], patch=PATCH["encode"])
    options = ["--overwrite", "--stall-timeout", str(STALL_S), "--encoder-preset", "ultrafast"]
    result = subprocess.run(
        [sys.executable, "-c", script, "export", str(source), "-o", "out.mp4", *options],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1
    assert "The encode stage" in result.stderr
    assert target.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.mp4"]


@pytest.mark.release
def test_the_state_of_every_stage_is_logged(source: Path, tmp_path: Path) -> None:
    _, _, stderr, _ = run_driver("encode", "event", source, tmp_path)
    for stage in ("decode", "compose", "encode", "mux"):
        assert f"stage {stage}" in stderr
        assert f"stack of reelpress-{stage}" in stderr


def test_a_cancel_ends_a_stuck_export_at_once(source: Path, tmp_path: Path) -> None:
    """SIGTERM while a native call hangs, long before its deadline: nobody waits for that one."""
    import signal

    script = DRIVER.format(how=HOW["native"], patch=PATCH["encode"])
    process = subprocess.Popen(
        [sys.executable, "-c", script, "export", str(source), "-o", "out.mp4", "--stall-timeout", "60"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("stopped"):
            break
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130, stderr
    assert names(tmp_path) == []
