"""What the tests of the stream editor share: an own bit-string parser and builder, and true x264 streams.

Nothing here uses the package: syntax is that of ITU-T H.264 7.3, read and written as strings of "0" and "1".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np

START = b"\x00\x00\x00\x01"


# --- bits as strings --------------------------------------------------------------------------------------------------


def bits_of(data: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in data)


def bytes_of(bits: str) -> bytes:
    assert len(bits) % 8 == 0
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def u(value: int, count: int) -> str:
    return f"{value:0{count}b}" if count else ""


def ue(value: int) -> str:
    code = f"{value + 1:b}"
    return "0" * (len(code) - 1) + code


def se(value: int) -> str:
    return ue(2 * value - 1 if value > 0 else -2 * value)


def trailing(bits: str) -> bytes:
    bits += "1"
    return bytes_of(bits + "0" * (-len(bits) % 8))


def escaped(rbsp: bytes) -> bytes:
    """7.4.1, byte by byte."""
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    if rbsp[-1:] == b"\x00":
        out.append(3)
    return bytes(out)


def unescaped(payload: bytes) -> bytes:
    out = bytearray()
    zeros = 0
    for byte in payload:
        if zeros >= 2 and byte == 3:
            zeros = 0
            continue
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def units_of(stream: bytes) -> list[bytes]:
    """NAL units of a byte stream."""
    return [part.rstrip(b"\x00") for part in stream.split(b"\x00\x00\x01")[1:]]


class Reader:
    def __init__(self, bits: str) -> None:
        self.bits = bits
        self.at = 0

    def u(self, count: int) -> int:
        assert self.at + count <= len(self.bits)
        self.at += count
        return int(self.bits[self.at - count : self.at] or "0", 2)

    def ue(self) -> int:
        one = self.bits.index("1", self.at)
        zeros = one - self.at
        self.at = one
        return self.u(zeros + 1) - 1

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


# --- parameter sets ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SpsFields:
    """Fields of an SPS; the defaults are a stream that can be spliced, much as x264 writes it."""

    profile: int = 100
    constraints: int = 0
    level: int = 40
    sps_id: int = 0
    chroma: int = 1
    depth_luma: int = 0
    depth_chroma: int = 0
    bypass: int = 0
    scaling: int = 0
    frame_num_bits: int = 4
    order_type: int = 2
    order_bits: int = 6
    references: int = 1
    gaps: int = 0
    width: int = 8
    height: int = 6
    progressive: int = 1
    crop: tuple[int, ...] = ()
    vui: int = 1
    aspect: str = "0"
    overscan: str = "0"
    signal: str = "0"
    chroma_location: str = "0"
    timing: tuple[int, ...] = ()
    nal_hrd: int = 0
    vcl_hrd: int = 0
    pic_struct: int = 0
    restriction: tuple[int, ...] = (1, 0, 0, 9, 9, 0, 1)

    def unit(self) -> bytes:
        bits = u(self.profile, 8) + u(self.constraints, 8) + u(self.level, 8) + ue(self.sps_id)
        if self.profile == 100:
            bits += ue(self.chroma) + ue(self.depth_luma) + ue(self.depth_chroma) + u(self.bypass, 1)
            bits += u(self.scaling, 1)
            if self.scaling:
                bits += "1" + se(8) + "1" * 15 + "0" * 7  # one list of sixteen 16s, then none
        bits += ue(self.frame_num_bits - 4) + ue(self.order_type)
        if self.order_type == 0:
            bits += ue(self.order_bits - 4)
        elif self.order_type == 1:
            bits += "0" + se(0) + se(0) + ue(0)
        bits += ue(self.references) + u(self.gaps, 1) + ue(self.width - 1) + ue(self.height - 1)
        bits += u(self.progressive, 1) + ("" if self.progressive else "0") + "1"
        bits += "1" + "".join(map(ue, self.crop)) if self.crop else "0"
        bits += u(self.vui, 1)
        if self.vui:
            bits += self.aspect + self.overscan + self.signal + self.chroma_location
            bits += "1" + u(self.timing[0], 32) + u(self.timing[1], 32) + "1" if self.timing else "0"
            bits += u(self.nal_hrd, 1) + ("1" * 60 if self.nal_hrd else "")
            bits += u(self.vcl_hrd, 1) + ("1" * 60 if self.vcl_hrd else "")
            bits += u(self.pic_struct, 1)
            if self.restriction:
                bits += "1" + u(self.restriction[0], 1) + "".join(map(ue, self.restriction[1:]))
            else:
                bits += "0"
        return b"\x67" + escaped(trailing(bits))


def read_sps(unit: bytes) -> SpsFields:
    """The fields of an SPS of the kinds that :class:`SpsFields` writes."""
    r = Reader(bits_of(unescaped(unit[1:])))
    got: dict[str, object] = {"profile": r.u(8), "constraints": r.u(8), "level": r.u(8), "sps_id": r.ue()}
    if got["profile"] == 100:
        got |= {"chroma": r.ue(), "depth_luma": r.ue(), "depth_chroma": r.ue(), "bypass": r.u(1), "scaling": r.u(1)}
        if got["scaling"]:
            assert r.u(1) == 1
            assert r.se() == 8
            r.u(22)
    got |= {"frame_num_bits": 4 + r.ue(), "order_type": r.ue()}
    if got["order_type"] == 0:
        got["order_bits"] = 4 + r.ue()
    got |= {"references": r.ue(), "gaps": r.u(1), "width": 1 + r.ue(), "height": 1 + r.ue(), "progressive": r.u(1)}
    r.u(1)
    got["crop"] = tuple(r.ue() for _ in range(4)) if r.u(1) else ()
    got["vui"] = r.u(1)
    if got["vui"]:
        start = r.at
        if r.u(1) and r.u(8) == 255:
            r.u(32)
        got["aspect"], start = r.bits[start : r.at], r.at
        if r.u(1):
            r.u(1)
        got["overscan"], start = r.bits[start : r.at], r.at
        if r.u(1):
            r.u(4)
            if r.u(1):
                r.u(24)
        got["signal"], start = r.bits[start : r.at], r.at
        if r.u(1):
            r.ue()
            r.ue()
        got["chroma_location"] = r.bits[start : r.at]
        got["timing"] = (r.u(32), r.u(32), r.u(1))[:2] if r.u(1) else ()
        got |= {"nal_hrd": r.u(1), "vcl_hrd": r.u(1), "pic_struct": r.u(1)}
        got["restriction"] = (r.u(1), *(r.ue() for _ in range(6))) if r.u(1) else ()
    assert r.bits[r.at :].rstrip("0") == "1"
    assert len(r.bits) - r.at <= 8
    return SpsFields(**got)  # type: ignore[arg-type]


@dataclass(frozen=True)
class PpsFields:
    pps_id: int = 0
    sps_id: int = 0
    cabac: int = 1
    bottom: int = 0
    groups: int = 0
    references: int = 0
    references_1: int = 0
    weighted: int = 0
    bi: int = 0
    qp: int = 0
    qs: int = 0
    offset: int = 0
    control: int = 1
    constrained: int = 0
    redundant: int = 0
    extension: tuple[int, ...] = ()
    """transform_8x8_mode_flag, pic_scaling_matrix_present_flag, second_chroma_qp_index_offset."""

    def unit(self) -> bytes:
        bits = ue(self.pps_id) + ue(self.sps_id) + u(self.cabac, 1) + u(self.bottom, 1) + ue(self.groups)
        bits += ue(self.references) + ue(self.references_1) + u(self.weighted, 1) + u(self.bi, 2)
        bits += se(self.qp) + se(self.qs) + se(self.offset)
        bits += u(self.control, 1) + u(self.constrained, 1) + u(self.redundant, 1)
        if self.extension:
            transform, scaling, second = self.extension
            bits += u(transform, 1) + u(scaling, 1) + ("0" * (6 + 2 * transform) if scaling else "") + se(second)
        return b"\x68" + escaped(trailing(bits))


def read_pps(unit: bytes) -> PpsFields:
    r = Reader(bits_of(unescaped(unit[1:])))
    got: dict[str, object] = {"pps_id": r.ue(), "sps_id": r.ue(), "cabac": r.u(1), "bottom": r.u(1), "groups": r.ue()}
    got |= {"references": r.ue(), "references_1": r.ue()}
    got |= {"weighted": r.u(1), "bi": r.u(2), "qp": r.se(), "qs": r.se(), "offset": r.se()}
    got |= {"control": r.u(1), "constrained": r.u(1), "redundant": r.u(1)}
    if r.bits[r.at :].rstrip("0") != "1":
        got["extension"] = (r.u(1), r.u(1), r.se())
    assert r.bits[r.at :].rstrip("0") == "1"
    return PpsFields(**got)  # type: ignore[arg-type]


def extradata(sps: SpsFields | None = None, pps: PpsFields | None = None) -> bytes:
    return START + (sps or SpsFields()).unit() + START + (pps or PpsFields()).unit()


# --- slices -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SliceFields:
    """A slice of a stream with :class:`SpsFields` and :class:`PpsFields`; ``None`` leaves a field out."""

    unit_type: int = 1
    ref_idc: int = 2
    first_mb: int = 0
    slice_type: int = 5
    pps_id: int = 0
    frame_num: int = 0
    idr_pic_id: int | None = None
    order: int | None = None
    """pic_order_cnt_lsb; ``None`` with order count type 2."""
    direct: int = 1
    """direct_spatial_mv_pred_flag of a B slice."""
    override: int | None = None
    """num_ref_idx_l0_active_minus1."""
    override_1: int = 0
    """num_ref_idx_l1_active_minus1 of a B slice with ``override``."""
    lists: tuple[tuple[int, ...], ...] = ()
    """Commands of the list modification, without the end."""
    lists_1: tuple[tuple[int, ...], ...] = ()
    weights: str = ""
    marking: str | None = None
    cabac_init: int = 0
    qp: int = 0
    deblock: tuple[int, ...] = (0, 0, 0)
    data: bytes = b"\x9a\x10\x00\x00\x03\x7f"
    """Slice data with its trailing bits: whole bytes."""

    def header(self, sps: SpsFields, pps: PpsFields) -> str:
        intra = self.slice_type % 5 == 2
        bits = ue(self.first_mb) + ue(self.slice_type) + ue(self.pps_id) + u(self.frame_num, sps.frame_num_bits)
        if self.unit_type == 5:
            bits += ue(self.idr_pic_id or 0)
        if sps.order_type == 0:
            bits += u(self.order or 0, sps.order_bits)
        if not intra:
            both = self.slice_type % 5 == 1
            bits += u(self.direct, 1) if both else ""
            bits += "0" if self.override is None else "1" + ue(self.override) + (ue(self.override_1) if both else "")
            for lists in (self.lists, self.lists_1)[: 1 + both]:
                bits += "1" + "".join("".join(map(ue, c)) for c in lists) + ue(3) if lists else "0"
            bits += self.weights
        if self.ref_idc:
            bits += self.marking if self.marking is not None else "00" if self.unit_type == 5 else "0"
        if pps.cabac and not intra:
            bits += ue(self.cabac_init)
        bits += se(self.qp)
        if pps.control:
            bits += ue(self.deblock[0]) + "".join(map(se, self.deblock[1:] if self.deblock[0] != 1 else ()))
        return bits

    def rbsp(self, sps: SpsFields, pps: PpsFields) -> bytes:
        bits = self.header(sps, pps)
        if pps.cabac:
            return bytes_of(bits + "1" * (-len(bits) % 8)) + self.data
        stop = bits_of(self.data).rindex("1")
        return trailing(bits + bits_of(self.data)[:stop])

    def unit(self, sps: SpsFields | None = None, pps: PpsFields | None = None) -> bytes:
        return bytes([self.ref_idc << 5 | self.unit_type]) + escaped(self.rbsp(sps or SpsFields(), pps or PpsFields()))


def idr(**more: object) -> SliceFields:
    return dataclasses.replace(SliceFields(5, 3, slice_type=7, idr_pic_id=0), **more)  # type: ignore[arg-type]


REORDERED = SpsFields(order_type=0, references=2, restriction=(1, 0, 0, 9, 9, 1, 2))
"""A stream in which B pictures may come."""


def between(**more: object) -> SliceFields:
    """A B slice."""
    return dataclasses.replace(SliceFields(ref_idc=0, slice_type=6), **more)  # type: ignore[arg-type]


def packet(fields: SliceFields, sps: SpsFields | None = None, pps: PpsFields | None = None) -> bytes:
    return START + fields.unit(sps, pps)


@dataclass
class Slice:
    """A slice as the independent parser sees it."""

    ref_idc: int
    unit_type: int
    first_mb: int
    slice_type: int
    pps_id: int
    frame_num: int
    idr_pic_id: int | None
    order_lsb: int
    direct: int | None = None
    """direct_spatial_mv_pred_flag of a B slice."""
    override: int | None = None
    override_1: int | None = None
    lists: int = 0
    """Commands of the list modifications."""
    weighted: int = 0
    """References with weights of their own."""
    qp: int = 0
    deblock: int = 0
    data_at: int = 0
    """First bit of the slice data (under CABAC of the alignment)."""
    bits: str = field(default="", repr=False)


def read_slice(unit: bytes, sps: SpsFields, all_pps: dict[int, PpsFields], limit: int = 400) -> Slice:
    """7.3.3, from the first ``limit`` bytes of a NAL unit."""
    r = Reader(bits_of(unescaped(unit[1:limit])))
    ref_idc, unit_type = unit[0] >> 5, unit[0] & 31
    first, kind, pps_id = r.ue(), r.ue() % 5, r.ue()
    pps = all_pps[pps_id]
    frame_num = r.u(sps.frame_num_bits)
    idr_pic_id = r.ue() if unit_type == 5 else None
    order = r.u(sps.order_bits) if sps.order_type == 0 else 0
    got = Slice(ref_idc, unit_type, first, kind, pps_id, frame_num, idr_pic_id, order, bits=r.bits)
    if kind in (0, 1):
        active = pps.references + 1
        if kind == 1:
            got.direct = r.u(1)
        if r.u(1):
            got.override = r.ue()
            active = got.override + 1
            got.override_1 = r.ue() if kind == 1 else None
        for _ in range(1 + kind):
            if r.u(1):
                while r.ue() != 3:
                    r.ue()
                    got.lists += 1
        assert not (kind == 1 and pps.bi == 1), "explicit weights of B slices are not read here"
        if kind == 0 and pps.weighted:
            r.ue()
            r.ue()
            for _ in range(active):
                luma = r.u(1)
                for _ in range(2 * luma):
                    r.se()
                chroma = r.u(1)
                for _ in range(4 * chroma):
                    r.se()
                got.weighted += luma | chroma
    if ref_idc:
        assert r.u(2 if unit_type == 5 else 1) == 0
    if pps.cabac and kind in (0, 1):
        r.ue()
    got.qp = 26 + pps.qp + r.se()
    if pps.control:
        got.deblock = r.ue()
        if got.deblock != 1:
            r.se()
            r.se()
    got.data_at = r.at
    return got


@dataclass
class Picture:
    """A coded picture: its slices, and its order count worked out by 8.2.1.1."""

    slices: list[Slice]
    order: int = 0


class Buffer:
    """A decoder's picture buffer that shows pictures as late as C.4.4 and C.4.5 let it, for progressive streams."""

    def __init__(self, size: int, references: int) -> None:
        self.size, self.references = size, references
        self.held: list[list[int]] = []
        """Order count, whether it waits to be shown, whether it is a reference; in coding order."""
        self.shown = -1
        """The order count shown last, of those since the last IDR picture."""

    def add(self, order: int, *, idr: bool, reference: bool) -> None:
        if idr:
            while any(waits for _, waits, _ in self.held):
                self._bump()
            self.held, self.shown = [], -1
        elif reference and sum(kept for _, _, kept in self.held) == self.references:
            next(picture for picture in self.held if picture[2])[2] = 0  # 8.2.5.3
        self._empty()
        while len(self.held) == self.size:
            if not reference and all(order < other for other, waits, _ in self.held if waits):
                self._show(order)
                return
            self._bump()
        self.held.append([order, 1, int(reference)])

    def _show(self, order: int) -> None:
        assert order > self.shown, "a picture was shown too early"
        self.shown = order

    def _bump(self) -> None:
        first = min((picture for picture in self.held if picture[1]), default=None)
        assert first is not None, "the buffer is full of references"
        self._show(first[0])
        first[1] = 0
        self._empty()

    def _empty(self) -> None:
        self.held = [picture for picture in self.held if picture[1] or picture[2]]


class Stream:
    """A spliced stream taken apart by the independent parser, with the checks that hold for all of them."""

    def __init__(self, header: bytes) -> None:
        sps, *pps = units_of(header)
        assert sps[0] & 31 == 7
        assert [unit[0] & 31 for unit in pps] == [8, 8]
        self.sps = read_sps(sps)
        read = [read_pps(unit) for unit in pps]
        self.pps = {p.pps_id: p for p in read}
        assert len(self.pps) == 2
        self.real_pps, self.patch_pps = (p.pps_id for p in read)
        self._msb = self._lsb = 0
        self._previous: Slice | None = None
        self._idr_pic_id: int | None = None
        self.order = -1
        """The largest order count since the last IDR picture."""
        self.reference_frame_num = 0
        self.reference_order = self._floor = -1
        self.buffer = Buffer(self.sps.restriction[6], self.sps.references)
        self.counts = {"I": 0, "P": 0, "B": 0, "inserted": 0}

    def picture(self, access_unit: bytes) -> Picture:
        """Parse one picture and check its numbers against those before it."""
        assert access_unit.startswith(START)
        slices = [read_slice(unit, self.sps, self.pps) for unit in units_of(access_unit)]
        first = slices[0]
        for one in slices:
            assert (one.pps_id, one.frame_num, one.order_lsb, one.ref_idc, one.unit_type) == (
                first.pps_id, first.frame_num, first.order_lsb, first.ref_idc, first.unit_type,
            )  # fmt: skip
        assert [s.first_mb for s in slices] == sorted({s.first_mb for s in slices})
        assert first.first_mb == 0
        before = self._previous
        if before is not None:
            # 7.4.1.2.4: a decoder must see that a new picture begins.
            assert (
                first.frame_num != before.frame_num
                or first.pps_id != before.pps_id
                or (first.ref_idc == 0) != (before.ref_idc == 0)
                or first.unit_type != before.unit_type
                or first.idr_pic_id != before.idr_pic_id
                or first.order_lsb != before.order_lsb
            )
        picture = Picture(slices)
        if first.unit_type == 5:
            assert first.frame_num == 0
            assert first.order_lsb == 0
            assert first.idr_pic_id != self._idr_pic_id
            self._idr_pic_id = first.idr_pic_id
            self._msb = self._lsb = 0
            self.order = self.reference_order = -1
        else:
            # 7.4.3: one more than the last reference picture's, for pictures that are none too.
            assert first.frame_num == (self.reference_frame_num + 1) % (1 << self.sps.frame_num_bits)
        half = 1 << (self.sps.order_bits - 1)
        msb = self._msb
        if first.order_lsb < self._lsb and self._lsb - first.order_lsb >= half:
            msb += 2 * half
        elif first.order_lsb > self._lsb and first.order_lsb - self._lsb > half:
            msb -= 2 * half
        picture.order = msb + first.order_lsb
        assert picture.order % 2 == 0
        between = first.slice_type == 1
        if between:
            # At most one picture is coded before this one and shown after it: max_num_reorder_frames of E.2.1.
            assert self.sps.restriction[5] == 1
            assert self._floor < picture.order < self.reference_order
            self._floor = picture.order
            assert (first.ref_idc, first.unit_type, first.pps_id, len(slices)) == (0, 1, self.real_pps, 1)
            assert first.direct == 1
            assert self.pps[self.real_pps].bi == 0
            self.counts["B"] += 1
        else:
            assert picture.order > self.order, "pictures other than B pictures are shown in coding order"
            self._floor = self.order if first.ref_idc else picture.order
            self.order = picture.order
        if first.ref_idc:
            self._msb, self._lsb = msb, first.order_lsb
            self.reference_frame_num = first.frame_num
            self.reference_order = picture.order
            assert first.pps_id == self.real_pps
            self.counts["I" if first.slice_type == 2 else "P"] += 1
        elif not between:
            assert first.pps_id == self.patch_pps
            assert first.unit_type == 1
            assert all(s.deblock == 1 for s in slices)
            self.counts["inserted"] += 1
        self.buffer.add(picture.order, idr=first.unit_type == 5, reference=first.ref_idc > 0)
        self._previous = first
        return picture


# --- true streams -----------------------------------------------------------------------------------------------------

Pictures = list[np.ndarray]


def moving(count: int, width: int, height: int, *, fade: bool = False, seed: int = 1) -> Pictures:
    """yuv420p pictures as (1.5 height, width): noise that moves, with some text-like edges; ``fade`` for weights."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (height * 3 // 16 + 1, width // 8 + 1))
    base = np.kron(coarse, np.ones((8, 8), int))[: height * 3 // 2, :width]
    pictures = []
    for index in range(count):
        picture = np.roll(base, 2 * index, axis=1).astype(float)
        if fade:
            picture = 16 + (picture - 16) * (1 - 0.06 * index)
        picture[:height] += rng.integers(-6, 7, (height, width))
        pictures.append(picture.clip(16, 235).astype(np.uint8))
    return pictures


def encode(
    pictures: Sequence[np.ndarray],
    *,
    preset: str = "veryfast",
    options: str = "",
    keys: Iterable[int] = (),
    pixel_format: str = "yuv420p",
    threads: int = 2,
    thread_type: str = "FRAME",
    profile: str = "",
    crf: int = 24,
    only_p: bool = False,
) -> tuple[bytes, list[bytes]]:
    """Extradata and packets of x264 as the exporter opens it: no B pictures, endless GOP, one slice a picture."""
    extra, packets = encode_timed(
        pictures, preset=preset, options=options, keys=keys, pixel_format=pixel_format, threads=threads,
        thread_type=thread_type, profile=profile, crf=crf, closed=range(len(pictures)) if only_p else (),
    )  # fmt: skip
    return extra, [data for data, _ in packets]


FREE = "b-pyramid=none:weightb=0:direct=spatial"
"""Options of x264 with which B pictures can be spliced."""


def encode_timed(
    pictures: Sequence[np.ndarray],
    *,
    preset: str = "veryfast",
    options: str = "",
    keys: Iterable[int] = (),
    closed: Iterable[int] = (),
    pixel_format: str = "yuv420p",
    threads: int = 2,
    thread_type: str = "FRAME",
    profile: str = "",
    crf: int = 24,
) -> tuple[bytes, list[tuple[bytes, int]]]:
    """As :func:`encode`, with the index of each packet's picture; those of ``closed`` are asked to be P pictures."""
    height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, pixel_format
    context.framerate, context.time_base = Fraction(30), Fraction(1, 30)
    context.thread_type = thread_type
    context.thread_count = threads
    more = ":" + options if options else ""
    context.options = {
        "preset": preset,
        "crf": str(crf),
        "forced-idr": "1",
        **({"profile": profile} if profile else {}),
    }
    context.options |= {"x264-params": f"bframes=0:keyint=infinite:scenecut=0:rc-lookahead=4{more}"}
    context.flags |= av.codec.context.Flags.global_header
    packets: list[tuple[bytes, int]] = []
    keys, closed = set(keys), set(closed)
    for index, picture in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        if pixel_format != "yuv420p":
            frame = frame.reformat(format=pixel_format)
        frame.pts, frame.time_base = index, context.time_base
        if index in keys:
            frame.pict_type = av.video.frame.PictureType.I
        elif index in closed:
            frame.pict_type = av.video.frame.PictureType.P
        packets += [(bytes(p), p.pts) for p in context.encode(frame)]
    packets += [(bytes(p), p.pts) for p in context.encode(None)]
    assert len(packets) == len(pictures)
    return bytes(context.extradata or b""), packets


def decode(stream: bytes) -> Pictures:
    """Pictures as (1.5 height, width) by PyAV; any error the decoder notices is raised."""
    context = av.CodecContext.create("h264", "r")
    context.thread_count = 1
    context.options = {"err_detect": "explode"}
    frames = []
    for part in [*context.parse(stream), *context.parse(b"")]:
        frames += context.decode(part)
    frames += context.decode(None)
    assert not any(frame.is_corrupt for frame in frames)
    return [
        frame.to_ndarray(format="yuv420p") if frame.format.name != "yuv420p" else frame.to_ndarray() for frame in frames
    ]


def patched_picture(picture: np.ndarray, mb: int, samples: bytes) -> np.ndarray:
    """``picture`` with one macroblock replaced; the picture's size is a multiple of 16."""
    height, width = picture.shape[0] * 2 // 3, picture.shape[1]
    row, column = divmod(mb, width // 16)
    out = picture.copy()
    out[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] = np.frombuffer(samples[:256], np.uint8).reshape(
        16, 16
    )
    chroma = out[height:].reshape(2, height // 2, width // 2)
    values = np.frombuffer(samples[256:], np.uint8).reshape(2, 8, 8)
    chroma[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = values
    return out


def differing(got: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> list[int]:
    """Indices of pictures that are not equal, sample for sample; the number of pictures must be the same."""
    assert len(got) == len(wanted)
    return [index for index, (a, b) in enumerate(zip(got, wanted, strict=True)) if not np.array_equal(a, b)]
