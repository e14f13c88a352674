"""Sits beside a splicing encoder and notes what its file must show, from what was put in and not from what came out.

Real pictures are decoded from the encoder's own packets before anything was rewritten in them. A held or replayed
picture is the last real one; a patched one is that with the patch encoder's own pictures, decoded by themselves, in
the macroblocks of its pieces. From this follows the MD5 of each picture, with no part of the stream editor in it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import av
import numpy as np

import reelpress.encode.open as opening
from reelpress.encode.base import UNKNOWN, Change, Decision, Encoder
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer
from reelpress.encode.splice.transplant import Transplanter
from reelpress.media.encoder import EncoderSpec
from reelpress.media.packets import EncodedPacket
from reelpress.media.patch_encoder import PatchEncoder
from reelpress.media.planes import Planes
from reelpress.media.scale import plane_views

Samples = tuple[np.ndarray, ...]
"""Y, Cb, Cr."""
START = b"\0\0\0\1"
SIZES = (16, 8, 8)
"""Rows and columns of a macroblock in each plane."""


def decoded(units: Sequence[bytes], header: bytes) -> Iterator[Samples]:
    """Pictures of a byte stream by FFmpeg, one thread, faults raised."""
    context: Any = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.extradata = header
    context.options = {"err_detect": "explode"}
    for unit in [*units, None]:
        for frame in context.decode(av.Packet(unit) if unit else None):
            assert not frame.is_corrupt
            yield planar(frame.format.name, plane_views(frame))


def planar(format_name: str, views: Sequence[np.ndarray]) -> Samples:
    if format_name == "nv12":
        return np.array(views[0]), np.array(views[1][:, 0::2]), np.array(views[1][:, 1::2])
    assert format_name in ("yuv420p", "yuvj420p")
    return tuple(np.array(view) for view in views)


def md5(picture: Samples) -> str:
    made = hashlib.md5()
    for plane in picture:
        made.update(np.ascontiguousarray(plane))
    return made.hexdigest()


def differing(one: Planes, two: Planes) -> np.ndarray:
    """Macroblocks (rows, columns) in which any sample differs; the whole pictures are compared."""
    rows, columns = -(-one.height // 16), -(-one.width // 16)
    found = np.zeros((rows, columns), bool)
    if one is two:
        return found
    for a, b, size in zip(planar(one.format, one.planes), planar(two.format, two.planes), SIZES, strict=True):
        padded = np.zeros((rows * size, columns * size), bool)
        padded[: a.shape[0], : a.shape[1]] = a != b
        found |= padded.reshape(rows, size, columns, size).any(axis=(1, 3))
    return found


@dataclass
class _Placed:
    """What a piece must look like: macroblock (row, column) to its samples."""

    piece: IntraRun | PcmRun
    cells: dict[tuple[int, int], Samples]


@dataclass
class Witness:
    """Filled while a file is written under :func:`witnessed`."""

    header: bytes = b""
    """The encoder's own parameter sets."""
    packets: list[bytes] = field(default_factory=list)
    """The encoder's own packets, as they were before the editor."""
    places: list[tuple[str, int, tuple[_Placed, ...]]] = field(default_factory=list)
    """What was put into the stream for each output frame."""
    decisions: list[tuple[int, Decision]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Decisions that the whole pictures contradict."""
    known: dict[int, _Placed] = field(default_factory=dict)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(str(decision.kind) for _, decision in self.decisions)

    @property
    def reordered(self) -> bool:
        """Whether the encoder used B pictures."""
        frames = [frame for _, frame, _ in self.places]
        return frames != sorted(frames)

    def expected(self) -> Iterator[str]:
        """MD5 of each output picture, in order."""
        real = decoded(self.packets, self.header)
        current: Samples = ()
        same = ""
        # put in in coding order, which differs from the order shown where the encoder uses B pictures
        for number, (kind, frame, pieces) in enumerate(sorted(self.places, key=lambda place: place[1])):
            assert frame == number, "one picture for each output frame"
            if kind == "real":
                current = next(real)
                same = md5(current)
            if kind != "patched":
                yield same
                continue
            shown = tuple(plane.copy() for plane in current)
            for piece in pieces:
                for (row, column), samples in piece.cells.items():
                    for plane, block, size in zip(shown, samples, SIZES, strict=True):
                        target = plane[row * size : (row + 1) * size, column * size : (column + 1) * size]
                        target[:] = block[: target.shape[0], : target.shape[1]]
            yield md5(shown)
        assert next(real, None) is None, "every packet of the encoder has its place"


class _Watching:
    """An encoder that says of each decision whether the pictures bear it out."""

    def __init__(self, inner: Encoder, witness: Witness) -> None:
        self._inner, self._witness = inner, witness
        self._anchor: Planes | None = None

    @property
    def spec(self) -> EncoderSpec:
        return self._inner.spec

    @property
    def decision(self) -> Decision:
        return self._inner.decision

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[EncodedPacket]:
        packets = self._inner.encode(planes, pts, change)
        decision = self._inner.decision
        self._witness.decisions.append((pts, decision))
        if decision.kind in ("real", "key"):
            self._anchor = planes
            return packets
        assert self._anchor is not None
        found = differing(planes, self._anchor)
        if decision.kind in ("hold", "replay"):
            if found.any():
                self._witness.faults.append(f"frame {pts} is held, but {np.count_nonzero(found)} macroblocks differ")
        else:
            covered = np.zeros_like(found)
            for piece in self._pieces():
                for row, column in self._witness.known[id(piece)].cells:
                    covered[row, column] = True
            if (found & ~covered).any():
                self._witness.faults.append(f"frame {pts} is patched, but not in all macroblocks that differ")
        return packets

    def _pieces(self) -> Sequence[IntraRun | PcmRun]:
        last = self._inner._last  # type: ignore[attr-defined]
        return () if last is None else tuple(last[0])

    def flush(self) -> list[EncodedPacket]:
        return self._inner.flush()


def watching(inner: Encoder, witness: Witness) -> Encoder:
    """``inner`` with each of its decisions compared with the whole pictures."""
    return _Watching(inner, witness)


@contextlib.contextmanager
def witnessed() -> Iterator[Witness]:
    """Files opened by ``open_output`` inside are watched; one file at a time."""
    witness = Witness()

    class WatchedSplicer(Splicer):
        def __init__(self, extradata: bytes, *, patch_pps: bytes | None) -> None:
            super().__init__(extradata, patch_pps=patch_pps)
            witness.header = extradata

        def real(self, access_unit: bytes, display: int) -> bytes:
            out = super().real(access_unit, display)
            witness.packets.append(access_unit)
            witness.places.append(("real", display, ()))
            return out

        def held(self, display: int) -> bytes:
            witness.places.append(("held", display, ()))
            return super().held(display)

        def patched(self, display: int, pieces: Sequence[IntraRun | PcmRun]) -> bytes:
            witness.places.append(("patched", display, tuple(witness.known[id(piece)] for piece in pieces)))
            return super().patched(display, pieces)

        def replay(self, display: int) -> bytes | None:
            out = super().replay(display)
            if out is not None:
                witness.places.append(("replay", display, ()))
            return out

    class WatchedPatches(PatchEncoder):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, **more)
            self.shown: dict[tuple[int, int], Samples] = {}

        def encode(self, planes: Planes, cells: Sequence[tuple[int, int]], width: int, qp: int) -> bytes:
            stream = super().encode(planes, cells, width, qp)
            (picture,) = decoded([stream], START + self.sps + START + self.pps)
            for index, (row, column) in enumerate(cells):
                for step in range(width):
                    self.shown[row, column + step] = tuple(
                        plane[index * mb : (index + 1) * mb, step * mb : (step + 1) * mb].copy()
                        for plane, mb in zip(picture, SIZES, strict=True)
                    )
            return stream

    class WatchedTransplanter(Transplanter):
        def pieces(self, planes: Planes, *arguments: Any, **more: Any) -> list[IntraRun | PcmRun] | None:
            made = super().pieces(planes, *arguments, **more)
            columns = -(-planes.width // 16)
            encoder = self.encoder
            assert isinstance(encoder, WatchedPatches)
            for piece in made or ():
                cells: dict[tuple[int, int], Samples] = {}
                if isinstance(piece, PcmRun):
                    flat = np.frombuffer(piece.samples, np.uint8)
                    cells[divmod(piece.mb, columns)] = (
                        flat[:256].reshape(16, 16),
                        flat[256:320].reshape(8, 8),
                        flat[320:].reshape(8, 8),
                    )
                else:
                    for mb in range(piece.first_mb, piece.first_mb + piece.count):
                        cells[divmod(mb, columns)] = encoder.shown[divmod(mb, columns)]
                witness.known[id(piece)] = _Placed(piece, cells)  # keeps the piece, so the number stays its own
            return made

    with (
        mock.patch.object(opening, "Splicer", WatchedSplicer),
        mock.patch.object(opening, "PatchEncoder", WatchedPatches),
        mock.patch.object(opening, "Transplanter", WatchedTransplanter),
    ):
        yield witness
