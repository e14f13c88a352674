"""Other programs with the same sources, the same look and the same picture size, compared at equal quality or size.

Each peer runs at three CRFs. Its quality is that of its file against its own file at CRF 0 (lossless with x264), as
ours is against our own composed pictures: what is measured is what the encoder lost, not how two looks differ. Where
our SSIM lies between theirs, their size is interpolated at it (equal quality); else, where our size lies between
theirs, their SSIM is interpolated at that (equal size); else nothing is claimed. Speed is of whole processes.
"""

from __future__ import annotations

import math
import shlex
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reelpress.errors import ExportError, ReelpressError, SettingsError
from reelpress.pipeline.trace import names_only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reelpress.bench.processes import Finished
    from reelpress.bench.scenarios import Ready
    from reelpress.export.job import Job

STEPS = (-3.0, 0.0, 4.0)
"""Around our own CRF."""

VERSION_S = 30.0
"""A program that does not tell its version in this time is not used."""

SLOW_S = 20.0
"""A program that takes longer than this for the scenario is timed once at each CRF."""

FIELDS = ("source", "output", "width", "height", "fps", "crf")


@dataclass(frozen=True, slots=True)
class Peer:
    """A program.

    ``template`` is a command line with ``{source}``, ``{output}``, ``{width}``, ``{height}``, ``{fps}`` and ``{crf}``.
    Of the other kinds it is only there to be read: their commands are made here, and run with ``program``.
    """

    id: str
    title: str
    template: str = ""
    missing: str | None = None
    kind: Literal["template", "ffmpeg", "moviepy"] = "template"
    program: str = ""
    """ffmpeg, or the Python that has MoviePy."""

    def described(self) -> dict[str, Any]:
        """As in ``peers`` of a result, without places on this machine."""
        return {"id": self.id, "title": self.title, "command": names_only(self.template), "missing": self.missing}


FFMPEG_GRAPH = "-i {source} (background and mask) -filter_complex scale, alphamerge, overlay -crf {crf} {output}"
MOVIEPY_CALLS = "python (VideoFileClip, with_mask, CompositeVideoClip)"


def usual() -> list[Peer]:
    """Those of ``--peers``: imageio-ffmpeg's ffmpeg and that of the system, and MoviePy where it is installed."""
    found = []
    try:
        import imageio_ffmpeg  # type: ignore[import-untyped, import-not-found, unused-ignore]
    except ImportError:
        pass
    else:
        found.append(ffmpeg(str(imageio_ffmpeg.get_ffmpeg_exe()), of="imageio-ffmpeg"))
    if program := shutil.which("ffmpeg"):
        found.append(ffmpeg(program, "ffmpeg-system", of="the system's") if found else ffmpeg(program))
    if not found:
        missing = "There is no ffmpeg here (pip install imageio-ffmpeg)."
        found.append(Peer("ffmpeg", "ffmpeg, the same look", f"ffmpeg {FFMPEG_GRAPH}", missing, "ffmpeg"))
    return [*found, moviepy(sys.executable)]


def ffmpeg(program: str, id_: str = "ffmpeg", *, of: str = "") -> Peer:
    """ffmpeg with scale, alphamerge and overlay over a prepared background."""
    said = _said([program, "-hide_banner", "-version"])
    words = said.split()
    version = words[2] if words[:2] == ["ffmpeg", "version"] else ""
    missing = None if version else f"{Path(program).name} is no ffmpeg that runs here."
    title = f"ffmpeg{f' {version}' if version else ''}{f' ({of})' if of else ''}, the same look"
    return Peer(id_, title, f"ffmpeg {FFMPEG_GRAPH}", missing, "ffmpeg", program)


def moviepy(python: str, id_: str = "moviepy") -> Peer:
    """MoviePy with the same geometry, run by a Python that has it."""
    version = _said([python, "-c", "import moviepy; print(moviepy.__version__)"]).strip()
    missing = None
    if not version:
        missing = (
            "MoviePy is not installed in this Python. It wants an older Pillow than Reelpress: give it an environment "
            f'of its own: --peer "{id_}=moviepy:PYTHON", where PYTHON is that environment\'s interpreter.'
        )
    title = f"MoviePy{f' {version}' if version else ''}, the same look"
    return Peer(id_, title, MOVIEPY_CALLS, missing, "moviepy", python)


def _said(command: list[str]) -> str:
    """What a command writes to stdout; nothing where it cannot be run, fails or takes long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=VERSION_S)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def given(text: str) -> Peer:
    """``name=command`` of ``--peer``; ``name=ffmpeg:PROGRAM`` and ``name=moviepy:PYTHON`` are the built-in ones run
    by another program.

    Raises:
        SettingsError: Another form, or a field that is not known.
    """
    name, sign, template = (part.strip() for part in text.partition("="))
    if not sign or not name or not template:
        raise SettingsError(f'--peer {text!r} is not of the form "name=command {{source}} {{output}} ...".')
    kind, _, program = template.partition(":")
    if kind in ("ffmpeg", "moviepy") and program:
        return ffmpeg(program, name, of=name) if kind == "ffmpeg" else moviepy(program, name)
    try:
        template.format(**dict.fromkeys(FIELDS, ""))
    except (KeyError, IndexError, ValueError):
        allowed = ", ".join(f"{{{f}}}" for f in FIELDS)
        raise SettingsError(f"--peer {name}: the command has a field that is not known. Known are {allowed}.") from None
    for needed in ("{source}", "{output}"):
        if needed not in template:
            raise SettingsError(f"--peer {name}: the command must have {needed}.")
    return Peer(name, name, template)


def compare_peers(
    peers: Sequence[Peer],
    ready: Ready,
    rows: Sequence[dict[str, Any]],
    folder: Path,
    say: Callable[[str], None],
    process: Callable[[Sequence[str]], Finished],
    runs: int,
) -> list[dict[str, Any]]:
    """``peer_results`` of one scenario."""
    found = []
    mine = next((r for r in rows if (r["path"], r["encoder"], r["missing"]) == ("planar", "x264", None)), None)
    for peer in peers:
        reason = peer.missing or ready.missing or _unfit(ready, mine)
        if reason is not None or mine is None:
            found.append(
                {"scenario": ready.scenario.id, "peer": peer.id, "missing": reason or "Ours was not measured."}
            )
            continue
        say(f"{ready.scenario.title}: {peer.title}")
        try:
            found.append(_compared(peer, ready, mine, folder, process, runs))
        except ReelpressError as error:
            found.append({"scenario": ready.scenario.id, "peer": peer.id, "missing": names_only(str(error))})
    return found


def _unfit(ready: Ready, mine: dict[str, Any] | None) -> str | None:
    if mine is None:
        return "Ours was not measured in this scenario, so there is nothing to compare with."
    if mine["quality"]["missing"] is not None:
        return f"Ours was not judged: {mine['quality']['missing']}"
    if ready.scenario.kind in ("desktop", "still", "motion") and not ready.scenario.fragmented:
        return None
    return "Peers are given a plain video with one look; this scenario is a project with more in it."


def _compared(
    peer: Peer,
    ready: Ready,
    mine: dict[str, Any],
    folder: Path,
    process: Callable[[Sequence[str]], Finished],
    runs: int,
) -> dict[str, Any]:
    from reelpress.bench.paths import chosen_ways
    from reelpress.bench.worker import settings_of
    from reelpress.export.prepare import prepare
    from reelpress.quality.compare import compare

    assert ready.source is not None
    ours_file, output = folder / "ours.mp4", folder / "peer.mp4"
    with prepare(ready.source, ours_file, settings_of(ready.options)) as job:
        command = _command(peer, job, ready, folder)
        crf, frames, job_size, rate = job.rate.crf, job.director.frames, job.director.size, Fraction(job.director.fps)
    # as our planar row was measured, whose quality stands beside it
    own_options = {**ready.options, **chosen_ways(["planar"])[0].settings}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in own_options.items()]
    mine_command = [sys.executable, "-m", "reelpress", "export", str(ready.source), "-o", str(ours_file)]
    mine_command += ["--overwrite", "-q", *options]
    lossless = folder / "lossless.mp4"
    if process(command(0.0, lossless)).wall_s > SLOW_S:
        runs = 1
    _fits(lossless, job_size, frames)
    # the same frames are judged as of ours
    every, window = mine["quality"]["every"], mine["quality"]["of_frames"]
    end = None if window >= frames else Fraction(window) / rate
    timed: dict[float, list[Finished]] = {step: [] for step in STEPS}
    ours: list[Finished] = []
    judged: dict[float, tuple[int, float, float]] = {}
    for n in range(runs):
        ours.append(process(mine_command))
        for step in STEPS:
            timed[step].append(process(command(crf + step, output)))
            if n == runs - 1:
                report = compare(lossless, output, worst=0, every=every, end=end)
                judged[step] = (output.stat().st_size, report.ssim.mean.y, report.psnr.mean.y)
    points = []
    for step in STEPS:
        size, ssim, psnr = judged[step]
        wall = statistics.median(f.wall_s for f in timed[step])
        points.append(
            {
                "crf": crf + step,
                "wall_s": round(wall, 4),
                "fps": round(frames / wall, 2),
                "cpu_s": round(statistics.median(f.cpu_s for f in timed[step]), 4),
                "peak_rss_bytes": max(f.peak_rss_bytes for f in timed[step]),
                "size_bytes": size,
                "ssim": round(ssim, 6),
                "psnr_db": round(psnr, 4) if math.isfinite(psnr) else None,
            }
        )
    wall = statistics.median(f.wall_s for f in ours)
    own = {
        "wall_s": round(wall, 4),
        "fps": round(frames / wall, 2),
        "size_bytes": ours_file.stat().st_size,
        "ssim": mine["quality"]["ssim"]["y"],
    }
    found = {"scenario": ready.scenario.id, "peer": peer.id, "missing": None, "runs": runs}
    return found | verdict(peer.title, own, points)


def _fits(path: Path, size: tuple[int, int], frames: int) -> None:
    """Refuse a file that shows something else than was asked for.

    Raises:
        ExportError: Another picture size, or frames that are missing or too many.
    """
    from reelpress.media.index import build_index
    from reelpress.media.probe import probe

    video = probe(path).video
    if video is None:
        raise ExportError("Its file has no video.")
    if (video.width, video.height) != size:
        raise ExportError(f"Its pictures are {video.width}x{video.height} and not {size[0]}x{size[1]}.")
    count = len(build_index(path, video.index))
    if abs(count - frames) > max(1, frames // 50):
        raise ExportError(f"Its file has {count} pictures and not {frames}.")


def verdict(title: str, ours: dict[str, Any], points: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compare ours with a peer's points: at equal quality, else at equal size, else not at all. Pure arithmetic."""
    by_quality = sorted((p for p in points if p["ssim"] is not None), key=lambda p: p["ssim"])
    out: dict[str, Any] = {
        "points": list(points),
        "ours": ours,
        "compared_at": None,
        "speed_ratio": None,
        "size_ratio": None,
        "ssim_difference": None,
    }
    mine = ours["ssim"]
    if mine is not None and by_quality and by_quality[0]["ssim"] <= mine <= by_quality[-1]["ssim"]:
        size = math.exp(_between(mine, [(p["ssim"], math.log(p["size_bytes"])) for p in by_quality]))
        rate = _between(mine, [(p["ssim"], p["fps"]) for p in by_quality])
        out |= {
            "compared_at": "equal quality",
            "speed_ratio": round(ours["fps"] / rate, 4),
            "size_ratio": round(ours["size_bytes"] / size, 4),
        }
        change = 100 * (out["size_ratio"] - 1)
        out["sentence"] = (
            f"At equal quality (SSIM {mine:.4f}) ours is {out['speed_ratio']:.2f} times as fast as {title}, and its "
            f"file is {abs(change):.0f} % {'larger' if change > 0 else 'smaller'}."
        )
        return out
    by_size = sorted(by_quality, key=lambda p: p["size_bytes"])
    own = ours["size_bytes"]
    if mine is not None and by_size and by_size[0]["size_bytes"] <= own <= by_size[-1]["size_bytes"]:
        at = math.log(own)
        ssim = _between(at, [(math.log(p["size_bytes"]), p["ssim"]) for p in by_size])
        rate = _between(at, [(math.log(p["size_bytes"]), p["fps"]) for p in by_size])
        out |= {
            "compared_at": "equal size",
            "speed_ratio": round(ours["fps"] / rate, 4),
            "ssim_difference": round(mine - ssim, 6),
        }
        out["sentence"] = (
            f"At equal size ({own} bytes) ours is {out['speed_ratio']:.2f} times as fast as {title}, and its SSIM is "
            f"{abs(mine - ssim):.4f} {'higher' if mine >= ssim else 'lower'}."
        )
        return out
    out["sentence"] = f"Neither our quality nor our size lies between those of {title} at its CRFs; nothing is claimed."
    return out


def _between(x: float, points: Sequence[tuple[float, float]]) -> float:
    """Linear between the two points around ``x``; ``points`` rise in x."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[0][1]


# -- commands ----------------------------------------------------------------------------------------------------------


def _command(peer: Peer, job: Job, ready: Ready, folder: Path) -> Callable[[float, Path], list[str]]:
    assert ready.source is not None
    video = ready.source / "content/segments/segment-0/display.mp4"
    if peer.kind == "ffmpeg":
        return _ffmpeg_command(peer.program, job, video, folder)
    if peer.kind == "moviepy":
        return _moviepy_command(peer.program, job, video, folder)
    width, height = job.director.size

    def command(crf: float, output: Path) -> list[str]:
        values = {
            "source": str(video),
            "output": str(output),
            "width": width,
            "height": height,
            "fps": _rate(job.director.fps),
            "crf": f"{crf:g}",
        }
        return [part.format(**values) for part in shlex.split(peer.template)]

    return command


def _rate(fps: Fraction) -> str:
    return str(fps.numerator) if fps.denominator == 1 else f"{fps.numerator}/{fps.denominator}"


def art(job: Job, folder: Path) -> tuple[Path, Path, tuple[int, int, int, int]]:
    """Background with shadow and corner mask as pictures, by our own first frame's geometry; and the card's place."""
    import numpy as np
    from PIL import Image

    from reelpress.bench.baseline import BaselineCompositor
    from reelpress.scene.plan.layers import PictureLayer
    from reelpress.scene.plan.rect import IntRect

    plan = job.director.plan(0)
    card = next(layer for layer in plan.layers if isinstance(layer, PictureLayer))
    compositor = BaselineCompositor()
    background, mask = folder / "background.png", folder / "mask.png"
    Image.fromarray(compositor.ground(plan)[..., :3]).save(background)
    x, y, w, h = (round(v) for v in (card.rect.x, card.rect.y, card.rect.w, card.rect.h))
    Image.fromarray(np.asarray(compositor.mask(card.shape, IntRect(x, y, w, h)))).save(mask)
    compositor.close()
    return background, mask, (x, y, w, h)


def _ffmpeg_command(program: str, job: Job, video: Path, folder: Path) -> Callable[[float, Path], list[str]]:
    from reelpress.pipeline.machine import cores

    background, mask, (x, y, w, h) = art(job, folder)
    rate = _rate(job.director.fps)
    frames = job.director.frames
    graph = (
        f"[0:v]fps={rate},scale={w}:{h}:flags=bicubic[s];[2:v]format=gray[m];[s][m]alphamerge[c];"
        f"[1:v][c]overlay={x}:{y}:shortest=1,format=yuv420p[v]"
    )
    gop = max(1, round(job.director.fps * job.settings.gop))

    def command(crf: float, output: Path) -> list[str]:
        line = [program, "-y", "-v", "error", "-threads", str(cores()), "-i", str(video)]
        for picture in (background, mask):
            line += ["-loop", "1", "-r", rate, "-i", str(picture)]
        line += ["-filter_complex", graph, "-map", "[v]", "-an", "-frames:v", str(frames)]
        line += ["-c:v", "libx264", "-preset", job.rate.preset, "-crf", f"{crf:g}", "-g", str(gop)]
        if crf > 0 and job.rate.maxrate is not None:
            line += ["-maxrate", str(job.rate.maxrate), "-bufsize", str(job.rate.bufsize)]
        return [*line, "-threads", str(cores()), "-movflags", "+faststart", str(output)]

    return command


_MOVIEPY = """
import sys
import numpy as np
from moviepy import CompositeVideoClip, ImageClip, VideoFileClip
from PIL import Image
video, background, mask, x, y, w, h, fps, crf, preset, output = sys.argv[1:]
clip = VideoFileClip(video).resized((int(w), int(h)))
cut = ImageClip(np.asarray(Image.open(mask)) / 255.0, is_mask=True, duration=clip.duration)
card = clip.with_mask(cut).with_position((int(x), int(y)))
whole = CompositeVideoClip([ImageClip(background, duration=clip.duration), card])
whole.write_videofile(output, fps=float(fps), codec="libx264", preset=preset, audio=False, logger=None,
                      ffmpeg_params=["-crf", crf, "-pix_fmt", "yuv420p"])
"""


def _moviepy_command(python: str, job: Job, video: Path, folder: Path) -> Callable[[float, Path], list[str]]:
    background, mask, place = art(job, folder)
    fps = f"{float(job.director.fps):g}"

    def command(crf: float, output: Path) -> list[str]:
        values = [str(video), str(background), str(mask), *map(str, place), fps, f"{crf:g}", job.rate.preset]
        return [python, "-c", _MOVIEPY, *values, str(output)]

    return command
