"""Say how far off the estimates of ``reelpress plan`` are, and fit the model that it has where it tries nothing.

    python tools/calibrate_estimates.py                   judge all formats, about six minutes on two quiet cores
    python tools/calibrate_estimates.py --format gif      only this one; may be repeated; the other rows stay
    python tools/calibrate_estimates.py --check-only      print, and write nothing
    python tools/calibrate_estimates.py --model           fit the model anew first (five minutes more)
    python tools/calibrate_estimates.py --fit-only        fit the model again to the runs that are recorded

Judged is what ``plan`` prints: a trial on this machine (``reelpress.export.trial``), against an export that follows at
once. And beside it what it says with ``--no-trial``. The recordings are those of ``../shared/media`` and the examples,
as far as they are there; none had any part in fitting the model, which is done to generated scenarios: the benchmark's
drawn desktops, also with a camera and with zooms, and the same again as other recorders would have saved them.
Nothing else should run meanwhile: seconds are measured.

Writes ``benchmarks/results/estimates.json`` (runs, errors, machine), and with ``--model`` or ``--fit-only``
``src/reelpress/export/estimates.json`` (the model's numbers).
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
SHARED = ROOT.parent / "shared" / "media"
COMMAND = "python tools/calibrate_estimates.py"

SECONDS = 4.0
"""Of every made source."""
JUDGED_S = 10
"""Of a recording at most; of one that is judged by its sound alone six times that."""
RIDGE = 0.3
BEYOND = {"changes": 1.0, "keys": 1.0}
"""How far a term may go beyond what was fitted (natural logarithms): recordings are plainer than a drawn desktop."""
GOAL = 0.20

FORMATS = ("mp4-h264", "gif")
"""Those that the model is fitted for."""


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


def measured(source: Path, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """One export: what the model is given, and what came out."""
    from reelpress.export.estimates import as_dict, features
    from reelpress.export.prepare import prepare
    from reelpress.export.run import run
    from reelpress.export.settings import ExportSettings

    options = ExportSettings(**settings, overwrite=True)
    target = folder / f"out.{settings['format']}"
    with prepare(source, target, options) as job:
        job.copy = None  # pictures are what is measured
        f = features(job.director, job.recording, options, job.rate, sound=bool(job.spans))
        report = run(job)
    size = report.output.size_bytes
    sound = _sound_bytes(target) if f.sound else 0
    return {
        "features": as_dict(f),
        "size_bytes": size,
        "video_bytes": size - sound,
        "cpu_s": report.cpu_s,
        "wall_s": report.wall_s,
    }


def tried_and_done(source: Path, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What ``plan`` says of one export, by a trial and by the model, and what comes out."""
    from reelpress.export.prepare import prepare
    from reelpress.export.run import run
    from reelpress.export.settings import ExportSettings
    from reelpress.export.trial import tried

    options = ExportSettings(**settings, overwrite=True)
    target = folder / "out.png" if settings["format"] == "png" else folder / f"out.{settings['format']}"
    with prepare(source, target, options) as job:
        job.copy = None
        model = (job.encoding_plan or job.plan).estimate
        begin = time.monotonic()
        trial = tried(job) or model  # what plan says: the machine may have been too busy
        took = time.monotonic() - begin
        report = run(job)
        duration = float(job.director.duration)
    size, wall = report.output.size_bytes, report.wall_s
    return {
        "seconds": round(duration, 3),
        "size_bytes": size,
        "wall_s": wall,
        "cpu_s": report.cpu_s,
        "trial": {"size_bytes": trial.size_bytes, "wall_s": trial.wall_s, "took_s": round(took, 2)},
        "model": {"size_bytes": model.size_bytes, "wall_s": model.wall_s},
        "error": {
            "size": round(trial.size_bytes / size - 1, 3),
            "wall": round(trial.wall_s / wall - 1, 3),
            "model_size": round(model.size_bytes / size - 1, 3),
            "model_wall": round(model.wall_s / wall - 1, 3),
        },
    }


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
    """What had no part in the calibration. Of two that show the same, one."""
    names = ("dirtyjson-macos-app.mov", "gh-scoped-creds.mp4", "obsidian-tab-group.mov", "readme2demo.mp4")
    found = [SHARED / "screen" / name for name in names]
    return [
        path for path in [*found, *(ROOT / "examples" / name for name in ("demo.cap", "tour.cap"))] if path.exists()
    ]


def sounding() -> list[Path]:
    """The same, for sound alone: long ones among them, which no trial can take all of."""
    names = ("auto-editor-example.mp4", "exo-sample_with_increasing_timestamps_360p.mp4", "torchcodec-nasa_13013.mp4")
    found = [SHARED / "camera" / name for name in names]
    return [
        path for path in [*found, *(ROOT / "examples" / name for name in ("demo.cap", "tour.cap"))] if path.exists()
    ]


SMALL = {"resolution": "720p", "fps": Fraction(30)}
JUDGED: dict[str, dict[str, Any]] = {
    "mp4-h264": {"format": "mp4"},
    "mp4-hevc": {"format": "mp4", "codec": "hevc", **SMALL},
    "mp4-av1": {"format": "mp4", "codec": "av1", **SMALL},
    "gif": {"format": "gif", "resolution": "800w"},
    "mov-prores": {"format": "mov", "codec": "prores", **SMALL},
    "mov-h264": {"format": "mov", "codec": "h264", "resolution": "720p", "quality": "web"},
    "webm-vp9": {"format": "webm", **SMALL},
    "webm-av1": {"format": "webm", "codec": "av1", "resolution": "480p", "fps": Fraction(24)},
    "webp": {"format": "webp", "resolution": "800w"},
    "apng": {"format": "apng", "resolution": "800w"},
    "png": {"format": "png", "resolution": "640w", "fps": Fraction(15)},
    "m4a": {"format": "m4a"},
    "wav": {"format": "wav"},
}
SOUND_ALONE = ("m4a", "wav")


def judge(folder: Path, kinds: list[str]) -> list[dict[str, Any]]:
    """Estimates of recordings against what comes out."""
    rows = []
    for kind in kinds:
        settings = JUDGED[kind]
        for number, path in enumerate(sounding() if kind in SOUND_ALONE else recordings()):
            asked = {**settings, "end": Fraction(JUDGED_S * (6 if kind in SOUND_ALONE else 1))}
            if number == 0:  # libraries are loaded once
                tried_and_done(path, {**asked, "end": Fraction(1)}, folder)
            row = {"source": path.name, "format": kind, "settings": {k: str(v) for k, v in settings.items()}}
            rows.append(row | tried_and_done(path, asked, folder))
            told_of(rows[-1])
    return rows


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
            for what in ("size", "wall", "model_size", "model_wall")
            if what in of[0]
        } | {"exports": len(of)}
        took = [row["trial"]["took_s"] for row in rows if row["format"] == kind and "trial" in row]
        if took:
            found[kind]["took_s"] = {"mean": round(float(np.mean(took)), 2), "worst": max(took)}
    return found


def model_errors(rows: list[dict[str, Any]], fits: dict[str, Any], cores: int) -> None:
    """Put what the model says with ``fits`` and how far off it is into every row it was fitted to."""
    from reelpress.export.estimates import SOUND_RATE, Features, cpu_seconds, video_bytes, wall_seconds

    for row in rows:
        f = Features(**row["features"])
        fit = fits["formats"][row["format"]]
        size = video_bytes(f, fit["size"]) + f.sound * SOUND_RATE / 8 * f.seconds
        wall = wall_seconds(cpu_seconds(f, fit["time"]), cores, fit["time"])
        row["error"] = {
            "model_size": round(size / row["size_bytes"] - 1, 3),
            "model_wall": round(wall / row["wall_s"] - 1, 3),
        }


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

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", action="append", choices=list(JUDGED), help="judge only this one; may be repeated")
    parser.add_argument("--check-only", action="store_true", help="write nothing")
    parser.add_argument("--model", action="store_true", help="fit the model anew first")
    parser.add_argument("--fit-only", action="store_true", help="fit the model to the runs that are recorded")
    options = parser.parse_args()
    result: dict[str, Any] = {"judged": [], "calibration": []}
    if RESULT.is_file():
        result |= json.loads(RESULT.read_text(encoding="utf-8"))
    if not isinstance(result.get("seconds"), dict):
        result["seconds"] = {}
    estimates.know_machine()
    with tempfile.TemporaryDirectory(prefix="reelpress-estimates-") as temporary:
        folder = Path(temporary)
        (folder / "sources").mkdir(parents=True, exist_ok=True)
        if options.model or options.fit_only:
            if options.model:
                runs = scenarios(folder)
                score = max(estimates.measure_score() for _ in range(3))
                result["model_machine"] = {**machine_facts(), "score": round(score, 1)}
            else:
                runs = result["calibration"]
            machine = result["model_machine"]
            fits = {
                "machine": {"score": machine["score"], "cores": machine["cores"]},
                "formats": {
                    kind: fit([row for row in runs if row["format"] == kind], machine["cores"]) for kind in FORMATS
                },
            }
            model_errors(runs, fits, machine["cores"])
            result["calibration"] = runs
            if not options.check_only:
                estimates.DATA.write_text(json.dumps(fits, indent=1) + "\n", encoding="utf-8", newline="\n")
                estimates.data.cache_clear()
        if not options.fit_only:
            for kind in options.format or JUDGED:
                begin = time.monotonic()
                rows = judge(folder, [kind])
                kept = [row for row in result["judged"] if row["format"] in JUDGED and row["format"] != kind]
                order = list(JUDGED)
                result["judged"] = sorted([*kept, *rows], key=lambda row: order.index(row["format"]))
                result["machine"] = machine_facts()
                result["seconds"] = {**result["seconds"], kind: round(time.monotonic() - begin)}
                if not options.check_only:
                    save(result)  # a run that is cut off keeps what it has
    if not options.check_only:
        save(result)
    return told(result["judged"])


def save(result: dict[str, Any]) -> None:
    """Write what was measured, with the errors in it."""
    result["command"] = COMMAND
    result["errors"] = {"calibration": summary(result["calibration"]), "judged": summary(result["judged"])}
    names = ("command", "machine", "seconds", "model_machine", "errors", "judged", "calibration")
    ordered = {name: result[name] for name in names if name in result}
    RESULT.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8", newline="\n")


def told_of(row: dict[str, Any]) -> None:
    """Print one export."""
    error = row["error"]
    print(
        f"{row['source']:<30} {row['format']:<10} {row['size_bytes'] / 1e6:7.3f} MB {error['size']:+7.1%} "
        f"(model {error['model_size']:+.0%})   {row['wall_s']:6.2f} s {error['wall']:+7.1%} "
        f"(model {error['model_wall']:+.0%})   the trial took {row['trial']['took_s']:.1f} s",
        flush=True,
    )


def told(rows: list[dict[str, Any]]) -> int:
    """Print the errors on recordings."""
    for kind, found in summary(rows).items():
        print(f"{kind:<10} {found['exports']} exports", end="")
        for what in ("size", "wall"):
            one = found[what]
            print(f"   {what} off by {one['mean']:.1%} (goal {GOAL:.0%}), worst {one['worst']:.0%}", end="")
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
