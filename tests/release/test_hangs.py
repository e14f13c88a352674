"""The two files on which threaded decoders hang when they are closed: 50 runs of each, every one ends and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

import export_harness as harness

pytestmark = pytest.mark.release

FILES = ("exo-invalid-bitstream.webm", "mp4parse-test_case_1185230.mp4")
RUNS = 50
DEADLINE_S = 30.0
"""A run takes about a second; the stall deadline is 5 s, and the first frame's 30 s would show."""


@pytest.mark.timeout(RUNS * 35)
@pytest.mark.parametrize("name", FILES)
def test_it_always_ends(name: str, shared_media: Path, tmp_path: Path) -> None:
    slowest = 0.0
    for run in range(RUNS):
        outcome = harness.command(
            "export", shared_media / "broken" / name, "-o", "out.mp4", "--json", cwd=tmp_path, deadline_s=DEADLINE_S
        )
        assert outcome.exit == 3, f"run {run}: {outcome}"
        assert harness.TRACEBACK not in outcome.stderr
        assert outcome.last["type"] == "error"
        assert harness.is_one_sentence(outcome.last["error"])
        assert name in outcome.last["error"]
        assert harness.names(tmp_path) == []
        slowest = max(slowest, outcome.seconds)
    print(f"{name}: {RUNS} runs, the slowest took {slowest:.1f} s")


@pytest.mark.timeout(RUNS * 35)
@pytest.mark.parametrize("name", FILES)
def test_a_decoder_with_frame_threads_ends_too(name: str, shared_media: Path, tmp_path: Path) -> None:
    """Past the packet check, which refuses these files: the decoder itself, with frame threads, opened and closed.

    In processes of their own, because a hang here would keep the interpreter's lock.
    """
    import subprocess
    import sys

    code = """
import sys
from pathlib import Path
from reelpress.media._decoder import DecoderRun
for _ in range(int(sys.argv[2])):
    decoder = DecoderRun(Path(sys.argv[1]), 0, 4, None)
    while decoder.next() is not None:
        pass
    assert decoder.error
    decoder.close()
"""
    path = shared_media / "broken" / name
    for _ in range(5):
        result = subprocess.run(
            [sys.executable, "-c", code, str(path), str(RUNS // 5)],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert result.returncode == 0, result.stderr
