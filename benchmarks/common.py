"""What all benchmarks share: machine facts, processes measured by the system, medians, JSON."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
if importlib.util.find_spec("reelpress") is None:  # not installed: a machine that installs nothing
    sys.path.insert(0, str(ROOT / "src"))
CACHE = Path(os.environ.get("REELPRESS_BENCH_CACHE", ROOT / "out" / "bench"))


@dataclass(frozen=True)
class Measured:
    """One finished process, as the operating system accounted it."""

    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    code: int
    stderr: str


def measure(command: list[str], *, timeout_s: float = 900.0, cwd: Path | None = None) -> Measured:
    """Run ``command`` to its end and say what it took. stdout is thrown away.

    Peak memory is that of the largest single process (``ru_maxrss`` of the child).
    """
    log = CACHE / "stderr.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, cwd=cwd)
        deadline = started + timeout_s
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() > deadline:
                process.kill()
            time.sleep(0.005)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    scale = 1 if sys.platform == "darwin" else 1024
    text = log.read_text(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale, process.returncode, text)


def ffmpeg() -> str:
    """The ffmpeg that imageio-ffmpeg ships: the one everybody can install by name."""
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def reelpress() -> list[str]:
    """The command line of this checkout."""
    return [sys.executable, "-m", "reelpress"]


def spread(values: list[float]) -> dict[str, float]:
    """Minimum, median and maximum."""
    return {
        "min": round(min(values), 4),
        "median": round(statistics.median(values), 4),
        "max": round(max(values), 4),
    }


def facts() -> dict[str, Any]:
    """The machine and the versions, without anything that names it."""
    import av
    import numpy
    import PIL

    from reelpress import __version__

    cpu = platform.processor() or "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    affinity = getattr(os, "sched_getaffinity", None)
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:  # a copy of the tree on a machine without git
        commit = ""
    return {
        "cpu": cpu,
        "cores": len(affinity(0)) if affinity else os.cpu_count(),
        "ram_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "reelpress": __version__,
        "commit": os.environ.get("REELPRESS_BENCH_COMMIT") or commit or "unknown",
        "av": av.__version__,
        "numpy": numpy.__version__,
        "pillow": PIL.__version__,
    }


def write(name: str, command: str, data: dict[str, Any], path: Path | None = None) -> Path:
    """Store a result with the command and the machine's facts, where nothing else is said among the results."""
    path = path or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 1, "command": command, "machine": facts(), **data}, indent=1) + "\n")
    print(f"wrote {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}")
    return path


def as_dict(measured: Measured) -> dict[str, float]:
    """The figures of one run for the JSON."""
    row = asdict(measured)
    row.pop("stderr")
    row.pop("code")
    return {key: round(value, 4) for key, value in row.items()}
