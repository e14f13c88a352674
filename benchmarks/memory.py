"""Peak memory of whole exports: by size, by length, by budget, by look-ahead and by the machine's memory."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from common import CACHE, ROOT, measure, reelpress, write
from look import project
from sources import source

OUT = CACHE / "memory.mp4"


def export(name: str, *options: str, driver: list[str] | None = None) -> dict[str, Any]:
    """One export of a named source; peak RSS, rate and size."""
    clip = source(name)
    command = [*(driver or reelpress()), "export", str(clip), "-o", str(OUT), "--overwrite", "--json", *options]
    log = CACHE / "memory.ndjson"
    shell = ["sh", "-c", 'exec "$@" >"$0"', str(log), *command]
    measured = measure(shell, timeout_s=1800)
    report = json.loads(log.read_text().splitlines()[-1])["report"]
    row = {
        "source": name,
        "options": " ".join(o for o in options if not o.startswith(str(CACHE))),
        "peak_rss_mb": round(measured.peak_rss_bytes / 1e6, 1),
        "reported_peak_rss_mb": round(report["peak_rss_bytes"] / 1e6, 1),
        "fps": report["fps"],
        "size_bytes": report["output"]["size_bytes"],
        "buffers": report["buffers"],
    }
    print(json.dumps(row), flush=True)
    return row


def with_ram(gib: float) -> list[str]:
    """A command line on a machine that seems to have so much usable memory."""
    return [sys.executable, str(ROOT / "benchmarks" / "with_ram.py"), str(gib)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=None)
    options = parser.parse_args()
    look = ["--project", str(project(False))]
    four_k = ["--resolution", "4k", "--fps", "30", *look]
    encoded = ["--unchanged", "encode"]  # else packets are copied where nothing is drawn
    jobs: dict[str, Any] = {
        "1080p": lambda: export("1080p60", *look),
        "1080p zoom": lambda: export("1080p60", "--project", str(project(True))),
        "1080p no look": lambda: export("1080p60", *encoded),
        "4K": lambda: export("4k30", *four_k),
        "4K no look": lambda: export("4k30", "--resolution", "source", *encoded),
        "1080p in 256 MB": lambda: export("1080p60", "--memory", "256MB", *look),
        "1 minute": lambda: export("360p15-1min", "--resolution", "source", *encoded),
        "30 minutes": lambda: export("360p15-30min", "--resolution", "source", *encoded),
        **{
            f"1080p with {gib} GiB": (lambda g=gib: export("1080p60", *look, driver=with_ram(g)))
            for gib in (4, 8, 15.6, 16, 32)
        },
    }
    rows = {name: job() for name, job in jobs.items() if options.only is None or name in options.only}
    if options.only is None:
        from lookahead import compare

        rows_lookahead = compare()
        write("memory", "python benchmarks/memory.py", {"exports": rows, "lookahead": rows_lookahead})


if __name__ == "__main__":
    main()
