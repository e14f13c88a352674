"""Video and audio encoder sessions: pictures and samples in, :class:`EncodedPacket` out.

A session belongs to one thread at a time and starts none of its own besides the encoder's. The work inside a call
runs without the GIL. Sessions are made by :class:`reelpress.media.mux.Mp4Writer`, which also writes the header.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.frame import PictureType

from reelpress.clock import AUDIO_RATE
from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Primaries, Range, Siting, Transfer
from reelpress.errors import EncoderError, FormatError, SettingsError
from reelpress.media.codec_options import codec_of, options_of
from reelpress.media.faults import encoding, writing
from reelpress.media.packets import EncodedPacket, strip_user_data
from reelpress.media.scale import Scaler

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.audio.codeccontext import AudioCodecContext
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext

    from reelpress.media.planes import Plane, Planes

PIXEL_FORMATS = ("yuv420p", "nv12")
"""What the H.264 encoder takes as it is."""

DEEP_FORMATS = ("yuv422p10le", "yuva444p10le")
"""What ProRes takes: 10 bits in words of 16, rows as bytes."""

UPLOADED_FORMATS = ("bgra",)
"""What is copied into frames of an encoder's device, for it to convert by itself (``EncoderSpec.device``)."""

AAC_FRAME = 1024
"""Samples in an AAC-LC frame, and the encoder's priming (ISO/IEC 14496-3)."""

FORMATS_OF = {
    "prores_ks": DEEP_FORMATS,
    "png": ("rgb24", "rgba"),
    "apng": ("rgb24", "rgba"),
    "webp": ("rgb24", "rgba"),
    "gif": (*PIXEL_FORMATS, "yuva420p"),
}
"""What encoders take that are not for 8-bit 4:2:0."""

_SOUND: dict[str, tuple[str, int]] = {
    "aac": ("fltp", AAC_FRAME),
    "libopus": ("flt", 960),
    "pcm_s16le": ("s16", 4800),
    "pcm_s24le": ("s32", 4800),
}
"""Of each audio encoder the format of its samples and how many it takes at a time (Opus: 20 ms; PCM: any)."""

# H.273 code points written to the SPS and the container.
MATRIX_POINT = {Matrix.BT709: 1, Matrix.BT601: 6, Matrix.BT2020: 9, Matrix.SMPTE240M: 7, Matrix.FCC: 4}
PRIMARIES_POINT = {
    Primaries.BT709: 1,
    Primaries.BT601_625: 5,
    Primaries.BT601_525: 6,
    Primaries.BT2020: 9,
    Primaries.DISPLAY_P3: 12,
}
RANGE_POINT = {Range.LIMITED: 1, Range.FULL: 2}
"""FFmpeg's AVColorRange, not the bit of the bitstream."""
TRANSFER_POINT = {Transfer.SDR: 1, Transfer.LINEAR: 8, Transfer.PQ: 16, Transfer.HLG: 18}
_LOCATION = {Siting.LEFT: "left", Siting.CENTER: "center", Siting.TOP_LEFT: "topleft"}


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Everything the video encoder is told. Sizes in pixels, rates in bits per second."""

    width: int
    """Even, at least 2."""
    height: int
    """Even, at least 2."""
    fps: Fraction
    """Constant frame rate; a tick of ``pts`` is 1/fps."""
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    """``yuv420p`` or ``nv12``, which the encoder takes without a conversion; ``bgra`` with ``device``."""
    color: ColorSpec = BT709_LIMITED
    """Of the video. Pictures are given in it, but BGRA in R'G'B' (:attr:`taken`)."""
    device: str | None = None
    """Device type (FFmpeg's name: ``videotoolbox``) into whose frames PyAV copies each picture as it is, so that the
    system converts it inside the encoder; ``None``: the encoder is given the pictures in memory."""
    crf: float = 23.0
    """0..51, lower is better and larger."""
    maxrate: int | None = None
    """Peak bit rate of the VBV model; ``None`` switches VBV off."""
    bufsize: int | None = None
    """Bits in the VBV buffer; ``None`` is twice ``maxrate``."""
    preset: str = "veryfast"
    gop_frames: int = 120
    """Longest distance of key frames; the encoder puts more where the scene changes."""
    threads: int = 2
    """Frame threads; each holds a few pictures."""
    lookahead: int | None = None
    """Frames the rate control looks ahead, each held in memory; ``None`` leaves it to the preset."""
    external_conversion: bool = True
    """Whether other formats and sizes are refused (True) or converted and counted (False, benchmarks only)."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """More encoder options by the library's names; they win over those above."""

    def __post_init__(self) -> None:
        if self.width < 2 or self.height < 2 or self.width % 2 or self.height % 2:
            raise SettingsError(f"The output size {self.width}x{self.height} cannot be encoded; both must be even.")
        allowed = UPLOADED_FORMATS if self.device is not None else FORMATS_OF.get(self.codec, PIXEL_FORMATS)
        if self.pixel_format not in allowed:
            raise FormatError(f"The encoder was asked for {self.pixel_format}; allowed: {', '.join(allowed)}.")
        if self.fps <= 0:
            raise SettingsError(f"A frame rate of {self.fps} is not possible; it must be above 0.")

    @property
    def taken(self) -> ColorSpec:
        """The colour of the pictures that are given."""
        return SRGB if self.device is not None else self.color

    def options(self) -> dict[str, str]:
        """The encoder's options by the library's names."""
        return {"chroma_sample_location": _LOCATION[self.color.siting], **options_of(self)}


@dataclass(frozen=True, slots=True)
class AudioEncoderSpec:
    """Everything the audio encoder is told. The input is always 48 kHz stereo float."""

    codec: str = "aac"
    bit_rate: int = 192_000
    """Bits per second for both channels together; PCM has its own."""
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def sample_format(self) -> str:
        """The library's name of what the encoder takes."""
        return _SOUND[self.codec][0]

    @property
    def frame(self) -> int:
        """Samples that the encoder takes at a time."""
        return _SOUND[self.codec][1]


class VideoSession:
    """The video encoder of one file. One thread at a time may call it; no other object is touched by a call."""

    def __init__(self, context: VideoCodecContext, spec: EncoderSpec) -> None:
        self.spec = spec
        self.frames = 0
        """Pictures given to the encoder."""
        self.conversions = 0
        """Pictures converted because ``external_conversion`` is off."""
        self._context = context
        self._scaler: Scaler | None = None
        self._time_base = 1 / spec.fps
        self._notes = codec_of(spec.codec) == "h264"
        """Whether packets may carry notes of the encoder to be taken out; the others' options leave them out."""

        self._tagged = spec.codec == "prores_ks"
        """Whether the encoder writes the colour of each picture, and not its context's, into the stream."""

    @property
    def extradata(self) -> bytes:
        """SPS and PPS as a byte stream with start codes."""
        return bytes(self._context.extradata or b"")

    def encode(self, planes: Planes, pts: int, *, key: bool = False, closing: bool = False) -> list[EncodedPacket]:
        """Give one picture to the encoder and take the packets that are ready (often none, later several).

        The picture is not copied or converted on the way; the encoder copies it before this returns, so the
        caller may draw into it again. The same Planes may be given many times with different ``pts``: each time
        a new frame header that shares the pixels is made, and the owner's own header is never written to.

        Args:
            planes: Of the spec's format, size and colour.
            pts: Frame number, in ticks of 1/fps; strictly rising.
            key: Make this a key frame, whatever the encoder thinks. With libx264 it is an IDR picture only under
                the option ``forced-idr``.
            closing: Make this a P picture, so that no picture before it in display order comes out after it.

        Raises:
            FormatError: Format, size or colour differ and ``external_conversion`` is on.
            OutOfMemoryError, EncoderError: The encoder failed.
        """
        with encoding(self.spec.codec):
            frame = self._frame(planes)
            if key:
                frame.pict_type = PictureType.I
            elif closing:
                frame.pict_type = PictureType.P
            frame.pts = pts
            frame.time_base = self._time_base
            if self._tagged:
                tag(frame, self.spec.color)
            packets = self._context.encode(frame)
            self.frames += 1
            return [self._packed(packet) for packet in packets]

    def flush(self) -> list[EncodedPacket]:
        """Take everything that is still inside. Call it once, after the last picture."""
        with encoding(self.spec.codec):
            return [self._packed(packet) for packet in self._context.encode(None)]

    def _frame(self, planes: Planes) -> av.VideoFrame:
        wanted = self.spec
        fits = (planes.format, planes.width, planes.height) == (wanted.pixel_format, wanted.width, wanted.height)
        if fits and _same_codes(planes.color, wanted.taken):
            return shared_frame(planes)
        if wanted.external_conversion:
            raise FormatError(
                f"The encoder got {planes.format} {planes.width}x{planes.height} in {planes.color}; it was opened for "
                f"{wanted.pixel_format} {wanted.width}x{wanted.height} in {wanted.taken}."
            )
        return shared_frame(self._converted(planes))

    def _converted(self, planes: Planes) -> Planes:
        if self._scaler is None:
            self._scaler = Scaler(self.spec.threads)
        self.conversions += 1
        return self._scaler.scale(planes, self.spec.width, self.spec.height, self.spec.pixel_format)

    def _packed(self, packet: Packet[Any]) -> EncodedPacket:
        data = bytes(packet)
        if packet.is_keyframe and self._notes:
            data = strip_user_data(data)
        pts, dts = _times(packet)
        return EncodedPacket("video", data, pts, dts, 1, bool(packet.is_keyframe), self._time_base)


class AudioSession:
    """The audio encoder of one file. One thread at a time may call it; no other object is touched by a call."""

    def __init__(self, context: AudioCodecContext, spec: AudioEncoderSpec, name: str) -> None:
        self.spec = spec
        self.samples = 0
        """Samples taken in so far; the next call must start there."""
        self._context = context
        self._name = name
        self._pending: list[np.ndarray[Any, np.dtype[np.float32]]] = []
        self._held = 0
        self._sent = 0
        self._time_base = Fraction(1, AUDIO_RATE)

    def encode(self, samples: np.ndarray[Any, np.dtype[np.float32]], first_sample: int) -> list[EncodedPacket]:
        """Give samples and take the packets that are ready.

        Args:
            samples: float32 of shape (2, n), left and right, within -1..1, 48 kHz; any n.
            first_sample: Number of the first one, counted from the start of the file; blocks must join without gaps.

        Raises:
            FormatError: Another shape or type, or a block that does not follow the last one.
            OutOfMemoryError, EncoderError: The encoder failed.
        """
        if samples.ndim != 2 or samples.shape[0] != 2 or samples.dtype != np.float32:
            raise FormatError(f"Got samples as {samples.dtype} {samples.shape}; allowed here: float32 (2, n).")
        if first_sample != self.samples:
            raise FormatError(f"Got samples from {first_sample} on; the next sample here is {self.samples}.")
        self.samples += samples.shape[1]
        self._pending.append(samples)
        self._held += samples.shape[1]
        whole = self._held - self._held % self.spec.frame
        return self._send(whole)

    def flush(self) -> list[EncodedPacket]:
        """Encode the last, shorter frame and take everything that is still inside. Call it once."""
        packets = self._send(self._held)
        with writing(self._name, "audio"):
            return packets + [self._packed(packet) for packet in self._context.encode(None)]

    def _send(self, count: int) -> list[EncodedPacket]:
        if count == 0:
            return []
        # Joining copies, so what the caller does with its array afterwards is its own affair.
        block = np.concatenate(self._pending, axis=1)
        self._pending = [block[:, count:].copy()] if count < self._held else []
        self._held -= count
        packets: list[EncodedPacket] = []
        with writing(self._name, "audio"):
            for start in range(0, count, self.spec.frame):
                part = block[:, start : min(start + self.spec.frame, count)]
                name = self.spec.sample_format
                frame = av.AudioFrame.from_ndarray(_samples_as(part, name), format=name, layout="stereo")
                frame.sample_rate = AUDIO_RATE
                frame.pts = self._sent
                frame.time_base = self._time_base
                self._sent += part.shape[1]
                packets += [self._packed(packet) for packet in self._context.encode(frame)]
        return packets

    def _packed(self, packet: Packet[Any]) -> EncodedPacket:
        pts, dts = _times(packet)
        return EncodedPacket("audio", bytes(packet), pts, dts, int(packet.duration or 0), True, self._time_base)


def _samples_as(block: np.ndarray[Any, np.dtype[np.float32]], name: str) -> np.ndarray[Any, Any]:
    """Samples (2, n) in -1..1 as the encoder takes them: left and right by themselves, or in turn (1, 2 n).

    Whole numbers are rounded to nearest; 24 bits stand in the upper part of 32.
    """
    if name == "fltp":
        return np.ascontiguousarray(block)
    turned = block.T.reshape(1, -1)
    if name == "flt":
        return np.ascontiguousarray(turned)
    bits = 16 if name == "s16" else 24
    top = float(1 << (bits - 1))
    codes = np.clip(np.rint(turned.astype(np.float64) * top), -top, top - 1).astype(np.int32)
    return codes.astype(np.int16) if bits == 16 else codes << 8


def _same_codes(a: ColorSpec, b: ColorSpec) -> bool:
    """Whether samples mean the same. Primaries may differ: no stage converts them, so they are no reason to refuse."""
    return (a.matrix, a.range, a.transfer, a.siting) == (b.matrix, b.range, b.transfer, b.siting)


def _times(packet: Packet[Any]) -> tuple[int, int]:
    if packet.pts is None or packet.dts is None:
        raise EncoderError("The encoder returned a packet without a time.")
    return packet.pts, packet.dts


def shared_frame(planes: Planes) -> av.VideoFrame:
    """A new frame header around the pixels of ``planes``: no copy, about 6 microseconds.

    A picture that came from a decoder carries its own picture type, captions and times in its header; the encoder
    would obey them (an I picture would become a key frame). A new header has none of these, and the owner, which
    other threads may be reading, is not changed.
    """
    arrays = tuple(_exportable(plane) for plane in planes.planes)
    if planes.format in UPLOADED_FORMATS:
        return _packed_frame(planes, arrays[0])
    if planes.format in DEEP_FORMATS:
        arrays = tuple(array.view("<u2") for array in arrays)
    return av.VideoFrame.from_dlpack(arrays, format=planes.format, width=planes.width, height=planes.height)


def _packed_frame(planes: Planes, plane: Plane) -> av.VideoFrame:
    """A frame around one plane of 4 bytes a pixel, whose rows may be padded. Its colour stays unsaid: for the encoder
    of a system the matrix "RGB" would be one to write into the video."""
    stride = plane.strides[0]
    if stride % 4 or plane.strides[1] != 1:
        plane, stride = np.ascontiguousarray(plane), plane.shape[1]
    shape, steps = (planes.height, planes.width, 4), (stride, 4, 1)
    pixels = np.lib.stride_tricks.as_strided(plane, shape, steps)
    return av.VideoFrame.from_numpy_buffer(pixels, format=planes.format)


def tag(frame: av.VideoFrame, color: ColorSpec) -> None:
    """Write a colour into a frame's header."""
    frame.colorspace = MATRIX_POINT[color.matrix]
    frame.color_primaries = PRIMARIES_POINT[color.primaries]
    frame.color_trc = TRANSFER_POINT[color.transfer]
    frame.color_range = RANGE_POINT[color.range]


class _Writable:
    """A writable array interface over a read-only plane: the exchange protocol knows no read-only arrays yet."""

    def __init__(self, plane: Plane) -> None:
        self._plane = plane  # keeps the memory alive
        interface = dict(plane.__array_interface__)
        interface["data"] = (interface["data"][0], False)
        self.__array_interface__ = interface


def _exportable(plane: Plane) -> Plane:
    return plane if plane.flags.writeable else np.asarray(_Writable(plane))
