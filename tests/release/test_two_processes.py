"""Two exports to one target, in processes of their own; and locks that a dead process left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import export_harness as harness

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals"),
]

SLOW = ("--encoder-preset", "veryslow")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to be met while it is exported: noise, at the slowest preset."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    rng = np.random.default_rng(1)
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        for n in range(600):
            frame = av.VideoFrame.from_ndarray(rng.integers(16, 235, (360, 320), np.uint8), format="yuv420p")
            frame.pts = n
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def wait_for(path: Path, process: object) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()  # type: ignore[attr-defined]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_second_is_refused_while_the_first_runs(film: Path, tmp_path: Path) -> None:
    first = harness.start("export", film, "-o", "out.mp4", *SLOW, cwd=tmp_path)
    try:
        wait_for(tmp_path / "out.mp4.part", first)
        for options in ((), ("--overwrite",)):
            second = harness.command("export", film, "-o", "out.mp4", "--json", *SLOW, *options, cwd=tmp_path)
            assert second.exit == 2
            assert second.last["code"] == "target_locked"
            assert str(first.pid) in second.last["error"]
        assert first.poll() is None, "the first export ended too early to prove anything"
        # another target beside it is nobody's business
        other = harness.command("export", film, "-o", "b.mp4", "--end", "0.2", cwd=tmp_path)
        assert other.exit == 0
    finally:
        outcome = harness.finish(first, 120)
    assert outcome.exit == 0
    assert harness.names(tmp_path) == ["b.mp4", "out.mp4"]


def test_what_a_killed_export_left_is_taken_over(film: Path, tmp_path: Path) -> None:
    killed = harness.start("export", film, "-o", "out.mp4", *SLOW, cwd=tmp_path)
    wait_for(tmp_path / "out.mp4.part", killed)
    killed.send_signal(signal.SIGKILL)
    harness.finish(killed, 20)
    assert harness.names(tmp_path) == ["out.mp4.lock", "out.mp4.part"]
    outcome = harness.command("export", film, "-o", "out.mp4", "--end", "0.2", cwd=tmp_path)
    assert outcome.exit == 0, outcome.stderr
    assert harness.names(tmp_path) == ["out.mp4"]


def test_a_lock_with_the_pid_of_another_living_process_is_stale(film: Path, tmp_path: Path) -> None:
    """Pids are used again: the one in the lock lives, but began at another time."""
    running = harness.start("export", film, "-o", "out.mp4", *SLOW, cwd=tmp_path)
    lock = tmp_path / "out.mp4.lock"
    wait_for(tmp_path / "out.mp4.part", running)
    holder = json.loads(lock.read_text())
    running.send_signal(signal.SIGTERM)
    assert harness.finish(running, 20).exit == 130
    lock.write_text(json.dumps(holder | {"pid": os.getpid()}))
    assert harness.command("export", film, "-o", "out.mp4", "--end", "0.2", cwd=tmp_path).exit == 0
    assert harness.names(tmp_path) == ["out.mp4"]


def test_of_many_at_once_exactly_one_wins(film: Path, tmp_path: Path) -> None:
    """All find a stale lock at the same moment."""
    (tmp_path / "out.mp4.lock").write_text(
        '{"pid": 1, "start": "0", "host": "' + os.uname().nodename + '", "boot": ""}'
    )
    processes = [harness.start("export", film, "-o", "out.mp4", "--end", "3", *SLOW, cwd=tmp_path) for _ in range(4)]
    outcomes = [harness.finish(process, 180) for process in processes]
    codes = sorted(outcome.exit for outcome in outcomes if outcome.exit is not None)
    # one at a time at the most; a late one may find the finished file, which is 2 as well
    assert codes == [0, 2, 2, 2]
    assert harness.names(tmp_path) == ["out.mp4"]
