"""The look against ffmpeg: padding, rounded corners and shadow over a gradient, 1080p60 in and out.

Four jobs, interleaved, whole processes from start to finished file, same x264 preset, CRF, VBV and threads:

- ours, the look at rest, against ffmpeg's scale + alphamerge with a mask + overlay on a looped background picture;
- ours, the look at rest, against ffmpeg that decodes and encodes with no look at all;
- ours, the look with a slow zoom all the time, against the same ffmpeg graph with zoompan behind it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from common import CACHE, as_dict, ffmpeg, measure, reelpress, spread, write
from sources import source

PROJECT = {
    "background": {
        "source": {"type": "gradient", "from": [71, 85, 255], "to": [255, 102, 196], "angle": 135},
        "padding": 25,
        "rounding": 12,
        "roundingType": "rounded",
        "shadow": 73.6,
        "advancedShadow": {"size": 14.4, "opacity": 68.1, "blur": 3.8},
    },
    "camera": {"hide": True},
    "cursor": {"hide": True},
    "screenMotionBlur": 0,
}
SOURCES = {
    "recorded": ("recorded-1080p60", 10.0),
    "drawn": ("1080p60", 12.0),
}
"""A real screen recording at a constant rate, and a drawn one that scrolls for 40 % of its time. Name and seconds."""


def project(zoom: bool, seconds: float = 12.0) -> Path:
    data = dict(PROJECT)
    if zoom:  # a soft spring towards 2x that is on its way for the whole clip
        data["screenMovementSpring"] = {"stiffness": 1.5, "damping": 30.0, "mass": 60.0}
        data["timeline"] = {
            "segments": [{"recordingSegment": 0, "timescale": 1, "start": 0, "end": seconds}],
            "zoomSegments": [{"start": 0, "end": seconds, "amount": 2.0, "mode": {"manual": {"x": 0.6, "y": 0.4}}}],
        }
    path = CACHE / f"look-{f'zoom-{seconds:g}' if zoom else 'rest'}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))
    return path


def art(clip: Path) -> tuple[Path, Path, tuple[int, int, int, int]]:
    """Background (gradient and shadow) and corner mask for ffmpeg, rendered by our own first frame's geometry."""
    import numpy as np
    from PIL import Image

    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings
    from reelpress.scene.plan.layers import PictureLayer

    with prepare(clip, CACHE / "x.mp4", ExportSettings(project=project(False))) as job:
        plan = job.director.plan(0)
        card = next(layer for layer in plan.layers if isinstance(layer, PictureLayer))
        width, height = job.director.size
    x, y, w, h = (round(v) for v in (card.rect.x, card.rect.y, card.rect.w, card.rect.h))
    yy, xx = np.mgrid[0:height, 0:width] + 0.5
    t = np.clip((xx / width - 0.5) * 0.707 + (yy / height - 0.5) * 0.707 + 0.5, 0, 1)[..., None]
    ground = (1 - t) * np.array([71, 85, 255]) + t * np.array([255, 102, 196])
    Image.fromarray(np.rint(ground).astype(np.uint8)).save(CACHE / "background.png")
    ys, xs = np.mgrid[0:h, 0:w] + 0.5
    r = card.shape.radius
    q = np.maximum(np.abs(np.stack([xs - w / 2, ys - h / 2])) - np.array([w / 2 - r, h / 2 - r])[:, None, None], 0)
    mask = np.clip(0.5 - (np.hypot(*q) - r), 0, 1)
    Image.fromarray(np.rint(mask * 255).astype(np.uint8)).save(CACHE / "mask.png")
    return CACHE / "background.png", CACHE / "mask.png", (x, y, w, h)


def jobs(clip: Path, seconds: float, threads: int) -> dict[str, list[str]]:
    background, mask, (x, y, w, h) = art(clip)
    from fractions import Fraction

    from reelpress.encode.rate import rate_control

    rate = rate_control(1920, 1080, Fraction(60), quality="social")
    x264 = [
        "-c:v",
        "libx264",
        "-preset",
        rate.preset,
        "-crf",
        f"{rate.crf:g}",
        "-maxrate",
        str(rate.maxrate),
        "-bufsize",
        str(rate.bufsize),
        "-g",
        "120",
        "-threads",
        str(threads),
        "-an",
    ]
    base = [ffmpeg(), "-y", "-v", "error", "-threads", str(threads), "-i", str(clip)]
    graph = (
        f"[0:v]scale={w}:{h}:flags=bicubic[s];[2:v]format=gray[m];[s][m]alphamerge[c];"
        f"[1:v][c]overlay={x}:{y}:shortest=1"
    )
    art_in = ["-loop", "1", "-r", "60", "-i", str(background), "-loop", "1", "-r", "60", "-i", str(mask)]
    zoom = (
        f"zoompan=z='1+in/{round(seconds * 60)}':x='iw*0.6-iw/zoom*0.6':y='ih*0.4-ih/zoom*0.4':d=1:s=1920x1080:fps=60"
    )
    x264 += ["-frames:v", str(round(seconds * 60))]  # looped pictures never end by themselves
    out = str(CACHE / "out.mp4")
    ours = [*reelpress(), "export", str(clip), "-o", out, "--overwrite", "-q", "--fps", "60"]
    return {
        "ours-look": [*ours, "--project", str(project(False))],
        "ffmpeg-look": [*base, *art_in, "-filter_complex", f"{graph},format=yuv420p[v]", "-map", "[v]", *x264, out],
        "ffmpeg-nolook": [*base, *x264, out],
        "ours-zoom": [*ours, "--project", str(project(True, seconds))],
        "ffmpeg-zoom": [
            *base,
            *art_in,
            "-filter_complex",
            f"{graph},{zoom},format=yuv420p[v]",
            "-map",
            "[v]",
            *x264,
            out,
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5, help="runs of each job")
    parser.add_argument("--only", nargs="*", help="names of jobs")
    parser.add_argument("--source", nargs="*", default=list(SOURCES), choices=list(SOURCES))
    options = parser.parse_args()
    results = {}
    for name in options.source:
        results[name] = compare(name, options.n, options.only)
        print(name, json.dumps(results[name]["speed_ratios"], indent=1), flush=True)
    if not options.only and options.source == list(SOURCES):
        write("look", f"python benchmarks/look.py -n {options.n}", {"sources": results})


def compare(name: str, runs_wanted: int, only: list[str] | None) -> dict[str, Any]:
    """All jobs on one source, interleaved."""
    from reelpress.export.prepare import prepare
    from reelpress.export.settings import ExportSettings

    file, seconds = SOURCES[name]
    clip = source(file)
    with prepare(clip, CACHE / "x.mp4", ExportSettings()) as job:
        threads = job.buffers.encode_threads
    todo = {k: v for k, v in jobs(clip, seconds, threads).items() if not only or k in only}
    runs: dict[str, list[dict[str, float]]] = {job: [] for job in todo}
    sizes: dict[str, int] = {}
    for round_ in range(runs_wanted + 1):
        for job_name, command in todo.items():
            measured = measure(command, timeout_s=180)
            sizes[job_name] = (CACHE / "out.mp4").stat().st_size
            if round_:  # the first is the warm-up
                runs[job_name].append(as_dict(measured))
            print(f"{name} {round_} {job_name:14} {measured.wall_s:6.2f} s {measured.cpu_s:6.2f} s cpu", flush=True)
    frames = round(seconds * 60)
    rows = {
        job_name: {
            "fps": spread([frames / r["wall_s"] for r in rs]),
            "cpu_s": spread([r["cpu_s"] for r in rs]),
            "peak_rss_bytes": max(int(r["peak_rss_bytes"]) for r in rs),
            "size_bytes": sizes[job_name],
        }
        for job_name, rs in runs.items()
        if rs
    }

    def ratio(a: str, b: str) -> dict[str, float] | None:
        if not runs.get(a) or not runs.get(b):
            return None
        return spread([y["wall_s"] / x["wall_s"] for x, y in zip(runs[a], runs[b], strict=True)])

    return {
        "frames": frames,
        "threads": threads,
        "jobs": rows,
        "speed_ratios": {
            "look vs ffmpeg look": ratio("ours-look", "ffmpeg-look"),
            "look vs ffmpeg without look": ratio("ours-look", "ffmpeg-nolook"),
            "zoom vs ffmpeg zoompan": ratio("ours-zoom", "ffmpeg-zoom"),
        },
    }


if __name__ == "__main__":
    main()
