"""Look-ahead 3 against 10 at 4K: rate, size and memory of the same export."""

from __future__ import annotations

import json
import sys
from typing import Any

from common import CACHE, ROOT, measure
from look import project
from sources import source

CODE = """
import sys
from reelpress.cli.app import run
from reelpress.pipeline import budget
real = budget.Budget.plan
def plan(self, **kwargs):
    import dataclasses
    return dataclasses.replace(real(self, **kwargs), lookahead=int(sys.argv[1]))
budget.Budget.plan = plan
sys.exit(run(sys.argv[2:]))
"""


def compare() -> list[dict[str, Any]]:
    """Both, three times in turn; the median run of each."""
    clip, out, log = source("4k30"), CACHE / "lookahead.mp4", CACHE / "lookahead.ndjson"
    runs: dict[int, list[dict[str, Any]]] = {3: [], 10: []}
    for _ in range(3):
        for frames in runs:
            command = [
                sys.executable,
                "-c",
                CODE,
                str(frames),
                "export",
                str(clip),
                "-o",
                str(out),
                "--overwrite",
                "--json",
                "--resolution",
                "4k",
                "--fps",
                "30",
                "--project",
                str(project(False)),
            ]
            measured = measure(["sh", "-c", 'exec "$@" >"$0"', str(log), *command], cwd=ROOT)
            report = json.loads(log.read_text().splitlines()[-1])["report"]
            runs[frames].append(
                {
                    "lookahead": frames,
                    "fps": report["fps"],
                    "wall_s": round(measured.wall_s, 2),
                    "size_bytes": report["output"]["size_bytes"],
                    "peak_rss_mb": round(measured.peak_rss_bytes / 1e6, 1),
                }
            )
            print(json.dumps(runs[frames][-1]), flush=True)
    return [sorted(rows, key=lambda r: r["fps"])[1] for rows in runs.values()]


if __name__ == "__main__":
    compare()
