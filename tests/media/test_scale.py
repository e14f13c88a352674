"""Scaling and conversion against float64 maths written out here: kernel, siting, matrices, ranges, depth, HDR."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from reelpress.color import (
    BT709_LIMITED,
    ColorSpec,
    Matrix,
    Primaries,
    Range,
    Siting,
    Transfer,
    quantisation,
    rgb_to_ycc,
)
from reelpress.errors import FormatError
from reelpress.media.planes import Planes
from reelpress.media.scale import (
    Scaler,
    allocate,
    crop,
    describe_conversion,
    from_frame,
    is_native,
    normalise,
    plane_views,
    to_frame,
)
from reelpress.scene.plan.rect import IntRect

Floats = np.ndarray[Any, np.dtype[np.float64]]


# -- the kernel, in float64 -----------------------------------------------------------------------------------------


def cubic(x: Floats, a: float = -0.6) -> Floats:
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    result: Floats = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return result


def weights(count: int, wanted: int, position: float, step: float) -> Floats:
    """Rows of weights: output i is centred on input sample ``position + i * step`` (0 is the first sample)."""
    wide = max(1.0, step)
    matrix = np.zeros((wanted, count))
    for i in range(wanted):
        centre = position + i * step
        taps = np.arange(int(np.floor(centre - 2 * wide)) - 1, int(np.ceil(centre + 2 * wide)) + 2)
        w = cubic((taps - centre) / wide)
        np.add.at(matrix[i], np.clip(taps, 0, count - 1), w / w.sum())
    return matrix


def resample(plane: Floats, width: int, height: int, *, left: bool) -> Floats:
    rows, columns = plane.shape
    sx, sy = columns / width, rows / height
    # Luma centres lie at +0.5. A left-sited chroma sample j lies at luma 2j + 0.5 of its picture, so output j is at
    # input sample j * s + (s - 1) / 4.
    across = (sx - 1) / 4 if left else 0.5 * sx - 0.5
    result: Floats = weights(rows, height, 0.5 * sy - 0.5, sy) @ plane @ weights(columns, width, across, sx).T
    return result


def page(height: int, width: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Something like text: thin dark strokes on light ground, and noise."""
    rng = np.random.default_rng(seed)
    plane = rng.integers(225, 236, (height, width)).astype(np.uint8)
    for _ in range(height * width // 60):
        y, x = int(rng.integers(0, height - 8)), int(rng.integers(0, width - 8))
        if rng.random() < 0.5:
            plane[y : y + int(rng.integers(1, 4)), x : x + int(rng.integers(1, 8))] = rng.integers(16, 235)
        else:
            plane[y : y + 8, x : x + 1] = rng.integers(16, 120)
    return plane


def picture(width: int, height: int, seed: int = 1, format_name: str = "yuv420p") -> Planes:
    planes = allocate(width, height, format_name)
    for n, view in enumerate(planes.planes):
        view[:] = page(*view.shape, seed + n)
    return planes


@pytest.mark.parametrize("size", [(288, 162), (128, 80), (400, 300), (640, 300)])
@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_scaling_is_the_one_kernel_with_left_sited_chroma(size: tuple[int, int], format_name: str) -> None:
    source = picture(320, 180, format_name=format_name)
    scaled = Scaler(2).scale(source, *size)
    assert (scaled.format, scaled.width, scaled.height) == (format_name, *size)
    luma = np.abs(scaled.planes[0] - np.clip(resample(source.planes[0].astype(float), *size, left=False), 0, 255))
    assert luma.mean() <= 0.6
    assert (luma <= 4).mean() >= 0.999
    if format_name == "nv12":
        pairs = [(source.planes[1][:, n::2], scaled.planes[1][:, n::2]) for n in (0, 1)]
    else:
        pairs = list(zip(source.planes[1:], scaled.planes[1:], strict=True))
    for before, after in pairs:
        expected = resample(before.astype(float), size[0] // 2, size[1] // 2, left=True)
        chroma = np.abs(after - np.clip(expected, 0, 255))
        assert chroma.mean() <= 0.8
        assert (chroma <= 4).mean() >= 0.999


def test_scales_and_conversions_are_counted_apart() -> None:
    scaler = Scaler()
    source = picture(64, 48)
    assert scaler.scale(source, 64, 48) is source
    scaler.scale(source, 32, 24)
    scaler.scale(source, 64, 48, "nv12")
    full = Planes("yuv420p", 64, 48, source.planes, ColorSpec(Matrix.BT709, Range.FULL), owner=source.owner)
    scaler.scale(full, 32, 24)
    assert (scaler.scales, scaler.conversions) == (2, 2)


def test_pts_travel_along() -> None:
    source = picture(64, 48)
    source.pts, source.time_base = 7, Fraction(1, 30)
    scaled = Scaler().scale(source, 32, 24)
    assert (scaled.pts, scaled.time_base) == (7, Fraction(1, 30))


def test_scale_into_a_part() -> None:
    source, target = picture(64, 48), picture(64, 48, seed=9)
    before = [p.copy() for p in target.planes]
    Scaler().scale_into(source, target, IntRect(10, 4, 32, 24))
    expected = Scaler().scale(source, 32, 24)
    for n, (view, was) in enumerate(zip(target.planes, before, strict=True)):
        k = 1 if n == 0 else 2
        inside = np.zeros(view.shape, bool)
        inside[4 // k : 28 // k, 10 // k : 42 // k] = True
        assert (view[inside].reshape(expected.planes[n].shape) == expected.planes[n]).all()
        assert (view[~inside] == was[~inside]).all()


def test_only_native_targets() -> None:
    with pytest.raises(FormatError, match="yuv420p, nv12"):
        Scaler().scale(picture(64, 48), 32, 24, "rgb24")


# -- crop and frames ------------------------------------------------------------------------------------------------


def address(plane: np.ndarray[Any, Any]) -> int:
    return int(plane.__array_interface__["data"][0])


@pytest.mark.parametrize("format_name", ["yuv420p", "nv12"])
def test_crop_copies_nothing_and_scales_where_it_lies(format_name: str) -> None:
    source = picture(320, 180, format_name=format_name)
    part = crop(source, IntRect(30, 20, 200, 120))
    assert address(part.planes[0]) == address(source.planes[0]) + 20 * source.strides[0] + 30
    frame = to_frame(part)
    assert frame.planes[0].buffer_ptr == address(part.planes[0])
    whole = allocate(200, 120, format_name)
    for view, cut in zip(whole.planes, part.planes, strict=True):
        view[:] = cut
    for a, b in zip(Scaler().scale(part, 100, 60).planes, Scaler().scale(whole, 100, 60).planes, strict=True):
        assert (a == b).all()


@pytest.mark.parametrize("rect", [(1, 0, 10, 10), (0, 3, 10, 10), (0, 0, 66, 10), (-2, 0, 10, 10), (0, 0, 0, 10)])
def test_crops_that_cannot_be(rect: tuple[int, int, int, int]) -> None:
    with pytest.raises(FormatError, match="even and inside"):
        crop(picture(64, 48), IntRect(*rect))


def test_frames_share_the_memory_of_planes() -> None:
    planes = allocate(64, 48)
    assert to_frame(planes) is planes.owner
    foreign = Planes("yuv420p", 64, 48, tuple(np.zeros(p.shape, np.uint8) for p in planes.planes), BT709_LIMITED)
    frame = to_frame(foreign)
    assert [p.buffer_ptr for p in frame.planes] == [address(p) for p in foreign.planes]


def test_odd_sizes_and_read_only_planes_are_copied() -> None:
    odd = Planes("yuv420p", 5, 3, tuple(np.full(s, 9, np.uint8) for s in ((3, 5), (2, 3), (2, 3))), BT709_LIMITED)
    assert (plane_views(to_frame(odd))[1] == 9).all()
    fixed = picture(32, 32)
    for plane in fixed.planes:
        plane.flags.writeable = False
    fixed.owner = None
    assert (plane_views(to_frame(fixed))[0] == fixed.planes[0]).all()


def test_odd_sizes_round_chroma_up() -> None:
    odd = allocate(33, 17)
    assert [p.shape for p in odd.planes] == [(17, 33), (9, 17), (9, 17)]
    for plane in odd.planes:
        plane[:] = 100
    scaled = Scaler().scale(odd, 20, 10)
    assert all((p == 100).all() for p in scaled.planes)


# -- colour ---------------------------------------------------------------------------------------------------------

BARS = [(r, g, b) for r in (0.0, 0.75) for g in (0.0, 0.75) for b in (0.0, 0.75)] + [(1.0, 1.0, 1.0), (0.1, 0.5, 0.9)]
BAR = 16


def bars(spec: ColorSpec, format_name: str, width: int = BAR * len(BARS), height: int = 32) -> Planes:
    """Vertical bars as an encoder would store them: codes rounded to nearest."""
    frame = av.VideoFrame(width, height, format_name)
    bits = max(c.bits for c in frame.format.components)
    rgb = np.repeat(np.array(BARS), BAR, axis=0)
    if spec.matrix is Matrix.RGB:
        codes = [np.rint(rgb[:, k] * ((1 << bits) - 1)) for k in range(3)]
    else:
        y_scale, y_offset, c_scale, c_offset = quantisation(spec.range, bits)
        ycc = rgb @ np.array(rgb_to_ycc(spec.matrix)).T
        codes = [ycc[:, 0] * y_scale + y_offset, ycc[:, 1] * c_scale + c_offset, ycc[:, 2] * c_scale + c_offset]
    codes = [np.clip(np.rint(c), 0, (1 << bits) - 1) for c in codes]
    views = plane_views(frame)
    if format_name in ("rgb24", "bgra"):
        order = {"rgb24": (0, 1, 2), "bgra": (2, 1, 0)}[format_name]
        step = len(frame.format.components)
        views[0][:] = 255
        for position, channel in enumerate(order):
            views[0][:, position::step] = codes[channel]
    elif format_name in ("nv12", "p010le"):
        samples = views if format_name == "nv12" else [v.view("<u2") for v in views]
        shift = 0 if format_name == "nv12" else 6
        samples[0][:] = codes[0].astype(np.uint16) << shift
        samples[1][:, 0::2] = codes[1][::2].astype(np.uint16) << shift
        samples[1][:, 1::2] = codes[2][::2].astype(np.uint16) << shift
    else:
        order = (1, 2, 0) if format_name.startswith("gbr") else (0, 1, 2)
        for view, channel in zip(views, order, strict=False):
            samples_ = view if bits == 8 else view.view("<u2")
            samples_[:] = codes[channel][:: width // samples_.shape[1]]
    return from_frame(frame, spec)


def expected_bars() -> Floats:
    """Y, U, V codes of each bar in BT.709 limited, straight from the R'G'B' that was meant."""
    y_scale, y_offset, c_scale, c_offset = quantisation(Range.LIMITED)
    ycc = np.array(BARS) @ np.array(rgb_to_ycc(Matrix.BT709)).T
    result: Floats = ycc * (y_scale, c_scale, c_scale) + (y_offset, c_offset, c_offset)
    return result


YUV = [
    "yuv420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "yuv422p10le", "yuv444p10le", "yuv444p12le", "p010le",
]  # fmt: skip


@pytest.mark.parametrize("size", [None, (240, 64)])
@pytest.mark.parametrize(
    ("format_name", "matrix", "value_range"),
    [(f, m, r) for f in YUV for m in (Matrix.BT601, Matrix.BT709, Matrix.BT2020) for r in Range]
    + [("yuvj420p", Matrix.BT601, Range.FULL), ("yuvj422p", Matrix.BT709, Range.FULL)]
    + [("yuvj444p", Matrix.BT601, Range.FULL), ("yuv420p", Matrix.SMPTE240M, Range.LIMITED)]
    + [(f, Matrix.RGB, Range.FULL) for f in ("rgb24", "bgra", "gbrp", "gbrp10le")],
)
def test_bars_come_out_right(
    format_name: str, matrix: Matrix, value_range: Range, size: tuple[int, int] | None
) -> None:
    source = bars(ColorSpec(matrix, value_range), format_name)
    width, height = size or (source.width, source.height)
    planes = Scaler(2).scale(source, width, height, "yuv420p")
    assert is_native(planes.format, planes.color)
    got = [p.astype(int) for p in planes.planes]
    middle = (np.arange(len(BARS)) + 0.5) / len(BARS)
    for column, codes in zip(middle, expected_bars(), strict=True):
        for n, plane in enumerate(got):
            x = int(column * plane.shape[1])
            # One rounding when the bars are stored, one here; the matrix can enlarge the first a little.
            assert np.abs(plane[4:-4, x] - codes[n]).max() <= 1.6, (n, codes)


@pytest.mark.parametrize("value_range", list(Range))
def test_grey(value_range: Range) -> None:
    scale, offset, _, _ = quantisation(value_range)
    frame = av.VideoFrame(64, 16, "gray")
    levels = np.repeat(np.linspace(0, 1, 8), 8)
    plane_views(frame)[0][:] = np.rint(levels * scale + offset)
    planes = normalise(from_frame(frame, ColorSpec(Matrix.BT709, value_range)))
    assert np.abs(planes.planes[0][8] - (levels * 219 + 16)).max() <= 1.0
    assert all((p == 128).all() for p in planes.planes[1:])


def test_ten_bits_are_rounded_not_dithered() -> None:
    frame = av.VideoFrame(64, 16, "yuv420p10le")
    for view in plane_views(frame):
        view.view("<u2")[:] = np.arange(view.shape[1] // 2) + 500
    planes = normalise(from_frame(frame, BT709_LIMITED))
    codes = (np.arange(64) + 500) / 4
    assert (planes.planes[0] == np.floor(codes + 0.5)).all()
    assert (planes.planes[1] == np.floor(codes[:32] + 0.5)).all()


@pytest.mark.parametrize("siting", [Siting.CENTER, Siting.TOP_LEFT])
@pytest.mark.parametrize("size", [(128, 96), (64, 48)])
def test_other_sitings_become_left(siting: Siting, size: tuple[int, int]) -> None:
    """A chroma ramp is linear in position, so its value tells where a sample is."""
    frame = av.VideoFrame(128, 96, "yuv420p")
    luma, cb, cr = plane_views(frame)
    luma[:] = 120
    across = 0.5 if siting is Siting.CENTER else 0.0
    down = 0.5 if siting is Siting.CENTER else 0.0
    cb[:] = np.rint(50 + 2 * np.arange(64) + across)[None, :]
    cr[:] = np.rint(60 + 2 * np.arange(48) + down)[:, None]
    planes = Scaler().scale(from_frame(frame, ColorSpec(Matrix.BT709, Range.LIMITED, siting=siting)), *size)
    step = 128 // size[0]
    # Left-sited: sample i at luma column 2i + 0.5 of its own size (counted from the edge), row pair j at 2j + 1.
    columns = (2 * np.arange(size[0] // 2) + 0.5) * step - 0.5
    rows = (2 * np.arange(size[1] // 2) + 1.0) * step - 0.5
    assert np.abs(planes.planes[1][20] - (50 + columns))[3:-3].max() <= 0.8
    assert np.abs(planes.planes[2][:, 20] - (60 + rows))[3:-3].max() <= 0.8


def test_what_is_native() -> None:
    assert is_native("yuv420p", BT709_LIMITED)
    assert is_native("nv12", BT709_LIMITED)
    for spec in (
        ColorSpec(Matrix.BT601, Range.LIMITED),
        ColorSpec(Matrix.BT709, Range.FULL),
        ColorSpec(Matrix.BT709, Range.LIMITED, siting=Siting.CENTER),
        ColorSpec(Matrix.BT709, Range.LIMITED, transfer=Transfer.PQ),
    ):
        assert not is_native("yuv420p", spec)
        assert describe_conversion("yuv420p", spec)
    assert not is_native("yuv444p", BT709_LIMITED)
    assert describe_conversion("nv12", BT709_LIMITED) is None
    planes = picture(32, 32)
    assert normalise(planes) is planes


# -- HDR ------------------------------------------------------------------------------------------------------------


def pq(light: float) -> float:
    """SMPTE ST 2084, inverse EOTF."""
    m1, m2 = 0.1593017578125, 78.84375
    c1, c2, c3 = 0.8359375, 18.8515625, 18.6875
    y = (light / 10000) ** m1
    return float(((c1 + c2 * y) / (1 + c3 * y)) ** m2)


def unpq(code: float) -> float:
    m1, m2 = 0.1593017578125, 78.84375
    c1, c2, c3 = 0.8359375, 18.8515625, 18.6875
    root = code ** (1 / m2)
    return float(10000 * (max(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1))


def bt2390(light: float) -> float:
    """1000 to 100 cd/m2, written from the report's text."""
    top, limit = pq(1000), pq(100) / pq(1000)
    e1, knee = min(pq(light) / top, 1.0), 1.5 * limit - 0.5
    if e1 >= knee:
        t = (e1 - knee) / (1 - knee)
        e1 = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * limit
    return unpq(e1 * top)


def grey_hdr(code: float, transfer: Transfer, size: tuple[int, int]) -> int:
    spec = ColorSpec(Matrix.BT2020, Range.LIMITED, Primaries.BT2020, transfer)
    frame = av.VideoFrame(32, 32, "yuv420p10le")
    for n, view in enumerate(plane_views(frame)):
        view.view("<u2")[:] = 512 if n else round(code * 876 + 64)
    planes = Scaler().scale(from_frame(frame, spec), *size)
    luma = planes.planes[0]
    assert luma.max() - luma.min() <= 1
    assert np.abs(planes.planes[1].astype(int) - 128).max() <= 1
    return int(luma[10, 10])


@pytest.mark.parametrize("size", [(32, 32), (16, 16), (64, 64)])
@pytest.mark.parametrize("light", [0.0, 1.0, 18.0, 100.0, 203.0, 600.0, 1000.0, 4000.0])
def test_pq_follows_the_stated_curve(light: float, size: tuple[int, int]) -> None:
    expected = 219 * (bt2390(light) / 100) ** (1 / 2.4) + 16
    assert abs(grey_hdr(pq(light), Transfer.PQ, size) - expected) <= 1.5


@pytest.mark.parametrize("code", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_hlg_follows_the_stated_curve(code: float) -> None:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = code**2 / 3 if code <= 0.5 else (np.exp((code - c) / a) + b) / 12
    expected = 219 * (bt2390(1000 * scene**1.2) / 100) ** (1 / 2.4) + 16
    assert abs(grey_hdr(code, Transfer.HLG, (32, 32)) - expected) <= 1.5


def test_hdr_colours_keep_their_hue() -> None:
    """Saturated BT.2020 red, green and blue at 200 cd/m2 stay the strongest channel and inside the range."""
    spec = ColorSpec(Matrix.BT2020, Range.LIMITED, Primaries.BT2020, Transfer.PQ)
    matrix = np.array(rgb_to_ycc(Matrix.BT2020))
    back = np.linalg.inv(np.array(rgb_to_ycc(Matrix.BT709)))
    for channel in range(3):
        rgb = np.full(3, pq(20.0))
        rgb[channel] = pq(200.0)
        ycc = matrix @ rgb
        frame = av.VideoFrame(32, 32, "yuv420p10le")
        for view, code in zip(
            plane_views(frame), (ycc[0] * 876 + 64, ycc[1] * 896 + 512, ycc[2] * 896 + 512), strict=True
        ):
            view.view("<u2")[:] = round(code)
        planes = normalise(from_frame(frame, spec))
        y, cb, cr = (float(p[8, 8]) for p in planes.planes)
        out = back @ np.array([(y - 16) / 219, (cb - 128) / 224, (cr - 128) / 224])
        assert int(np.argmax(out)) == channel
        assert out.min() > -0.02
        assert out.max() < 1.02
