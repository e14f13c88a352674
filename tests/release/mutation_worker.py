"""Exports one file after another for ``test_mutations``: a line with a job in, a line with its end out."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from pathlib import Path

from reelpress.cli.app import run
from reelpress.pipeline.run import leaked_threads


def export(source: str, folder: Path, options: list[str]) -> dict[str, object]:
    """Export ``source`` into ``folder`` and say how it ended and what it left."""
    out, err = io.StringIO(), io.StringIO()
    before = {p.name for p in Path(tempfile.gettempdir()).iterdir()}
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["export", source, "-o", str(folder / "out.mp4"), "--json", *options])
    left = sorted(p.name for p in folder.iterdir() if code != 0 or p.name != "out.mp4")
    left += sorted({p.name for p in Path(tempfile.gettempdir()).iterdir()} - before)
    (folder / "out.mp4").unlink(missing_ok=True)
    last = json.loads(out.getvalue().splitlines()[-1]) if out.getvalue().strip() else {}
    return {
        "exit": code,
        "code": last.get("code", last.get("type")),
        "error": last.get("error", ""),
        "left": left,
        "leaked": leaked_threads(),
        "stderr": err.getvalue(),
    }


def main() -> None:
    answers = sys.stdout
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        job = json.loads(line)
        result = export(job["source"], folder, job["options"])
        answers.write(json.dumps(result) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
