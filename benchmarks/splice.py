"""What held and patched pictures save: whole exports with ``--unchanged splice`` against ``--unchanged encode``.

    python benchmarks/splice.py [-n RUNS] [--row NAME ...] [--recordings FOLDER] [--every N] [--beside N]

Same preset, CRF, threads and look; the ways take turns, and ratios are taken run by run. ``encode`` uses the preset's
B-frames; a second column is against ``encode`` with ``bframes=0``. Quality is that of the last file of each way against
the composed frames, of every Nth moment: mean SSIM and the text at rest (blocks of 16x16 with strong gradients).

On a machine with many cores ``--beside N`` measures N rows at once, each in a process of its own that is pinned to two
cores, the longest ones first.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from common import CACHE, RESULTS, ROOT, facts, write

WAYS = ("encode", "encode-bf0", "splice")
LONGEST = (
    "recording gh-scoped-creds.mp4",
    "pointer over a still screen, 60 s",
    "demo",
    "still screen, 60 s",
    "demo without its camera",
    "recording obsidian-tab-group.mov",
)
"""Rows that take long: they are begun first."""


@dataclass(frozen=True)
class Row:
    """One content and what it should reach (against ``encode``)."""

    name: str
    source: Callable[[], Path]
    settings: dict[str, Any]
    speed: float | None
    size: float | None


def _without_camera() -> dict[str, Any]:
    data = json.loads((ROOT / "examples/demo.cap/project-config.json").read_text(encoding="utf-8"))
    data["camera"]["hide"] = True
    file = CACHE / "without-camera.json"
    CACHE.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(data), encoding="utf-8")
    return {"project": file}


def _made(kind: str, seconds: float) -> Callable[[], Path]:
    def make() -> Path:
        from reelpress.bench.sources import Spec, make

        CACHE.mkdir(parents=True, exist_ok=True)
        return make(Spec(kind, 1920, 1080, seconds), CACHE)  # type: ignore[arg-type]

    return make


def rows(recordings: Path | None) -> list[Row]:
    """All contents, in the order of the table."""
    demo = ROOT / "examples" / "demo.cap"
    full = {"resolution": "1080p", "fps": Fraction(60)}
    found = [
        Row("demo without its camera", lambda: demo, {**full, **_without_camera()}, 2.0, 1.15),
        Row("demo", lambda: demo, full, 1.3, 1.15),
        Row("pointer over a still screen, 60 s", _made("pointer", 60), full, 6.0, 2.0),
        Row("still screen, 60 s", _made("still", 60), full, 25.0, 1.05),
        Row("continuous motion, 10 s", _made("motion", 10), full, 0.95, 1.1),
    ]
    if recordings is not None:
        files = sorted(p for p in recordings.iterdir() if p.suffix in (".mp4", ".mov", ".webm", ".mkv"))
        look = {"resolution": "source"}
        found += [Row(f"recording {file.name}", functools.partial(Path, file), look, None, 1.15) for file in files]
    return found


def run(source: Path, way: str, settings: dict[str, Any], target: Path) -> Any:
    """One export; its report."""
    from reelpress.export import run as runner
    from reelpress.export.hooks import Hooks
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings
    from reelpress.media.encoder import EncoderSpec

    class WithoutB(Hooks):
        def encoder_spec(self, spec: EncoderSpec) -> EncoderSpec:
            return replace(spec, extra={**spec.extra, "bf": "0"})

    unchanged: Any = "splice" if way == "splice" else "encode"
    chosen = ExportSettings(
        unchanged=unchanged,
        overwrite=True,
        no_audio=True,
        renderer="cpu",
        decoder="software",
        encoder="libx264",
        **settings,
    )
    with prepare(source, target, chosen) as job:
        return runner.run(job, hooks=WithoutB() if way == "encode-bf0" else Hooks())  # hooks: never copied


def measure(row: Row, runs: int, every: int) -> dict[str, Any]:
    """All ways of one row, taking turns."""
    from reelpress.export.settings import ExportSettings
    from reelpress.quality.compare import composed

    source = row.source()
    wall: dict[str, list[float]] = {way: [] for way in WAYS}
    last: dict[str, Any] = {}
    targets = {way: CACHE / f"splice-{way}.mp4" for way in WAYS}
    for _ in range(runs):
        for way in WAYS:
            last[way] = run(source, way, row.settings, targets[way])
            wall[way].append(last[way].wall_s)
    result: dict[str, Any] = {"frames": last["splice"].frames.total, "unchanged": last["splice"].unchanged, "ways": {}}
    look = ExportSettings(**{k: v for k, v in row.settings.items() if k == "project"})
    for way in WAYS:
        quality = composed(source, targets[way], settings=look, every=every)
        text = quality.text
        result["ways"][way] = {
            "wall_s": {"min": min(wall[way]), "median": statistics.median(wall[way]), "max": max(wall[way])},
            "cpu_s": last[way].cpu_s,
            "size_bytes": last[way].output.size_bytes,
            "encoded": last[way].frames.encoded,
            "stages_busy_s": {name: stage.busy_s for name, stage in last[way].stages.items()},
            "ssim_y": quality.ssim.mean.y,
            "ssim_y_min": quality.ssim.min.y,
            "psnr_y": quality.psnr.mean.y,
            "text_psnr": None if text is None else text.psnr,
            "text_ssim": None if text is None else text.ssim,
            "text_worst_ssim": None if text is None else text.worst_ssim,
        }
    for against in ("encode", "encode-bf0"):
        pairs = [a / b for a, b in zip(wall[against], wall["splice"], strict=True)]
        result[f"speed_against_{against}"] = {
            "median": round(statistics.median(pairs), 3),
            "min": round(min(pairs), 3),
            "max": round(max(pairs), 3),
        }
        sizes = [last[way].output.size_bytes for way in ("splice", against)]
        result[f"size_against_{against}"] = round(sizes[0] / sizes[1], 3)
    result["goal"] = {"speed": row.speed, "size": row.size}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=5)
    parser.add_argument("--row", action="append", help="only rows whose name begins so")
    parser.add_argument("--recordings", type=Path, help="a folder of recordings that were encoded before")
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--beside", type=int, default=1, help="rows measured at once, each on two cores")
    parser.add_argument("--exactly", help="only the row of this name")
    parser.add_argument("--out", type=Path, help="default: benchmarks/results/splice.json")
    options = parser.parse_args()
    chosen = [
        row
        for row in rows(options.recordings)
        if (not options.row or any(row.name.startswith(start) for start in options.row))
        and options.exactly in (None, row.name)
    ]
    where = " --recordings FOLDER" if options.recordings else ""
    stored = options.out or RESULTS / "splice.json"
    rows_so_far = json.loads(stored.read_text(encoding="utf-8"))["rows"] if stored.exists() else {}

    def keep(name: str, found: dict[str, Any]) -> None:
        rows_so_far[name] = found
        write("splice", f"python benchmarks/splice.py -n {options.n}{where}", {"rows": rows_so_far}, stored)
        speeds = [found[f"speed_against_{way}"]["median"] for way in WAYS[:2]]
        print(f"{name}: {speeds[0]}x ({speeds[1]}x), size {found['size_against_encode']}x", flush=True)

    if options.beside > 1:
        for name, found in beside([row.name for row in chosen], options):
            keep(name, found)
        return
    for row in chosen:
        found = measure(row, options.n, options.every)
        found |= {"runs": options.n, "command": f"python benchmarks/splice.py -n {options.n}{where} --row '{row.name}'"}
        found["machine"] = facts()
        keep(row.name, found)


def beside(names: list[str], options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows measured at once, each on two cores of its own; as they are done."""
    cores = sorted(os.sched_getaffinity(0))
    free = [cores[2 * k : 2 * k + 2] for k in range(min(options.beside, len(cores) // 2))]
    waiting = sorted(names, key=lambda name: LONGEST.index(name) if name in LONGEST else len(LONGEST))
    running: dict[Any, tuple[str, list[int], Path]] = {}
    while waiting or running:
        while waiting and free:
            name, pair = waiting.pop(0), free.pop()
            out = CACHE / f"beside-{pair[0]}" / "row.json"
            out.parent.mkdir(parents=True, exist_ok=True)
            out.unlink(missing_ok=True)
            command = [sys.executable, __file__, "-n", str(options.n), "--every", str(options.every)]
            command += ["--exactly", name, "--out", str(out)]
            if options.recordings:
                command += ["--recordings", str(options.recordings)]
            environment = {**os.environ, "REELPRESS_BENCH_CACHE": str(out.parent)}
            pinned = ["taskset", "-c", ",".join(map(str, pair)), *command]
            running[subprocess.Popen(pinned, env=environment)] = (name, pair, out)
        for process in list(running):
            if process.poll() is None:
                continue
            name, pair, out = running.pop(process)
            free.append(pair)
            if process.returncode == 0:
                found = json.loads(out.read_text(encoding="utf-8"))["rows"][name]
                found["machine"] |= {"beside": options.beside, "pinned_to_cores": 2}
                yield name, found
            else:
                print(f"{name}: ended with {process.returncode}", file=sys.stderr, flush=True)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
