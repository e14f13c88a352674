"""Ctrl-C, SIGTERM, a closed stdout and the cancel token: within a second, exit 130, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from bad_makers import clip

import reelpress
from export_harness import TRACEBACK, crowding, finish, names, start
from reelpress.errors import Cancelled
from reelpress.events import Event, ProgressEvent
from reelpress.export.settings import ExportSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SLOW = ("--encoder-preset", "veryslow", "--resolution", "source")
WITHIN_S = 1.0
"""Design 5."""
ATTEMPTS = 3
"""A machine that is busy with other things may be late; a command that is late will be late each time."""


Popen = subprocess.Popen[str]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of 30 fps: the packets of one second again and again, so that making it costs nothing."""
    folder = tmp_path_factory.mktemp("film")
    second = clip(folder / "second.mp4", frames=30, size=(320, 180), gop=30, noise=True)
    with av.open(str(second)) as source, av.open(str(folder / "film.mp4"), "w") as out:
        stream: Any = out.add_stream_from_template(source.streams.video[0])
        packets = [(bytes(p), p.pts, p.is_keyframe) for p in source.demux(video=0) if p.size]
        base = source.streams.video[0].time_base
        assert base is not None
        ticks = round(1 / base)
        for repeat in range(60):
            for data, pts, key in packets:
                packet: Any = av.Packet(data)
                packet.pts = packet.dts = pts + repeat * ticks
                packet.time_base, packet.is_keyframe, packet.stream = base, key, stream
                out.mux(packet)
    return folder / "film.mp4"


def wait_for(condition: Callable[[], bool], process: Popen) -> None:
    """Until ``condition`` holds; fails when the process ends before."""
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def encoding(folder: Path) -> Callable[[], bool]:
    """Whether the export of ``out.mp4`` has begun to write."""
    part = folder / "out.mp4.part"
    return lambda: part.exists() and part.stat().st_size > 0


def ends_cleanly(folder: Path, begin: Callable[[Path, Path], tuple[Popen, float]]) -> str:
    """Run ``begin`` until one of the attempts ended in time; every attempt must leave nothing. Returns stderr."""
    slowest = []
    for attempt in range(ATTEMPTS):
        place, temp = folder / f"out{attempt}", folder / f"temp{attempt}"
        place.mkdir()
        temp.mkdir()
        process, asked = begin(place, temp)
        outcome = finish(process, 20)
        slowest.append((time.monotonic() - asked) / crowding())
        assert outcome.exit == 130, outcome
        assert TRACEBACK not in outcome.stderr
        assert names(place) == []
        assert names(temp) == []
        if slowest[-1] < WITHIN_S:
            return outcome.stderr
    raise AssertionError(f"it took {slowest} s to end")


@pytest.mark.parametrize(
    ("number", "json"),
    [
        (signal.SIGINT, ("--json",)),
        (signal.SIGTERM, ()),
        # A process or more each: the rest runs before a release.
        pytest.param(signal.SIGINT, (), marks=pytest.mark.release),
        pytest.param(signal.SIGHUP, (), marks=pytest.mark.release),
    ],
    ids=["SIGINT-json", "SIGTERM", "SIGINT", "SIGHUP"],
)
def test_a_signal_ends_the_command(number: signal.Signals, json: tuple[str, ...], film: Path, tmp_path: Path) -> None:
    def begin(place: Path, temp: Path) -> tuple[Popen, float]:
        process = start("export", film, "-o", "out.mp4", *SLOW, *json, cwd=place, temp=temp)
        wait_for(encoding(place), process)
        process.send_signal(number)
        return process, time.monotonic()

    assert f"cancelled ({number.name})" in ends_cleanly(tmp_path, begin)


@pytest.mark.release
def test_an_old_file_survives(film: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"precious")
    process = start("export", film, "-o", "out.mp4", "--overwrite", *SLOW, cwd=tmp_path)
    wait_for(encoding(tmp_path), process)
    process.send_signal(signal.SIGINT)
    assert finish(process, 20).exit == 130
    assert names(tmp_path) == ["out.mp4"]
    assert (tmp_path / "out.mp4").read_bytes() == b"precious"


@pytest.mark.parametrize(
    "burst",
    [
        [signal.SIGINT] * 3,
        pytest.param([signal.SIGINT] * 2, marks=pytest.mark.release),
        pytest.param([signal.SIGTERM] * 5, marks=pytest.mark.release),
        pytest.param([signal.SIGTERM, signal.SIGINT], marks=pytest.mark.release),
    ],
    ids=lambda burst: "+".join(number.name for number in burst),
)
def test_impatience_leaves_nothing_either(burst: list[signal.Signals], film: Path, tmp_path: Path) -> None:
    def begin(place: Path, temp: Path) -> tuple[Popen, float]:
        process = start("export", film, "-o", "out.mp4", *SLOW, cwd=place, temp=temp)
        wait_for(encoding(place), process)
        asked = time.monotonic()
        for number in burst:
            if process.poll() is None:
                process.send_signal(number)
            time.sleep(0.03)  # as fast as fingers or service managers are
        return process, asked

    ends_cleanly(tmp_path, begin)


def test_a_signal_while_the_file_is_verified(film: Path, tmp_path: Path) -> None:
    def begin(place: Path, temp: Path) -> tuple[Popen, float]:
        fast = ("--encoder-preset", "ultrafast", "--resolution", "source", "--end", "20", "--verify", "full")
        process = start("export", film, "-o", "out.mp4", "--json", *fast, cwd=place, temp=temp)
        assert process.stdout is not None
        for line in process.stdout:
            if '"phase": "verify"' in line:
                break
        process.send_signal(signal.SIGTERM)
        return process, time.monotonic()

    ends_cleanly(tmp_path, begin)


@pytest.mark.release
def test_a_signal_before_anything_was_written(film: Path, tmp_path: Path) -> None:
    """Somewhere in imports, probing or indexing: whenever it comes, the answer is the same."""
    for delay in (0.2, 0.4, 0.6, 0.8):
        process = start("export", film, "-o", "out.mp4", *SLOW, cwd=tmp_path)
        time.sleep(delay)  # no event to wait for: the moment itself is what varies
        process.send_signal(signal.SIGTERM)
        outcome = finish(process, 20)
        assert outcome.exit in (130, -signal.SIGTERM), outcome  # the latter: the interpreter was still starting
        assert TRACEBACK not in outcome.stderr or delay < 0.3
        assert names(tmp_path) == []


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["people", "json"])
def test_a_reader_that_leaves_ends_the_command(json: tuple[str, ...], film: Path, tmp_path: Path) -> None:
    def begin(place: Path, temp: Path) -> tuple[Popen, float]:
        read, write = os.pipe()
        try:
            process = start("export", film, "-o", "out.mp4", *SLOW, *json, cwd=place, temp=temp, stdout=write)
        finally:
            os.close(write)
        wait_for(encoding(place), process)
        os.close(read)
        return process, time.monotonic()

    assert "cancelled" in ends_cleanly(tmp_path, begin)


@pytest.mark.release
def test_several_sources_stop_at_once(film: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.mp4"
    os.link(film, second)
    process = start("export", film, second, "-o", "results", *SLOW, cwd=tmp_path)
    part = tmp_path / "results/film.mp4.part"
    wait_for(part.exists, process)
    process.send_signal(signal.SIGINT)
    assert finish(process, 20).exit == 130
    assert names(tmp_path) == ["second.mp4"]


@pytest.mark.release
def test_without_any_standard_stream_it_works(film: Path, tmp_path: Path) -> None:
    """As a service may start it: descriptors 0, 1 and 2 are closed."""
    code = "import os; [os.close(n) for n in (0, 1, 2)]; os.execv({0!r}, {1!r})"
    arguments = [sys.executable, "-m", "reelpress", "export", str(film), "-o", "out.mp4", "--end", "1", "--json"]
    script = code.format(sys.executable, [*arguments, "--encoder-preset", "ultrafast"])
    result = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, timeout=60, check=False)
    assert result.returncode == 0
    assert names(tmp_path) == ["out.mp4"]


def test_a_token_cancels_from_another_thread(film: Path, tmp_path: Path) -> None:
    """The API: the exception comes in the calling thread, and no thread of the export is left."""
    took = []
    for attempt in range(ATTEMPTS):
        token, begun = reelpress.CancelToken(), threading.Event()
        asked: list[float] = []

        def watch(event: Event, begun: threading.Event = begun) -> None:
            if isinstance(event, ProgressEvent) and event.frame > 0:
                begun.set()

        def cancel(begun: threading.Event = begun, token: Any = token, asked: list[float] = asked) -> None:
            assert begun.wait(60)
            asked.append(time.monotonic())
            token.cancel("enough")

        thread = threading.Thread(target=cancel)
        thread.start()
        with pytest.raises(Cancelled, match="enough"):
            reelpress.export(
                film,
                tmp_path / f"{attempt}.mp4",
                settings=ExportSettings(encoder_preset="veryslow", resolution="source"),
                on_event=watch,
                cancel=token,
            )
        took.append((time.monotonic() - asked[0]) / crowding())
        thread.join(10)
        assert names(tmp_path) == []
        assert not [t.name for t in threading.enumerate() if t.name.startswith("reelpress-")]
        if took[-1] < WITHIN_S:
            return
    raise AssertionError(f"it took {took} s to end")


def test_a_token_that_is_cancelled_before_it_begins(film: Path, tmp_path: Path) -> None:
    token = reelpress.CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        reelpress.export(film, tmp_path / "out.mp4", cancel=token)
    assert names(tmp_path) == []
