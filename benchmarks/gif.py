"""GIF: ours against ffmpeg's palettegen/paletteuse and gifski, from the same composed lossless 720p15 file.

    python benchmarks/gif.py [--runs N] [--gifski PROGRAM] [--only NAME] [--ffmpeg PROGRAM]

The file is made by our engine (parts of ``examples/``: zoom, typing, scrolling, a face; text, titles, gradients) and
encoded without loss, so every encoder sees the same pictures. Each is timed as a whole process; the time that its own
decoder takes for the same file is measured too and taken off for ``without_decoding_s`` (twice for two passes). gifski
reads PNG files, which are made before its time starts; what ffmpeg takes to decode them, on all cores, is taken off in
the same way. It is given a clip of 90 frames, of which our start-up is a large part, and the whole of both parts. SSIM
is ffmpeg's, of all frames against the composed ones.

Our bytecode is there before the first time is taken, as pip makes it when a package is installed (from a source tree
with ``PYTHONDONTWRITEBYTECODE`` every start would compile everything, 0.25 s).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from common import CACHE, ROOT, measure, reelpress, spread, write

PARTS = {"demo": ("demo.cap", 2, 26), "tour": ("tour.cap", 0, 24)}
"""Project, first and last second."""
RATE = 15
GIFSKI_FRAMES = 90
"""Of the first part: a clip that is short enough for our start-up to count."""
GIFSKI_RUNS = 2
"""Of whole parts at most: one takes half a minute."""

DECODE = """
import sys
from reelpress.recording.load import load
recording = load(__import__("pathlib").Path(sys.argv[1]))
from reelpress.export.sources import SourcePool
track = recording.segments[0].display
pool = SourcePool(recording, threads=2, decoder="software")
for k in range(len(track.index)):
    pool.planes(track.key, k)
"""


def composed(name: str, frames: int | None = None) -> Path:
    """The composed pictures of a part, without loss; made once."""
    import av

    import reelpress as engine
    from reelpress.export.settings import ExportSettings
    from reelpress.media.scale import to_frame

    path = CACHE / f"gif-{name}{'' if frames is None else f'-{frames}'}.mp4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    cap, start, end = PARTS[name]
    settings = ExportSettings(resolution="720p", fps=Fraction(RATE), start=Fraction(start), end=Fraction(end))
    part = path.with_suffix(".part.mp4")
    with av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0", "preset": "veryfast"})
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = 1
        context.color_range = 1
        for index, planes in enumerate(engine.render(ROOT / "examples" / cap, settings=settings)):
            if index == frames:
                break
            if index == 0:
                context.width, context.height, context.pix_fmt = planes.width, planes.height, "yuv420p"
            frame = av.VideoFrame.from_ndarray(to_frame(planes).to_ndarray(format="yuv420p"), format="yuv420p")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            frame.colorspace, frame.color_range = 1, 1
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    part.rename(path)
    return path


def count(path: Path) -> int:
    """Frames in a file."""
    import av

    with av.open(str(path)) as container:
        return int(container.streams.video[0].frames)


def ssim(ffmpeg: str, gif: Path, source: Path) -> dict[str, float]:
    """ffmpeg's SSIM of a GIF against the composed pictures: luma, both chroma, all."""
    graph = (
        f"[0:v]fps={RATE},scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,setsar=1[a];"
        f"[1:v]fps={RATE},setsar=1[b];[a][b]ssim"
    )
    command = [ffmpeg, "-nostdin", "-i", str(gif), "-i", str(source), "-lavfi", graph, "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True).stderr
    found = re.search(r"SSIM Y:([\d.]+).*? U:([\d.]+).*? V:([\d.]+).*? All:([\d.]+)", said)
    assert found is not None, said[-500:]
    return dict(zip(("y", "u", "v", "all"), map(float, found.groups()), strict=True))


def one(name: str, ffmpeg: str, runs: int) -> dict[str, Any]:
    """Ours and ffmpeg's of one part, run in turn."""
    source = composed(name)
    frames = count(source)
    ours, theirs, palette = CACHE / f"gif-{name}-ours.gif", CACHE / f"gif-{name}-ffmpeg.gif", CACHE / "palette.png"
    quiet = [ffmpeg, "-nostdin", "-v", "error", "-y", "-i", str(source)]
    export = [*reelpress(), "export", str(source), "-o", str(ours), "--resolution", "720p", "--fps", str(RATE)]
    times: dict[str, list[float]] = {key: [] for key in ("ours", "ours decode", "first", "second", "decode")}
    cpu: dict[str, list[float]] = {"ours": [], "ffmpeg": []}
    peak = 0
    for _ in range(runs):
        done = measure([*export, "--unchanged-tolerance", "0", "--overwrite", "-q", "--stall-timeout", "60"])
        times["ours"].append(done.wall_s)
        cpu["ours"].append(done.cpu_s)
        peak = max(peak, done.peak_rss_bytes)
        times["ours decode"].append(measure([sys.executable, "-c", DECODE, str(source)]).wall_s)
        first = measure([*quiet, "-vf", "palettegen", str(palette)])
        second = measure([*quiet, "-i", str(palette), "-lavfi", "paletteuse", str(theirs)])
        times["first"].append(first.wall_s)
        times["second"].append(second.wall_s)
        cpu["ffmpeg"].append(first.cpu_s + second.cpu_s)
        times["decode"].append(measure([*quiet, "-f", "null", "-"]).wall_s)
    best = {key: min(values) for key, values in times.items()}
    both = best["first"] + best["second"]
    bare_ours, bare_both = best["ours"] - best["ours decode"], both - 2 * best["decode"]
    return {
        "frames": frames,
        "ours": {
            "wall_s": spread(times["ours"]),
            "cpu_s": spread(cpu["ours"]),
            "without_decoding_s": round(bare_ours, 3),
            "bytes": ours.stat().st_size,
            "peak_rss_bytes": peak,
            "ssim": ssim(ffmpeg, ours, source),
        },
        "ffmpeg": {
            "palettegen_s": spread(times["first"]),
            "paletteuse_s": spread(times["second"]),
            "cpu_s": spread(cpu["ffmpeg"]),
            "without_decoding_s": round(bare_both, 3),
            "bytes": theirs.stat().st_size,
            "ssim": ssim(ffmpeg, theirs, source),
        },
        "times_faster": round(both / best["ours"], 2),
        "times_faster_without_decoding": round(bare_both / bare_ours, 2),
        "times_less_cpu": round(min(cpu["ffmpeg"]) / min(cpu["ours"]), 2),
        "share_of_bytes": round(ours.stat().st_size / theirs.stat().st_size, 3),
    }


def against_gifski(program: str, ffmpeg: str, name: str, most: int | None, runs: int) -> dict[str, Any]:
    """Ours and gifski's of a part, run in turn; gifski at its own quality, 90.

    Args:
        program: gifski.
        ffmpeg: Makes its pictures, and measures.
        name: The part.
        most: Frames of it; ``None``: all.
        runs: Of which the fastest counts, on both sides.
    """
    source = composed(name, most)
    folder = CACHE / "gif-frames"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run([ffmpeg, "-v", "error", "-i", str(source), str(folder / "%05d.png")], check=True, timeout=300)
    theirs, ours = CACHE / f"{source.stem}-gifski.gif", CACHE / f"{source.stem}-beside-gifski.gif"
    names = sorted(str(path) for path in folder.iterdir())
    command = [program, "--quiet", "--fps", str(RATE), "--width", "1280", "--height", "720", "-o", str(theirs), *names]
    pictures = [ffmpeg, "-nostdin", "-v", "error", "-i", str(folder / "%05d.png"), "-f", "null", "-"]
    export = [*reelpress(), "export", str(source), "-o", str(ours), "--resolution", "720p", "--fps", str(RATE)]
    times: dict[str, list[float]] = {key: [] for key in ("gifski", "pictures", "ours", "decode")}
    for _ in range(runs):
        times["gifski"].append(measure(command).wall_s)
        times["pictures"].append(measure(pictures).wall_s)
        done = measure([*export, "--unchanged-tolerance", "0", "--overwrite", "-q", "--stall-timeout", "60"])
        times["ours"].append(done.wall_s)
        times["decode"].append(measure([sys.executable, "-c", DECODE, str(source)]).wall_s)
    best = {key: min(values) for key, values in times.items()}
    slow, fast = best["gifski"], best["ours"]
    bare_slow, bare_fast = slow - best["pictures"], fast - best["decode"]
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    shutil.rmtree(folder)
    return {
        "version": version.strip(),
        "part": name,
        "frames": len(names),
        "runs": runs,
        "gifski": {
            "wall_s": round(slow, 3),
            "without_decoding_s": round(bare_slow, 3),
            "bytes": theirs.stat().st_size,
            "ssim": ssim(ffmpeg, theirs, source),
        },
        "ours": {
            "wall_s": round(fast, 3),
            "without_decoding_s": round(bare_fast, 3),
            "bytes": ours.stat().st_size,
            "ssim": ssim(ffmpeg, ours, source),
        },
        "times_faster": round(slow / fast, 2),
        "times_faster_without_decoding": round(bare_slow / bare_fast, 2),
    }


def warm_up() -> None:
    """Everything that the measured processes import is compiled, and in the system's cache."""
    source = composed(next(iter(PARTS)), GIFSKI_FRAMES)
    target = CACHE / "gif-warm-up.gif"
    measure([*reelpress(), "export", str(source), "-o", str(target), "--resolution", "360p", "--overwrite", "-q"])
    measure([sys.executable, "-c", DECODE, str(source)])
    target.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--gifski", default=shutil.which("gifski"))
    parser.add_argument("--ffmpeg", default=shutil.which("ffmpeg"))
    args = parser.parse_args()
    if args.ffmpeg is None:
        raise SystemExit("There is no ffmpeg on the PATH; give one with --ffmpeg.")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = str(CACHE / "bytecode")
    warm_up()
    said = subprocess.run([args.ffmpeg, "-version"], capture_output=True, text=True, check=True, timeout=20).stdout
    result: dict[str, Any] = {"ffmpeg": said.split("\n")[0].split(" Copyright")[0]}
    for name in PARTS:
        if args.only in (None, name):
            result[name] = one(name, args.ffmpeg, args.runs)
            print(name, result[name])
    if args.gifski is not None and args.only is None:
        rows = [(next(iter(PARTS)), GIFSKI_FRAMES, args.runs), *((name, None, GIFSKI_RUNS) for name in PARTS)]
        result["gifski"] = []
        for name, most, runs in rows:
            result["gifski"].append(against_gifski(args.gifski, args.ffmpeg, name, most, min(runs, args.runs)))
            print("gifski", result["gifski"][-1])
    else:
        result["gifski"] = [{"missing": "there is no gifski on the PATH"}]
    write("gif", f"python benchmarks/gif.py --runs {args.runs}", result)


if __name__ == "__main__":
    main()
