"""The Python API's functions; ``reelpress`` re-exports them and imports this only when one is called."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress.compose.planar import PlanarCompositor
from reelpress.compose.transparent import TransparentCompositor
from reelpress.errors import ReelpressError
from reelpress.export import stages
from reelpress.export.estimates import know_machine
from reelpress.export.prepare import prepare
from reelpress.export.run import run
from reelpress.export.settings import ExportSettings
from reelpress.export.sources import SourcePool
from reelpress.export.watched import watched
from reelpress.media.rgb import available_codecs
from reelpress.recording.load import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reelpress.events import Event
    from reelpress.export.job import Job
    from reelpress.export.plan import ExportPlan
    from reelpress.export.report import ExportReport
    from reelpress.media.planes import Planes
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.recording.model import Recording

__all__ = ["available_codecs", "export", "plan", "probe", "render"]


def export(
    source: Path | str,
    output: Path | str | None = None,
    *,
    settings: ExportSettings | None = None,
    on_event: Callable[[Event], None] | None = None,
    cancel: CancelToken | None = None,
) -> ExportReport:
    """Export a recording to a finished, verified video file.

    Args:
        source: A ``.cap`` folder or any video file.
        output: The file to write; ``None`` is ``./<source stem>.mp4``.
        settings: Options by the names of the command line.
        on_event: Called with every event, in the calling thread.
        cancel: Ends the export within a second, from any thread.

    Returns:
        What was done, with the numbers.

    Raises:
        ReelpressError: See ``reelpress.errors``. No partial output is left, and an existing file is untouched.
    """
    with _prepared(source, output, settings or ExportSettings(), cancel) as job:
        return run(job, on_event=on_event, cancel=cancel)


def plan(
    source: Path | str,
    output: Path | str | None = None,
    *,
    settings: ExportSettings | None = None,
    trial: bool = False,
) -> ExportPlan:
    """Every choice that an export would make, with the reasons. Nothing is written.

    Args:
        source: As of ``export``.
        output: The same.
        settings: The same.
        trial: Take the expected size and time from a trial: parts of the export, in a temporary folder, for about three
            seconds. Where it fails, and where packets are copied, the model's estimate stays (``estimate.by``).

    Raises:
        InputError, UsageError: As ``export`` would.
    """
    know_machine()
    with _prepared(source, output, settings or ExportSettings()) as job:
        if not trial:
            return job.plan
        from reelpress.export.trial import tried

        try:
            estimate = tried(job)
        except ReelpressError as error:
            # what an export would fail with is that export's to say; the plan is what was asked for
            logging.getLogger(__name__).warning("The trial failed: %s", error)
            estimate = None
        return replace(job.plan, estimate=estimate or job.plan.estimate)


def _prepared(
    source: Path | str, output: Path | str | None, settings: ExportSettings, cancel: CancelToken | None = None
) -> Job:
    target = None if output is None else Path(output)
    return watched(
        "prepare", lambda: prepare(Path(source), target, settings), stall_s=settings.stall_timeout, cancel=cancel
    )


def render(source: Path | str, *, settings: ExportSettings | None = None) -> Iterator[Planes]:
    """The output frames as planes, in order, for programs that want pictures instead of a file.

    Runs in the calling thread and starts none. A picture that did not change is the same object again; it must not
    be written to. ``pts`` of the planes is not set: frame ``n`` is shown at ``n / fps``.

    Always composed on the CPU, as yuv420p, whatever ``renderer`` says: the caller takes frames at its own pace, and
    gets the same samples on every machine.

    Raises:
        ReelpressError: As ``export``.
    """
    # Said, so that no GPU is opened and tried for nothing.
    settings = (settings or ExportSettings()).for_pictures(renderer="cpu")
    with prepare(Path(source), None, settings, estimated=False) as job:
        yield from _pictures(job)


def _pictures(job: Job) -> Iterator[Planes]:
    director = job.director
    # one for each kind of track, as in an export: a transition keeps two decoders of each open
    sources = {
        kind: SourcePool(job.recording, threads=job.buffers.decode_threads, decoder=job.ways.decoder_name)
        for kind in dict.fromkeys(stages.kind_of(track.key) for track in director.tracks)
    }
    compositor = TransparentCompositor() if job.output.alpha else PlanarCompositor()
    shown: dict[str, int] = {}
    planes: dict[str, Planes] = {}
    previous = None
    try:
        for index in range(director.frames):
            plan = director.plan(index)
            for picture in stages.fresh(plan, shown):
                pool = sources[stages.kind_of(picture.source)]
                planes[picture.source] = pool.planes(picture.source, picture.frame)
            for gone in planes.keys() - shown.keys():
                del planes[gone]
            previous = compositor.compose(plan, planes, previous)
            yield previous.planes
    finally:
        compositor.close()
        for pool in sources.values():
            pool.close()


def _indexed(source: Path) -> Recording:
    recording = load(source)
    try:
        for track in recording.tracks():
            len(track.index)
    except BaseException:
        recording.close()
        raise
    return recording


def probe(source: Path | str) -> dict[str, Any]:
    """What is in a recording, as JSON types.

    Raises:
        InputError: The source cannot be read.
    """
    with watched("probe", lambda: _indexed(Path(source)), stall_s=ExportSettings().stall_timeout) as recording:
        segments = []
        for segment in recording.segments:
            tracks: list[dict[str, Any]] = []
            for video in segment.video_tracks:
                info = video.info
                tracks.append(
                    {
                        "key": video.key,
                        "codec": info.codec,
                        "width": info.width,
                        "height": info.height,
                        "pixel_format": info.pixel_format,
                        "matrix": str(info.color.matrix),
                        "range": str(info.color.range),
                        "transfer": str(info.color.transfer),
                        "rotation": info.rotation,
                        "sar": str(info.sar),
                        "frames": len(video.index),
                        "fps": None if info.average_fps is None else round(float(info.average_fps), 3),
                        "duration_s": round(float(video.duration), 6),
                        "offset_s": round(float(video.offset), 6),
                    }
                )
            tracks += [
                {
                    "key": audio.key,
                    "codec": audio.info.codec,
                    "sample_rate": audio.info.sample_rate,
                    "channels": audio.info.channels,
                    "duration_s": None if audio.duration is None else round(float(audio.duration), 6),
                    "offset_s": round(float(audio.offset), 6),
                }
                for audio in segment.audio_tracks
            ]
            segments.append(
                {
                    "index": segment.index,
                    "length_s": round(float(segment.length), 6),
                    "tracks": tracks,
                    "pointer_moves": len(segment.pointer.moves),
                    "pointer_clicks": len(segment.pointer.clicks),
                }
            )
        return {
            "name": recording.name,
            "kind": str(recording.kind),
            "source": str(source),
            "segments": segments,
            "pointer_images": len(recording.pointer_images),
            "has_project_file": recording.has_project_file,
            "warnings": list(recording.warnings),
        }
