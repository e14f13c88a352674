"""Fit the models of ``reelpress.export.estimates`` to real exports, and say how far off they are on other recordings.

    python tools/calibrate_estimates.py                 all of it, under ten minutes on two quiet cores
    python tools/calibrate_estimates.py --check-only    only the error on recordings, with the numbers that are there
    python tools/calibrate_estimates.py --fit-only      fit again to the runs that are recorded
    python tools/calibrate_estimates.py --judge-only    the same, and judge anew

Calibrated on generated scenarios: the benchmark's drawn desktops, also with a camera and with zooms, and the same again
as other recorders would have saved them (plain videos, other rates and qualities), each with several settings. Judged
on recordings that had no part in it: those of ``../shared/media/screen`` and the examples, as far as they are there.
Nothing else should run meanwhile: seconds are measured.

Writes ``src/reelpress/export/estimates.json`` (the numbers) and ``benchmarks/results/estimates.json`` (runs, errors,
machine).
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "estimates.json"
MEDIA = ROOT.parent / "shared" / "media" / "screen"
COMMAND = "python tools/calibrate_estimates.py"

SECONDS = 4.0
"""Of every made source."""
JUDGED_S = 10
"""Of a recording at most."""
RIDGE = 0.3
BEYOND = {"changes": 1.0, "keys": 1.0}
"""How far a term may go beyond what was fitted (natural logarithms): recordings are plainer than a drawn desktop."""
GOAL = 0.20

FORMATS = ("mp4-h264", "gif")


# -- sources ----------------------------------------------------------------------------------------------------------


def sources(folder: Path) -> dict[str, Path]:
    """Made recordings by name."""
    from reelpress.bench.sources import Spec, make

    made = {
        "desktop": make(Spec("desktop", 1920, 1080, SECONDS), folder),
        "still": make(Spec("still", 1920, 1080, SECONDS), folder),
        "pointer": make(Spec("pointer", 1920, 1080, SECONDS), folder),
        "motion": make(Spec("motion", 1920, 1080, SECONDS), folder),
        "desktop-720": make(Spec("desktop", 1280, 720, SECONDS), folder),
    }
    made["zooms"] = _with(made["desktop"], folder / "zooms.cap", zooms=True)
    made["camera"] = _with(made["desktop"], folder / "camera.cap", camera=made["motion"])
    made["camera-zooms"] = _with(made["pointer"], folder / "camera-zooms.cap", camera=made["motion"], zooms=True)
    for name, origin, how in (
        ("plain-sharp-30", "desktop", {"fps": Fraction(30), "crf": 16.0}),
        ("plain-coarse-60", "desktop", {"fps": Fraction(60), "crf": 28.0}),
        ("plain-pointer-30", "pointer", {"fps": Fraction(30), "crf": 22.0}),
        ("plain-motion-25", "motion", {"fps": Fraction(25), "crf": 24.0, "resolution": "720p"}),
        ("plain-small-15", "zooms", {"fps": Fraction(15), "crf": 24.0, "resolution": "960x540"}),
    ):
        made[name] = _plain(made[origin], folder / f"{name}.mp4", how)
    return made


def _with(origin: Path, target: Path, *, camera: Path | None = None, zooms: bool = False) -> Path:
    """A made recording with more in it."""
    if target.is_dir():
        return target
    shutil.copytree(origin, target)
    project = json.loads((target / "project-config.json").read_text())
    if camera is not None:
        _plain(camera, target / "content/segments/segment-0/camera.mp4", {"fps": Fraction(30), "resolution": "640x360"})
        meta = json.loads((target / "recording-meta.json").read_text())
        path = "content/segments/segment-0/camera.mp4"
        meta["segments"][0]["camera"] = {"path": path, "fps": 30, "start_time": 0.0}
        (target / "recording-meta.json").write_text(json.dumps(meta))
        project["camera"] = {"hide": False}
    if zooms:
        at = [{"start": s, "end": s + 1.2, "amount": 1.6, "mode": {"manual": {"x": 0.3, "y": 0.4}}} for s in (0.3, 2.2)]
        whole = [{"recordingSegment": 0, "timescale": 1, "start": 0, "end": SECONDS}]
        project["timeline"] = {"segments": whole, "zoomSegments": at}
    (target / "project-config.json").write_text(json.dumps(project))
    return target


def _plain(origin: Path, target: Path, how: dict[str, Any]) -> Path:
    """What a recorder would have saved that encodes every picture."""
    from reelpress.export.api import export
    from reelpress.export.settings import ExportSettings

    if not target.is_file():
        look = target.with_suffix(".json")
        look.write_text(json.dumps({"background": {"padding": 0, "rounding": 0, "shadow": 0}}))
        settings = ExportSettings(**{"resolution": "1080p", **how}, unchanged="encode", preset=str(look))
        export(origin, target, settings=settings)
    return target


def plan_of_runs(names: list[str]) -> list[tuple[str, str, dict[str, Any]]]:
    """``(source, format, settings)``: every source with a few settings that differ in everything."""
    mp4 = [
        {"resolution": "1080p", "crf": 20.0, "fps": Fraction(60), "encoder_preset": "veryfast"},
        {"resolution": "720p", "crf": 24.0, "fps": Fraction(30), "encoder_preset": "veryfast", "gop": Fraction(1)},
        {"resolution": "1080p", "crf": 29.0, "fps": Fraction(30), "encoder_preset": "superfast", "gop": Fraction(4)},
        {"resolution": "720p", "crf": 17.0, "fps": Fraction(60), "encoder_preset": "medium"},
        {"resolution": "480p", "crf": 20.0, "fps": Fraction(24), "encoder_preset": "fast"},
    ]
    gif = [
        {"resolution": "800w", "fps": Fraction(15)},
        {"resolution": "480w", "fps": Fraction(10), "gif_quality": 60},
        {"resolution": "720p", "fps": Fraction(20), "gif_quality": 80},
    ]
    runs = []
    for number, name in enumerate(names):
        chosen = [mp4[0], *(mp4[1 + (number + k) % 4] for k in range(3))]
        runs += [(name, "mp4-h264", {"format": "mp4", **each}) for each in chosen]
        chosen = [gif[0], gif[1 + number % 2]]
        runs += [(name, "gif", {"format": "gif", **each}) for each in chosen]
    return runs


# -- measuring --------------------------------------------------------------------------------------------------------


def measured(source: Path, settings: dict[str, Any], folder: Path, *, tries: bool = False) -> dict[str, Any]:
    """One export: what is known before, and what came out."""
    from reelpress.export.estimates import as_dict, features
    from reelpress.export.prepare import prepare
    from reelpress.export.run import run
    from reelpress.export.settings import ExportSettings
    from reelpress.export.trial import tried

    options = ExportSettings(**settings, overwrite=True)
    target = folder / f"out.{settings['format']}"
    with prepare(source, target, options) as job:
        job.copy = None  # pictures are what is measured
        trial, trial_s = None, 0.0
        if tries:
            begin = time.monotonic()
            trial = tried(job)
            trial_s = time.monotonic() - begin
        f = features(job.director, job.recording, options, job.rate, sound=bool(job.spans))
        guess = job.encoding_plan.estimate if job.encoding_plan else job.plan.estimate
        report = run(job)
    size = report.output.size_bytes
    sound = 0
    if f.sound:
        sound = _sound_bytes(target)
    return {
        "features": as_dict(f),
        "size_bytes": size,
        "video_bytes": size - sound,
        "cpu_s": report.cpu_s,
        "wall_s": report.wall_s,
        "estimate": {"size_bytes": guess.size_bytes, "wall_s": guess.wall_s},
    } | ({"trial": {"size_bytes": trial.size_bytes, "took_s": round(trial_s, 2)}} if trial is not None else {})


def _sound_bytes(file: Path) -> int:
    import av

    with av.open(str(file)) as container:
        return sum(packet.size for packet in container.demux(container.streams.audio[0]))


def scenarios(folder: Path) -> list[dict[str, Any]]:
    """All runs of the calibration."""
    made = sources(folder / "sources")
    runs = plan_of_runs(list(made))
    measured(made["still"], runs[0][2], folder)  # everything is loaded once
    rows = []
    for number, (name, kind, settings) in enumerate(runs, 1):
        row = {"source": name, "format": kind, "settings": {k: str(v) for k, v in settings.items()}}
        row |= measured(made[name], settings, folder)
        rows.append(row)
        print(
            f"{number:3d}/{len(runs)} {name:<17} {kind:<9} {row['size_bytes']:>9} bytes {row['wall_s']:6.2f} s",
            flush=True,
        )
    return rows


def recordings() -> list[Path]:
    """What had no part in the calibration."""
    found = sorted(p for p in MEDIA.glob("*.*") if p.suffix in (".mov", ".mp4", ".webm")) if MEDIA.is_dir() else []
    return [*found, ROOT / "examples" / "demo.cap", ROOT / "examples" / "tour.cap"]


JUDGED = {
    "mp4-h264": [{"format": "mp4"}, {"format": "mp4", "resolution": "720p", "fps": Fraction(30), "quality": "web"}],
    "gif": [{"format": "gif", "resolution": "800w"}],
}


def judge(folder: Path) -> list[dict[str, Any]]:
    """Estimates of recordings against what comes out."""
    rows = []
    for path in recordings():
        for kind, choices in JUDGED.items():
            for settings in choices:
                asked = {**settings, "end": Fraction(JUDGED_S)}
                row = {"source": path.name, "format": kind, "settings": {k: str(v) for k, v in settings.items()}}
                rows.append(row | measured(path, asked, folder, tries=True))
                print(path.name, kind, flush=True)
    return rows


def errors(rows: list[dict[str, Any]], fits: dict[str, Any], score: float, reference: float, cores: int) -> None:
    """Put what is estimated with ``fits`` and how far off it is into every row."""
    from reelpress.export.estimates import SOUND_RATE, Features, cpu_seconds, video_bytes, wall_seconds

    for row in rows:
        f = Features(**row["features"])
        fit = fits["formats"][row["format"]]
        size = video_bytes(f, fit["size"]) + f.sound * SOUND_RATE / 8 * f.seconds
        cpu = cpu_seconds(f, fit["time"]) * reference / score
        wall = wall_seconds(cpu, cores, fit["time"])
        row["estimate"] = {"size_bytes": int(size), "wall_s": round(wall, 2), "cpu_s": round(cpu, 2)}
        row["error"] = {
            "size": round(size / row["size_bytes"] - 1, 3),
            "wall": round(wall / row["wall_s"] - 1, 3),
            "cpu": round(cpu / row["cpu_s"] - 1, 3),
        }
        if "trial" in row:
            row["error"]["trial"] = round(row["trial"]["size_bytes"] / row["size_bytes"] - 1, 3)


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and median of the absolute errors, by format."""
    found: dict[str, Any] = {}
    for kind in dict.fromkeys(row["format"] for row in rows):
        of = [row["error"] for row in rows if row["format"] == kind]
        found[kind] = {
            what: {
                "mean": round(float(np.mean([abs(e[what]) for e in of])), 3),
                "median": round(float(np.median([abs(e[what]) for e in of])), 3),
                "worst": round(float(max(abs(e[what]) for e in of)), 3),
                "bias": round(math.exp(float(np.mean([math.log1p(e[what]) for e in of]))) - 1, 3),
            }
            for what in ("size", "trial", "wall", "cpu")
            if what in of[0]
        } | {"exports": len(of)}
    return found


# -- fitting ----------------------------------------------------------------------------------------------------------


def fit(rows: list[dict[str, Any]], cores: int) -> dict[str, Any]:
    """The numbers of one format."""
    from reelpress.export.estimates import SIZE_TERMS, WORK_TERMS, Features, size_terms, work_terms

    f = [Features(**row["features"]) for row in rows]
    x = np.array([[size_terms(one)[name] for name in SIZE_TERMS] for one in f])
    y = np.array(
        [math.log(row["video_bytes"] * 8 / (one.pixels * one.seconds)) for row, one in zip(rows, f, strict=True)]
    )
    mean, spread = x.mean(0), x.std(0)
    used = spread > 1e-6
    z = (x[:, used] - mean[used]) / spread[used]
    slopes = np.zeros(len(SIZE_TERMS))
    slopes[used] = np.linalg.solve(z.T @ z + RIDGE * np.eye(z.shape[1]), z.T @ (y - y.mean())) / spread[used]
    work = np.array([[work_terms(one)[name] for name in WORK_TERMS] for one in f])
    cpu = np.array([row["cpu_s"] for row in rows])
    costs = robust(work / cpu[:, None])
    constant, share = spread_over(cpu, np.array([row["wall_s"] for row in rows]), cores)
    return {
        "size": {
            "constant": round(float(y.mean() - mean @ slopes), 4),
            "slopes": {name: round(float(slopes[k]), 4) for k, name in enumerate(SIZE_TERMS) if used[k]},
            "ranges": {
                name: [
                    round(float(x[:, k].min()) - BEYOND.get(name, 0.0), 3),
                    round(float(x[:, k].max()) + BEYOND.get(name, 0.0), 3),
                ]
                for k, name in enumerate(SIZE_TERMS)
                if used[k]
            },
        },
        "time": {
            "costs": {name: round(float(costs[k]), 5) for k, name in enumerate(WORK_TERMS)},
            "constant_s": round(constant, 3),
            "share": round(share, 3),
        },
    }


def robust(a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """``x >= 0`` with ``a x`` near 1: after a first try, rows that are far off count less (the machine was busy)."""
    weight = np.ones(len(a))
    for _ in range(8):
        x = non_negative(a * weight[:, None], weight)
        weight = 1 / np.sqrt(np.maximum(np.abs(a @ x - 1), 0.05))
    return x


def non_negative(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], rounds: int = 1500) -> np.ndarray[Any, Any]:
    """``x >= 0`` with the least ``|a x - b|``, one coordinate after the other."""
    gram, right = a.T @ a, a.T @ b
    x = np.zeros(a.shape[1])
    for _ in range(rounds):
        for k in range(len(x)):
            if gram[k, k] > 0:
                x[k] = max(0.0, x[k] + (right[k] - gram[k] @ x) / gram[k, k])
    return x


def spread_over(cpu: np.ndarray[Any, Any], wall: np.ndarray[Any, Any], cores: int) -> tuple[float, float]:
    """``(constant, share)`` of ``wall = constant + cpu / (share * cores)`` with the least median relative error."""
    best = (math.inf, 0.0, 1.0)
    for share in np.linspace(1 / cores, 1.0, 60):
        for constant in np.linspace(0.0, 0.6, 31):
            off = float(np.median(np.abs((constant + cpu / max(1.0, share * cores)) / wall - 1)))
            best = min(best, (off, float(constant), float(share)))
    return best[1], best[2]


# -- all of it --------------------------------------------------------------------------------------------------------


def main() -> int:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from common import facts as machine_facts
    from reelpress.export import estimates
    from reelpress.pipeline.machine import cores

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check-only", action="store_true", help="judge the numbers that are there; write nothing")
    parser.add_argument("--fit-only", action="store_true", help="fit to the runs that are recorded")
    parser.add_argument("--judge-only", action="store_true", help="judge anew, with the runs that are recorded")
    parser.add_argument("--keep", type=Path, help="folder for made sources; a temporary one otherwise")
    options = parser.parse_args()
    begin = time.monotonic()
    score = max(estimates.measure_score() for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="reelpress-estimates-") as temporary:
        folder = options.keep or Path(temporary)
        (folder / "sources").mkdir(parents=True, exist_ok=True)
        if options.check_only:
            rows, fits = judge(folder), estimates.data()
            errors(rows, fits, score, fits["machine"]["score"], cores())
            return told(rows)
        if options.fit_only or options.judge_only:
            kept = folder / RESULT.name  # of a run with the same --keep that was cut off
            old = json.loads((kept if kept.is_file() else RESULT).read_text(encoding="utf-8"))
            runs, judged, machine = old["calibration"], old["judged"], old["machine"]
            if options.judge_only:
                judged = judge(folder)
        else:
            runs = scenarios(folder)
            machine = {**machine_facts(), "score": round(score, 1)}
            # what took minutes is there for --judge-only even if judging is cut off
            begun = {
                "command": COMMAND,
                "machine": machine,
                "seconds": 0,
                "errors": {},
                "calibration": runs,
                "judged": [],
            }
            (folder / RESULT.name).write_text(json.dumps(begun), encoding="utf-8")
            judged = judge(folder)
        fits = {
            "machine": {"score": machine["score"], "cores": machine["cores"]},
            "formats": {
                kind: fit([row for row in runs if row["format"] == kind], machine["cores"]) for kind in FORMATS
            },
        }
        for rows in (runs, judged):
            errors(rows, fits, machine["score"], machine["score"], machine["cores"])
    estimates.DATA.write_text(json.dumps(fits, indent=1) + "\n", encoding="utf-8", newline="\n")
    if options.keep is not None:
        (options.keep / RESULT.name).unlink(missing_ok=True)
    result = {
        "command": COMMAND,
        "machine": machine,
        "seconds": old["seconds"] if options.fit_only or options.judge_only else round(time.monotonic() - begin),
        "errors": {"calibration": summary(runs), "judged": summary(judged)},
        "calibration": runs,
        "judged": judged,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8", newline="\n")
    print(json.dumps(summary(runs)))
    return told(judged)


def told(rows: list[dict[str, Any]]) -> int:
    """Print the errors on recordings."""
    for row in rows:
        print(
            f"{row['source']:<30} {row['format']:<9} {row['size_bytes'] / 1e6:7.3f} MB {row['error']['size']:+7.1%}   "
            f"{row['wall_s']:6.2f} s {row['error']['wall']:+7.1%}   cpu {row['error']['cpu']:+7.1%}   "
            f"trial {row['error'].get('trial', math.nan):+7.1%}"
        )
    for kind, found in summary(rows).items():
        for what in ("size", "trial", "wall", "cpu"):
            if what not in found:
                continue
            one = found[what]
            print(
                f"{kind:<9} {what:<4} mean error {one['mean']:.1%} (goal {GOAL:.0%}), median {one['median']:.1%}, "
                f"worst {one['worst']:.1%}, bias {one['bias']:+.1%}, {found['exports']} exports"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
