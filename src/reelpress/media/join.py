"""Joining finished pieces of one track by stream copy: the groups of a recorder that was started again.

Pieces that belong to one initialisation segment need none of this, their bytes are simply put one after another
(``recording.fragments``). Here each piece has its own header, so packets are copied and their times moved on.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from reelpress.errors import UnreadableInputError
from reelpress.media._av import input_errors, open_input, packets_of
from reelpress.media.pulse import beat

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from av.container import OutputContainer


def join_files(parts: Sequence[Path], target: Path, kind: Literal["video", "audio"]) -> tuple[str, ...]:
    """Copy the first video or audio stream of all ``parts``, one after another, into the MP4 file ``target``.

    The first packet of a part is shown when the last packet of the part before it ends; decoding times are forced to
    grow. A part that cannot be read, or whose codec setup differs from the first one's, is left out.

    Returns:
        Warnings, one for each part left out.

    Raises:
        UnreadableInputError: No part could be used, or the target cannot be written.
    """
    warnings: list[str] = []
    joined: _Joined | None = None
    try:
        with av.open(str(target.absolute()), "w", format="mp4") as output:
            for part in parts:
                try:
                    joined = _append(part, output, kind, joined)
                except UnreadableInputError as error:
                    warnings.append(f"{error} It was left out of the joined track.")
            if joined is None:
                raise UnreadableInputError(warnings[0] if warnings else f"{target}: there is nothing to join.")
    except UnreadableInputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        raise UnreadableInputError(f"{parts[0]}: could not be joined with what follows it ({error}).") from error
    return tuple(warnings)


class _Joined:
    """The output stream and where it ends."""

    def __init__(self, stream: Any, setup: tuple[object, ...]) -> None:
        self.stream = stream
        self.setup = setup
        self.end = Fraction(0)
        """Seconds."""
        self.dts: Fraction | None = None


def _append(part: Path, output: OutputContainer, kind: str, joined: _Joined | None) -> _Joined:
    with open_input(part) as source, input_errors(part, "joining it"):
        stream = next((s for s in source.streams if s.type == kind and s.codec_context is not None), None)
        if not isinstance(stream, VideoStream | AudioStream) or stream.time_base is None:
            raise UnreadableInputError(f"{part}: holds no {kind}.")
        setup = _setup(stream)
        if joined is None:
            joined = _Joined(output.add_stream_from_template(stream), setup)
        elif joined.setup != setup:
            raise UnreadableInputError(f"{part}: was recorded with other codec settings than the piece before it.")
        base: Fraction = stream.time_base
        shift: Fraction | None = None
        for packet in packets_of(source, stream):
            beat()
            if packet.size == 0 or packet.pts is None or (kind == "audio" and packet.is_discard):
                continue
            pts = packet.pts * base
            dts = (packet.dts if packet.dts is not None else packet.pts) * base
            if shift is None:
                shift = joined.end - pts
            pts, dts = pts + shift, dts + shift
            step = Fraction(1, 90_000)
            if joined.dts is not None and dts <= joined.dts:
                dts = joined.dts + step
            joined.dts = dts
            joined.end = max(joined.end, pts + (packet.duration or 0) * base)
            packet.time_base = Fraction(1, 90_000) if kind == "video" else base
            packet.pts = round(max(pts, dts) / packet.time_base)
            packet.dts = round(dts / packet.time_base)
            if packet.duration:
                packet.duration = round(packet.duration * base / packet.time_base)
            packet.stream = joined.stream
            output.mux(packet)
    return joined


def _setup(stream: VideoStream | AudioStream) -> tuple[object, ...]:
    """What must be the same in all parts: a player reads it once."""
    context = stream.codec_context
    if isinstance(stream, VideoStream):
        size: tuple[int, ...] = (stream.codec_context.width, stream.codec_context.height)
    else:
        size = (stream.codec_context.sample_rate,)
    return (context.name, bytes(context.extradata or b""), *size)
