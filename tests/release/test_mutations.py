"""Every container, broken in 200 random ways: no hang, no crash, nothing left behind, no traceback, a clear answer.

Two worker processes export one mutated file after the other; each case has a hard deadline, and a worker that misses
it is killed and counted as a failure. The seed is fixed, so a failure can be made again. Only two seconds of output
are made of each: a damaged time stamp may well promise years.
"""

from __future__ import annotations

import json
import os
import queue
import select
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from export_harness import TRACEBACK, environment

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(sys.platform == "win32", reason="waits for pipes with select"),
]

MUTATIONS = int(os.environ.get("REELPRESS_TEST_MUTATIONS", "200"))
"""Of each container."""
SEED = 20261122
WORKERS = 2
DEADLINE_S = 60.0
OPTIONS = ["--encoder-preset", "ultrafast", "--resolution", "320x240", "--end", "2"]
WORKER = Path(__file__).with_name("mutation_worker.py")

SHARED = (
    "container/torchcodec-discard_first_keyframe.mp4",
    "container/torchcodec-testsrc2_odd_height_and_width_vp9.mp4",
    "container/torchcodec-av1_video.mkv",
    "container/torchcodec-h265_10bits.mp4",
    "camera/exo-sample_android_slow_motion.mp4",
)


# -- the files -----------------------------------------------------------------------------------------------------


def make(path: Path, video: str | None, audio: str | None, *, options: dict[str, str] | None = None) -> Path:
    """A second and a half of moving noise and a tone in the container that the suffix names."""
    with av.open(str(path), "w", options=options or {}) as out:
        stream: Any = None
        if video is not None:
            stream = out.add_stream(video, rate=15)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            stream.codec_context.gop_size = 6
            stream.codec_context.thread_count = 1
            if video == "libx264":
                stream.options = {"preset": "veryfast"}
            elif video.startswith("libvpx"):
                stream.options = {"deadline": "realtime", "cpu-used": "8"}
        sound: Any = None
        if audio is not None:
            sound = out.add_stream(audio, rate=48000)
            sound.layout = "mono"
        rng = np.random.default_rng(2)
        page = rng.integers(16, 235, (64, 96), np.uint8)
        for n in range(22 if stream is not None else 0):
            picture = np.full((96, 96), 128, np.uint8)
            picture[:64] = np.roll(page, 3 * n, 1)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = n, Fraction(1, 15)
            out.mux(stream.encode(frame))
        if sound is not None:
            if not sound.codec_context.is_open:
                sound.codec_context.open()
            size = sound.frame_size or 960
            for begin in range(0, 72000, size):
                tone = 0.3 * np.sin(np.arange(begin, begin + size) / 20)
                kind = sound.format.name
                scale, dtype = {"s16": (2**15, np.int16), "s32": (2**31, np.int32)}.get(kind[:3], (1, np.float32))
                data = (tone * scale).astype(dtype)
                block: Any = av.AudioFrame.from_ndarray(data.reshape(1, -1), format=kind, layout="mono")
                block.sample_rate, block.pts, block.time_base = 48000, begin, Fraction(1, 48000)
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
        if stream is not None:
            out.mux(stream.encode(None))
    return path


MADE: dict[str, tuple[str, str | None, str | None, dict[str, str]]] = {
    "mp4": ("a.mp4", "libx264", "aac", {}),
    "fragmented mp4": ("a.mp4", "libx264", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "mov": ("a.mov", "libx264", "pcm_s16le", {}),
    "mkv": ("a.mkv", "libx264", "libopus", {}),
    "webm": ("a.webm", "libvpx", "libopus", {}),
    "flv": ("a.flv", "libx264", "aac", {}),
    "ts": ("a.ts", "libx264", "aac", {}),
    "avi": ("a.avi", "mpeg4", "libmp3lame", {}),
}


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three kinds of damage. Half of it hits the first or last 2 kB, where containers keep their tables."""
    result = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not result:
            break
        kind = int(rng.integers(0, 6))
        length = min(len(result), int(2 ** rng.uniform(1, 11)))
        place = str(rng.choice(["head", "tail", "any", "any"]))
        low, high = {"head": (0, 2048), "tail": (len(result) - 2048, len(result)), "any": (0, len(result))}[place]
        at = int(rng.integers(max(0, low), max(1, min(len(result), high))))
        if kind == 0:  # bit flips
            for position in rng.integers(max(0, low), min(len(result), max(high, 1)), int(rng.integers(1, 24))):
                result[position] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:  # cut off
            del result[at:]
        elif kind == 2:  # a block of zeros, as of a disk that lost it
            result[at : at + length] = bytes(len(result[at : at + length]))
        elif kind == 3:  # a block twice
            result[at:at] = result[at : at + length]
        elif kind == 4:  # a block gone
            del result[at : at + length]
        else:  # a block of something else
            result[at : at + length] = rng.integers(0, 256, len(result[at : at + length]), np.uint8).tobytes()
    return bytes(result)


# -- the workers ---------------------------------------------------------------------------------------------------


@dataclass
class Tally:
    """What became of the cases."""

    exits: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0


class Worker:
    """One exporting process that is replaced when it dies or hangs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("out", "temp"):
            (folder / name).mkdir(parents=True)
        self.process: subprocess.Popen[str] | None = None

    def do(self, source: Path) -> dict[str, Any] | str:
        """The worker's answer, or what went wrong with the worker itself."""
        if self.process is None or self.process.poll() is not None:
            with (self.folder / "stderr").open("w") as stderr:
                self.process = subprocess.Popen(
                    [sys.executable, str(WORKER), str(self.folder / "out")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    text=True,
                    env=environment(self.folder / "temp"),
                )
        process = self.process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps({"source": str(source), "options": OPTIONS}) + "\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE_S)
        if not ready:
            self.stop()
            return f"did not end within {DEADLINE_S:.0f} s"
        line = process.stdout.readline()
        if not line:
            code = process.wait(10)
            return f"the process died with {code}: {(self.folder / 'stderr').read_text()[-2000:]}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        """Kill it and clear up after it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
            self.process = None
        for name in ("out", "temp"):
            shutil.rmtree(self.folder / name)
            (self.folder / name).mkdir()


def judge(answer: dict[str, Any] | str, tally: Tally) -> str:
    """What is wrong with an answer; empty if nothing is."""
    if isinstance(answer, str):
        return answer
    tally.exits[answer["exit"]] += 1
    tally.codes[str(answer["code"])] += 1
    if answer["exit"] not in (0, 1, 3):
        return f"exit {answer['exit']}: {answer['error']}"
    if answer["code"] in ("internal", "export", "verify", "stall", "encoder", "format"):
        return f"{answer['code']}: {answer['error']} {answer['stderr'][-3000:]}"
    if answer["left"]:
        return f"left {answer['left']}"
    if answer["leaked"]:
        return f"leaked {answer['leaked']}"
    if TRACEBACK in answer["stderr"] or TRACEBACK in answer["error"]:
        return f"traceback: {answer['stderr'][-3000:]}"
    return ""


def run_cases(name: str, count: int, put: Callable[[int], Path], folder: Path) -> Tally:
    """Export ``put(n)`` for n below ``count`` with all workers."""
    tally, lock = Tally(), threading.Lock()
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    for n in range(count):
        jobs.put(n)

    def work(worker: Worker) -> None:
        try:
            while True:
                try:
                    n = jobs.get_nowait()
                except queue.Empty:
                    return
                source = put(n)
                begin = time.monotonic()
                answer = worker.do(source)
                with lock:
                    tally.slowest = max(tally.slowest, time.monotonic() - begin)
                    problem = judge(answer, tally)
                    if problem:
                        tally.problems.append(f"{name} {n} ({source}): {problem}")
                if not problem:
                    shutil.rmtree(source) if source.is_dir() else source.unlink()
        finally:
            worker.stop()

    threads = [threading.Thread(target=work, args=(Worker(folder / f"worker{k}"),)) for k in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"\n{name}: {count} mutations, {dict(tally.exits)}, {dict(tally.codes)}, slowest {tally.slowest:.1f} s")
    return tally


def mutated(original: Path, folder: Path, seed: int) -> Callable[[int], Path]:
    """``put(n)``: the n-th mutation of a file, as a file with the same suffix."""
    data = original.read_bytes()
    folder.mkdir(exist_ok=True)

    def put(n: int) -> Path:
        path = folder / f"{n}{original.suffix}"
        path.write_bytes(mutate(data, np.random.default_rng((SEED, seed, n))))
        return path

    return put


def check(tally: Tally) -> None:
    assert not tally.problems, f"{len(tally.problems)} problems:\n" + "\n\n".join(tally.problems[:12])


# -- the tests -----------------------------------------------------------------------------------------------------


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", MADE)
def test_mutated_containers(name: str, tmp_path: Path) -> None:
    file, video, audio, options = MADE[name]
    original = make(tmp_path / file, video, audio, options=options)
    seed = list(MADE).index(name)
    tally = run_cases(name, MUTATIONS, mutated(original, tmp_path / "cases", seed), tmp_path)
    check(tally)
    assert tally.exits[0] > 0, "not one of them could be exported: the mutations are too strong to find anything"


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SHARED)
def test_mutated_real_files(name: str, shared_media: Path, tmp_path: Path) -> None:
    put = mutated(shared_media / name, tmp_path / "cases", 100 + SHARED.index(name))
    check(run_cases(name, MUTATIONS, put, tmp_path))


@pytest.mark.timeout(3600)
def test_mutated_sound_of_a_recording(tmp_path: Path) -> None:
    """Ogg/Opus as the microphone of a recording: never worth failing for."""
    (tmp_path / "base").mkdir()
    sound = make(tmp_path / "base/audio-input.ogg", None, "libopus").read_bytes()
    screen = make(tmp_path / "base/display.mp4", "libx264", None).read_bytes()
    meta = {
        "segments": [
            {"display": {"path": "content/display.mp4", "fps": 15}, "mic": {"path": "content/audio-input.ogg"}},
        ]
    }

    def put(n: int) -> Path:
        folder = tmp_path / f"{n}.cap"
        (folder / "content").mkdir(parents=True)
        (folder / "content/display.mp4").write_bytes(screen)
        (folder / "content/audio-input.ogg").write_bytes(mutate(sound, np.random.default_rng((SEED, 50, n))))
        (folder / "recording-meta.json").write_text(json.dumps(meta))
        return folder

    tally = run_cases("ogg", MUTATIONS, put, tmp_path)
    check(tally)
    assert set(tally.exits) == {0}


@pytest.mark.timeout(3600)
def test_mutated_fragments_of_a_recording(tmp_path: Path) -> None:
    """A screen track in fragments: initialisation and media segments are damaged in turn."""
    (tmp_path / "base").mkdir()
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    whole = make(tmp_path / "base/display.mp4", "libx264", None, options=options).read_bytes()
    starts = [at - 4 for at in range(len(whole)) if whole[at : at + 4] == b"moof"]
    pieces = {"init.mp4": whole[: starts[0]]}
    for number, (begin, end) in enumerate(zip(starts, [*starts[1:], len(whole)], strict=True), 1):
        pieces[f"segment_{number:03}.m4s"] = whole[begin:end]
    meta = {"segments": [{"display": {"path": "content/display", "fps": 15}}]}

    def put(n: int) -> Path:
        folder = tmp_path / f"{n}.cap"
        (folder / "content/display").mkdir(parents=True)
        rng = np.random.default_rng((SEED, 60, n))
        hit = str(rng.choice(list(pieces)))
        for name, data in pieces.items():
            (folder / "content/display" / name).write_bytes(mutate(data, rng) if name == hit else data)
        (folder / "recording-meta.json").write_text(json.dumps(meta))
        return folder

    check(run_cases("fragments", MUTATIONS, put, tmp_path))
