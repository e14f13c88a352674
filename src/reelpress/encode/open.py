"""A file's writer and the encoder before it, for each way of treating unchanged pictures (``--unchanged``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from reelpress.encode.every import EveryFrame
from reelpress.encode.splice.errors import SpliceRefused
from reelpress.encode.splice.policy import Policy, PolicyLimits
from reelpress.encode.splice.session import SpliceSession
from reelpress.encode.splice.stream import Splicer
from reelpress.encode.splice.transplant import MAX_SLICES, Transplanter, patch_qp
from reelpress.encode.vfr import VariableRate
from reelpress.media.labels import NO_LABELS, Labels
from reelpress.media.mux import Mp4Writer
from reelpress.media.patch_encoder import PatchEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.encode.base import Encoder, Writer
    from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
    from reelpress.media.pipe import PipeSink
    from reelpress.media.text_track import TextTrackSettings

Unchanged = Literal["splice", "vfr", "encode"]

KEYS_ON_DEMAND = "min-keyint=1"
"""Where the scene changes x264 may start anew, but then by an IDR picture: other I pictures are taken for key frames by
some demuxers and are none."""

SPLICEABLE_B_FRAMES = "b-pyramid=none:weightb=0:direct=spatial"
"""B pictures that no other refers to, and that mean the same however far apart the pictures around them are shown."""

MOST_MACROBLOCKS = 139_264
"""Of a picture, at the highest level (H.264 table A-1, 6.2)."""

WITHOUT_TREE = frozenset({"ultrafast", "superfast"})
"""x264 presets that have no macroblock-tree."""


@dataclass(frozen=True, slots=True)
class OpenOutput:
    """A file that is being written and what pictures are given to."""

    writer: Writer
    encoder: Encoder
    unchanged: Unchanged
    refused: str | None = None
    """Why the stream cannot be spliced, where it was asked for."""


def open_output(
    path: Path,
    spec: EncoderSpec,
    unchanged: Unchanged,
    *,
    noisy: bool = False,
    audio: AudioEncoderSpec | None = None,
    text: TextTrackSettings | None = None,
    container: str = "mp4",
    labels: Labels = NO_LABELS,
    sink: PipeSink | None = None,
) -> OpenOutput:
    """Open the file and its encoder.

    Args:
        path: Created, or emptied when it exists.
        spec: As for an export in which every frame is encoded.
        unchanged: What is wanted. Where ``splice`` is refused by what the encoder's parameter sets say, ``vfr`` is
            taken.
        noisy: The source was encoded before (:class:`PolicyLimits`).
        audio, text: Tracks beside the pictures.
        container, labels, sink: As :class:`Mp4Writer` has them.

    Raises:
        OutputError, EncoderError, OutOfMemoryError: As ``Mp4Writer``.
    """
    if unchanged == "encode":
        writer = Mp4Writer(path, video=spec, audio=audio, text=text, container=container, labels=labels, sink=sink)
        return OpenOutput(writer, EveryFrame(writer.video), unchanged)
    refused = unspliceable(spec) if unchanged == "splice" else None
    unchanged = "vfr" if refused is not None else unchanged
    if unchanged == "splice":
        try:
            return _splicing(path, spec, audio, text, container, noisy=noisy, labels=labels, sink=sink)
        except SpliceRefused as refusal:
            refused = refusal.reason
    # Without B-frames, so that pictures leave the encoder in the order in which they are shown.
    told = _told(spec, KEYS_ON_DEMAND, bf="0")
    writer = Mp4Writer(path, video=told, audio=audio, text=text, container=container, labels=labels, sink=sink)
    return OpenOutput(writer, VariableRate(writer.video, spec.gop_frames), "vfr", refused)


def unspliceable(spec: EncoderSpec) -> str | None:
    """Why the stream of an encoder opened with ``spec`` cannot be spliced, as a clause; ``None``: nothing is known.

    What x264 writes into its parameter sets is foretold here for the plan; they are read when it is open.
    """
    if spec.codec != "libx264":
        return f"only the streams of libx264 can be spliced, not those of {spec.codec}"
    if spec.crf < 1:  # x264 takes the whole part as QP, and QP 0 as lossless (H.264 7.4.2.1: profile 244)
        return "below CRF 1 x264 encodes without loss, in a profile whose streams cannot be spliced"
    if spec.gop_frames == 1:
        return "every picture is a key frame, and those inserted are predicted from others"
    if -(-spec.width // 16) * -(-spec.height // 16) > MOST_MACROBLOCKS:
        return f"{spec.width}x{spec.height} is more than any level of H.264 allows"
    return None


def _told(spec: EncoderSpec, options: str, **extra: str) -> EncoderSpec:
    """``spec`` with more options for x264; key frames asked for are real ones."""
    if spec.codec != "libx264":
        return replace(spec, extra={**spec.extra, **extra})
    joined = ":".join(filter(None, (spec.extra.get("x264-params"), options)))
    return replace(spec, extra={**spec.extra, **extra, "forced-idr": "1", "x264-params": joined})


def _splicing(
    path: Path,
    spec: EncoderSpec,
    audio: AudioEncoderSpec | None,
    text: TextTrackSettings | None,
    container: str,
    *,
    noisy: bool,
    labels: Labels,
    sink: PipeSink | None,
) -> OpenOutput:
    tiny = PatchEncoder(spec.pixel_format)
    editors: list[Splicer] = []

    def edited(parameter_sets: bytes) -> bytes:
        editors.append(Splicer(parameter_sets, patch_pps=tiny.pps))
        return editors[0].header

    asked = _told(spec, f"{KEYS_ON_DEMAND}:{SPLICEABLE_B_FRAMES}")
    writer = Mp4Writer(
        path, video=asked, audio=audio, text=text, container=container, labels=labels, sink=sink, parameter_sets=edited
    )
    splicer = editors[0]
    tree = spec.preset not in WITHOUT_TREE and spec.lookahead != 0
    try:
        patches = Transplanter(tiny, patch_qp(spec.crf, tree=tree), min(MAX_SLICES, splicer.max_slices))
    except SpliceRefused:
        writer.abort()
        raise
    rate = spec.maxrate if spec.maxrate is not None else 0.1 * spec.width * spec.height * float(spec.fps)
    per_frame = rate / 1.5 / float(spec.fps) / 8
    limits = PolicyLimits.of(spec.width, spec.height, spec.gop_frames, per_frame, noisy=noisy)
    return OpenOutput(writer, SpliceSession(writer.video, splicer, patches, Policy(limits)), "splice")
