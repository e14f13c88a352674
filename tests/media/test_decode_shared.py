"""Every shared file, the two that can hang, and mutated containers: frames or a clear error, never anything else."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from videos import make_video

from reelpress.errors import ReelpressError
from reelpress.media.damage import DamageMeter
from reelpress.media.decode import VideoSource
from reelpress.media.index import build_index
from reelpress.media.probe import probe

pytestmark = pytest.mark.release

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "media"
FILES = (
    sorted(p.relative_to(SHARED) for folder in ("camera", "container", "screen", "hls", "broken", "audio")
           for p in (SHARED / folder).rglob("*") if p.is_file())
    if SHARED.is_dir()
    else [Path("absent")]
)  # fmt: skip
HANGING = ("exo-invalid-bitstream.webm", "mp4parse-test_case_1185230.mp4")


def needs_shared() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"the shared media are not at {SHARED.name}/ beside the repository")


def read(path: Path, frames: int = 12) -> str:
    """Decode some frames here and there; what happened, in a word. Anything but a ReelpressError is raised."""
    try:
        info = probe(path).video
        if info is None:
            return "no video"
        index = build_index(path, info.index)
        source = VideoSource(path, info, index, threads=2)
        meter = DamageMeter(path, len(index))
        try:
            picks = random.Random(3).sample(range(len(index)), min(3, len(index)))
            for n in [*range(min(frames, len(index))), len(index) - 1, *picks]:
                frame = source.frame(n)
                planes = frame.planes
                assert planes.format in ("yuv420p", "nv12")
                assert (planes.width, planes.height) == (info.width, info.height)
                if n < frames:
                    meter.note(n, frame.time, repeated=frame.repeated, error=frame.error)
        finally:
            source.close()
    except ReelpressError as error:
        text = str(error)
        assert path.name in text
        assert "\n" not in text
        return f"{type(error).__name__}: {text}"
    return "frames"


@pytest.mark.parametrize("name", FILES, ids=str)
def test_frames_or_a_clear_error(name: Path) -> None:
    needs_shared()
    result = read(SHARED / name)
    if name.parts[0] in ("camera", "container", "screen"):
        assert result in ("frames", "no video")


@pytest.mark.parametrize("name", HANGING)
def test_files_on_which_threaded_decoders_hang_end_fifty_times(name: str) -> None:
    needs_shared()
    for _ in range(50):
        start = time.monotonic()
        assert read(SHARED / "broken" / name).startswith("UnreadableInputError")
        assert time.monotonic() - start < 5


def test_closing_after_errors_does_not_hang_even_with_logging(tmp_path: Path) -> None:
    """A user of the library may have set a log level; with frame threads, an error and that, closing hangs.

    (Without the flush in ``DecoderRun.close`` it did so in each of nine tries.)
    """
    path = make_video(tmp_path / "torn.mp4", frames=60, gop=10)
    data = bytearray(path.read_bytes())
    noise = random.Random(1)
    for at in range(data.index(b"mdat") + 400, data.index(b"moov") - 4, 3):
        data[at] = noise.randrange(256)
    path.write_bytes(data)
    program = (
        "import sys, av, av.logging\n"
        "from pathlib import Path\n"
        "from reelpress.errors import ReelpressError\n"
        "from reelpress.media.probe import probe\n"
        "from reelpress.media.index import build_index\n"
        "from reelpress.media._decoder import DecoderRun\n"
        "av.logging.set_level(av.logging.VERBOSE)\n"
        "path = Path(sys.argv[1])\n"
        "for _ in range(48):\n"
        "    decoder = DecoderRun(path, 0, 4, None)\n"
        "    for _ in range(4):\n"
        "        decoder._feed()\n"
        "    decoder.close()\n"
        "    del decoder\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60, capture_output=True)


@pytest.mark.parametrize("name", ["a.mp4", "b.mkv", "c.webm", "d.ts", "e.flv", "f.avi", "g.mov"])
def test_mutated_containers(tmp_path: Path, name: str) -> None:
    codec = "libvpx" if name.endswith("webm") else "libx264"
    whole = make_video(tmp_path / name, codec=codec, frames=30, bframes=2).read_bytes()
    rng = random.Random(name)
    path = tmp_path / f"mutated{Path(name).suffix}"
    seen = set()
    for _ in range(200):
        data = bytearray(whole)
        kind = rng.randrange(4)
        for _ in range(rng.randrange(1, 20)):
            at = rng.randrange(len(data)) if kind else rng.randrange(min(len(data), 1200))
            data[at] = rng.randrange(256)
        if kind == 1:
            del data[rng.randrange(len(data)) :]
        elif kind == 2:
            at = rng.randrange(len(data))
            del data[at : at + rng.randrange(1, 200)]
        path.write_bytes(bytes(data))
        start = time.monotonic()
        seen.add(read(path).split(":")[0])
        assert time.monotonic() - start < 20
    assert "frames" in seen
    assert len(seen) > 1
