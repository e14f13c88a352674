"""What reading a finished file back costs, as a part of its export: ``python benchmarks/verify_cost.py``.

Each scenario is exported a few times in a process of its own; the verify step and the whole export are timed by the
wall clock and by the processor time of the process. Writes ``benchmarks/results/verify_cost.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest import mock

import common

GOAL = 0.03
"""Of an export's wall time."""


def scenarios() -> dict[str, tuple[Path, dict[str, Any]]]:
    """Source and settings of each."""
    from reelpress.bench.sources import Spec, cache_folder, make

    folder = cache_folder() / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    demo = common.ROOT / "examples" / "demo.cap"
    own = json.loads((demo / "project-config.json").read_text())
    own["camera"] = {**own.get("camera", {}), "hide": True}
    bare = folder / "verify-cost-no-camera.json"
    bare.write_text(json.dumps(own))
    part = {"end": Fraction(6)}
    pointer = make(Spec("pointer", 1920, 1080, 20.0), folder)
    still = make(Spec("still", 1920, 1080, 20.0), folder)
    longer = make(Spec("still", 1920, 1080, 60.0), folder)
    desktop = make(Spec("desktop", 1920, 1080, 20.0), folder) / "content" / "segments" / "segment-0" / "display.mp4"
    return {
        "demo 0-6 s": (demo, part),
        "demo 0-6 s, no camera": (demo, {**part, "project": bare}),
        "pointer, 20 s": (pointer, {}),
        "still, 20 s": (still, {}),
        "still, 60 s": (longer, {}),
        "trim 5-15 s of a plain video": (desktop, {"start": Fraction(5), "end": Fraction(15)}),
    }


def one(name: str, unchanged: str) -> dict[str, Any]:
    """One export in this process."""
    from reelpress.export.api import export
    from reelpress.export.running import Running
    from reelpress.export.settings import ExportSettings

    source, options = scenarios()[name]
    spent: dict[str, Any] = {}

    def timed(whole: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            wall, cpu = time.perf_counter(), time.process_time()
            result = whole(*arguments, **more)
            spent.update(
                verify_s=time.perf_counter() - wall,
                verify_cpu_s=time.process_time() - cpu,
                pictures=result.decoded,
                key_frames=result.keyframes,
            )
            return result

        return call

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(Running, "verify", timed(Running.verify)))
        settings = ExportSettings(unchanged=unchanged, **options)  # type: ignore[arg-type]
        report = export(source, Path(folder) / "out.mp4", settings=settings)
    return {"export_s": report.wall_s, "export_cpu_s": report.cpu_s, "frames": report.frames.total, **spent}


def main() -> int:
    parser = argparse.ArgumentParser(description="The cost of the verify step.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--unchanged", default="splice")
    parser.add_argument("--only", help="the scenario of this name alone")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--no-write", action="store_true", help="print only")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.only, options.unchanged)))
        return 0
    result: dict[str, Any] = {}
    for name in [options.only] if options.only else scenarios():
        rounds = []
        for _ in range(options.rounds):
            command = [sys.executable, __file__, "--one", "--only", name, "--unchanged", options.unchanged]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
            rounds.append(json.loads(done.stdout.splitlines()[-1]))
        result[name] = {
            "share_of_wall": common.spread([r["verify_s"] / r["export_s"] for r in rounds]),
            "share_of_cpu": common.spread([r["verify_cpu_s"] / r["export_cpu_s"] for r in rounds]),
            "verify_s": common.spread([r["verify_s"] for r in rounds]),
            "export_s": common.spread([r["export_s"] for r in rounds]),
            "frames": rounds[0]["frames"],
            "pictures_decoded": rounds[0]["pictures"],
            "key_frames": rounds[0]["key_frames"],
        }
        share = result[name]["share_of_wall"]["median"]
        print(f"{name}: {share:.1%} of the wall time, {result[name]}", "" if share < GOAL else "  <-- over the goal")
    if not options.no_write and not options.only:
        command = f"python benchmarks/verify_cost.py --rounds {options.rounds}"
        common.write("verify_cost", command, {"goal": GOAL, "unchanged": options.unchanged, "scenarios": result})
    return 0


if __name__ == "__main__":
    sys.exit(main())
