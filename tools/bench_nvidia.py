"""The benchmark's rows of an NVIDIA machine: ``python tools/bench_nvidia.py [--scale X] [--runs N] [...]``.

Measures the seed's baseline, the CPU's paths and all of the GPU's at 1080p60 and 4K30, with x264 and with an encoder
that costs nothing, and writes ``benchmarks/results/bench-nvidia.json`` (``--out`` elsewhere); ``tools/make_docs.py``
shows it. Needs only this Python with Reelpress's dependencies: nothing is installed, built or fetched, so it runs on a
machine without a network. Other options go to ``reelpress bench``. ``--any-adapter`` is for trying it out: also where
the only adapter is a software one.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("av", "numpy", "PIL", "wgpu")
PATHS = ("baseline", "planar", "splice", "gpu", "gpu-rgba", "gpu-twice")
SCENARIOS = ("1080p-1min", "4k-1min")


def main() -> int:
    parser = argparse.ArgumentParser(description="reelpress bench on a machine with an NVIDIA GPU.")
    parser.add_argument("--scale", default="0.1", help="share of the scenarios' minute")
    parser.add_argument("--runs", default="2")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "bench-nvidia.json")
    parser.add_argument("--any-adapter", action="store_true")
    options, more = parser.parse_known_args()
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(f"{sys.executable} lacks {', '.join(missing)}; they are in pyproject.toml.", file=sys.stderr)
        return 2
    source = str(ROOT / "src")
    sys.path.insert(0, source)
    # for the processes in which runs are measured
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    from reelpress.bench.paths import chosen_ways
    from reelpress.cli import main as command

    (listed,) = [way for way in chosen_ways(()) if way.id == "gpu"]
    if listed.missing is not None and not options.any_adapter:
        print(listed.missing, file=sys.stderr)
        return 2
    options.out.parent.mkdir(parents=True, exist_ok=True)
    scenarios = [] if "--scenario" in more else [part for name in SCENARIOS for part in ("--scenario", name)]
    paths = [] if "--path" in more else [part for name in PATHS for part in ("--path", name)]
    sys.argv = [
        "reelpress", "bench", "--scale", options.scale, "--runs", options.runs, "--out", str(options.out),
        *scenarios, *paths, *more,
    ]  # fmt: skip
    command()
    return 0


if __name__ == "__main__":
    sys.exit(main())
