"""Every real file beside the repository: a correct export or a clear error. The table of results is committed.

The table (``media_matrix.json``) is written when it is not there; otherwise a run must reproduce it (times aside).
"""

from __future__ import annotations

import json
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

import export_harness as harness
from reelpress.errors import ReelpressError

pytestmark = pytest.mark.release

TABLE = Path(__file__).with_name("media_matrix.json")
FOLDERS = ("audio", "broken", "camera", "container", "hls", "screen")
LIMIT_S = 5
"""Output seconds that are exported of longer files."""
DEADLINE_S = 300.0
OPTIONS = ("--json", "--encoder-preset", "ultrafast", "--stall-timeout", "30")
COMPARED = ("name", "exit", "code", "end", "frames", "width", "height", "audio", "message")


def cases(media: Path) -> list[Path]:
    """All media files, and the two recordings of which only the metadata are there."""
    files = [p for folder in FOLDERS for p in (media / folder).rglob("*") if p.is_file()]
    return sorted(files, key=lambda p: p.relative_to(media).as_posix()) + sorted((media / "capjson").glob("*.cap"))


def length(source: Path) -> Fraction | None:
    """Seconds of the recording, by ``probe``; ``None`` if it cannot be read."""
    from reelpress.recording.load import load

    try:
        with load(source) as recording:
            return sum((segment.length for segment in recording.segments), Fraction(0))
    except ReelpressError:
        return None


def decoder_complaints(path: Path) -> str:
    """What another build of FFmpeg says about a file when it decodes all of it; empty is good."""
    result = subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return result.stderr.strip() + (f" (exit {result.returncode})" if result.returncode else "")


def row_of(source: Path, media: Path, folder: Path) -> dict[str, Any]:
    """Export one file and check everything that must hold for any file."""
    name = source.relative_to(media).as_posix()
    target, temp = folder / "out.mp4", folder / "temp"
    temp.mkdir(exist_ok=True)
    seconds = length(source)
    end = LIMIT_S if seconds is not None and seconds > LIMIT_S + 1 else None
    options = [*OPTIONS, *(("--end", str(end)) if end else ())]
    outcome = harness.command("export", source, "-o", target, *options, cwd=folder, deadline_s=DEADLINE_S, temp=temp)
    row: dict[str, Any] = {"name": name, "exit": outcome.exit, "seconds": round(outcome.seconds), "end": end}
    assert outcome.exit is not None, f"{name} did not end within {DEADLINE_S:.0f} s"
    assert harness.TRACEBACK not in outcome.stderr, f"{name}:\n{outcome.stderr}"
    assert harness.names(temp) == [], f"{name} left temporary files"
    assert sorted(harness.names(folder)) == ["out.mp4", "temp"][outcome.exit != 0 :], f"{name} left something behind"
    if outcome.exit == 0:
        report = outcome.last["report"]
        wanted = min(seconds, Fraction(end)) if end and seconds else seconds
        assert wanted is not None
        output = report["output"]
        # A video lasts a whole number of frames: at most one frame away from what the recording says.
        assert abs(output["duration_s"] - float(wanted)) <= 1 / output["fps"] + 1e-3, (name, output, float(wanted))
        assert decoder_complaints(target) == "", name
        row |= {
            "code": "ok",
            "frames": report["frames"]["total"],
            "repeated": report["frames"]["repeated_after_error"],
            "width": output["width"],
            "height": output["height"],
            "audio": output["audio_codec"],
            "size": target.stat().st_size,
            "warnings": [line.replace(str(media) + "/", "") for line in report["warnings"]],
        }
        target.unlink()
    else:
        assert outcome.exit in (1, 3), (name, outcome)
        event = outcome.last
        assert event["type"] == "error", name
        assert harness.is_one_sentence(event["error"]), (name, event["error"])
        assert source.name in event["error"], (name, event["error"])
        row |= {"code": event["code"], "message": event["error"].replace(str(media) + "/", "")}
    return row


@pytest.mark.timeout(3600)
def test_every_file_ends_in_an_export_or_a_clear_error(shared_media: Path, tmp_path: Path) -> None:
    rows, problems = [], []
    for source in cases(shared_media):
        folder = tmp_path / f"{len(rows)}-{len(problems)}"
        folder.mkdir()
        try:
            rows.append(row_of(source, shared_media, folder))
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, "\n\n".join(problems)
    if not TABLE.exists():
        lines = ",\n  ".join(json.dumps(row, ensure_ascii=False) for row in rows)
        TABLE.write_text(f"[\n  {lines}\n]\n", encoding="utf-8")
        return
    before = json.loads(TABLE.read_text(encoding="utf-8"))
    assert [{k: row.get(k) for k in COMPARED} for row in rows] == [{k: r.get(k) for k in COMPARED} for r in before]
