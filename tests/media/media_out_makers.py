"""Small inputs for the tests of the output side, made with the plainest means."""

from __future__ import annotations

import struct
import wave
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from reelpress.color import BT709_LIMITED, ColorSpec
from reelpress.media.encoder import AudioEncoderSpec, EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.planes import Planes

if TYPE_CHECKING:
    from pathlib import Path

W, H = 64, 48


def blank(width: int = W, height: int = H, format_name: str = "yuv420p", color: ColorSpec = BT709_LIMITED) -> Planes:
    """A picture whose memory belongs to a PyAV frame, as compositors allocate it."""
    frame = av.VideoFrame(width, height, format_name)
    views = []
    for index, plane in enumerate(frame.planes):
        used = width if index == 0 or format_name == "nv12" else width // 2
        data = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
        views.append(data[:, :used])
    return Planes(format_name, width, height, tuple(views), color, owner=frame)


def draw(planes: Planes, number: int) -> Planes:
    """Fill with something that differs from number to number and has some detail."""
    for index, plane in enumerate(planes.planes):
        rows, columns = plane.shape
        y, x = np.mgrid[0:rows, 0:columns]
        plane[:] = (40 + 3 * number + 2 * x * (index + 1) + y * 5) % 180 + 30
    return planes


def settings(fps: Fraction | int = 30, **changes: Any) -> EncoderSpec:
    values: dict[str, Any] = {"width": W, "height": H, "fps": Fraction(fps), "preset": "ultrafast", "gop_frames": 10}
    values.update(changes)
    return EncoderSpec(**values)


def write_video(
    path: Path,
    frames: int = 25,
    fps: Fraction | int = 30,
    samples: np.ndarray[Any, np.dtype[np.float32]] | None = None,
    faststart: bool = True,
    **changes: Any,
) -> None:
    """A finished file with ``frames`` moving pictures and perhaps sound."""
    audio = None if samples is None else AudioEncoderSpec()
    writer = Mp4Writer(path, video=settings(fps, **changes), audio=audio, faststart=faststart)
    picture = blank(writer.video.spec.width, writer.video.spec.height, color=writer.video.spec.color)
    for number in range(frames):
        writer.mux(writer.video.encode(draw(picture, number), number))
    writer.mux(writer.video.flush())
    if samples is not None and writer.audio is not None:
        writer.mux(writer.audio.encode(samples, 0))
        writer.mux(writer.audio.flush())
    writer.finish()


def write_wav(path: Path, samples: np.ndarray[Any, Any], rate: int = 48_000) -> Path:
    """16-bit WAV of float samples (channels, n)."""
    codes = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(codes.shape[0])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(codes.T.tobytes())
    return path


def write_sound(
    path: Path,
    codec: str,
    samples: np.ndarray[Any, np.dtype[np.float32]],
    rate: int,
    layout: str,
    shift: dict[int, int] | None = None,
) -> Path:
    """Encode samples (channels, n); ``shift`` moves the timestamps from a frame number on by so many samples."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        context: Any = stream.codec_context
        context.layout = layout
        context.open()
        size = context.frame_size or 1024
        to_codec = av.AudioResampler(format=context.format.name, layout=layout, rate=rate)
        moved = 0
        for number, start in enumerate(range(0, samples.shape[1], size)):
            moved += (shift or {}).get(number, 0)
            part = np.ascontiguousarray(samples[:, start : start + size])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout=layout)
            frame.sample_rate = rate
            for piece in to_codec.resample(frame):
                piece.pts = start + moved
                piece.time_base = Fraction(1, rate)
                container.mux(context.encode(piece))
        container.mux(context.encode(None))
    return path


def boxes(data: bytes, skip: int = 0) -> dict[str, list[bytes]]:
    """Contents of the boxes in ``data``, by type; a second reader beside the one under test."""
    found: dict[str, list[bytes]] = {}
    at = skip
    while at + 8 <= len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        found.setdefault(data[at + 4 : at + 8].decode("latin-1"), []).append(data[at + 8 : at + size])
        at += size
    return found


def tracks(data: bytes) -> list[dict[str, Any]]:
    """Per track of an MP4: media header, edit list, sample entry with its boxes."""
    result = []
    for trak in boxes(boxes(data)["moov"][0])["trak"]:
        inside = boxes(trak)
        mdia = boxes(inside["mdia"][0])
        stbl = boxes(boxes(mdia["minf"][0])["stbl"][0])
        entry = boxes(stbl["stsd"][0], 8)
        name, body = next(iter(entry.items()))
        result.append(
            {
                "handler": mdia["hdlr"][0][8:12].decode(),
                "tkhd": inside["tkhd"][0],
                "mdhd": mdia["mdhd"][0],
                "elst": boxes(inside["edts"][0])["elst"][0] if "edts" in inside else None,
                "codec": name,
                "entry": boxes(body[0], 78) if name == "avc1" else {},
                "stbl": stbl,
            }
        )
    return result


def sps_fields(avcc: bytes) -> dict[str, int]:
    """Colour and level out of an avcC box, read bit by bit as H.264 7.3.2.1.1 and E.1.1 say (High profile or lower)."""
    length = int.from_bytes(avcc[6:8], "big")
    raw = avcc[8 : 8 + length].replace(b"\x00\x00\x03", b"\x00\x00")
    text = "".join(f"{byte:08b}" for byte in raw)
    at = 32

    def u(count: int) -> int:
        nonlocal at
        at += count
        return int(text[at - count : at], 2) if count else 0

    def ue() -> int:
        zeros = 0
        while not u(1):
            zeros += 1
        return 2**zeros - 1 + u(zeros)

    found = {"profile": raw[1], "level": raw[3]}
    ue()
    if raw[1] >= 100:
        assert ue() == 1
        ue()
        ue()
        u(1)
        assert u(1) == 0
    ue()
    if ue() == 0:
        ue()
    ue()
    u(1)
    ue()
    ue()
    assert u(1) == 1
    u(1)
    if u(1):
        for _ in range(4):
            ue()
    assert u(1) == 1, "no VUI"
    if u(1) and u(8) == 255:
        u(32)
    if u(1):
        u(1)
    found["signal_type"] = u(1)
    if found["signal_type"]:
        u(3)
        found["full_range"] = u(1)
        found["described"] = u(1)
        if found["described"]:
            found.update(primaries=u(8), transfer=u(8), matrix=u(8))
    found["chroma_location"] = u(1)
    return found
