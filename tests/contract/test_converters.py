"""What every converter must do, measured against the float64 reference and against numbers worked out by hand.

The reference runs as a candidate too: its pixels are checked by the hand-worked tests below.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from converter_pictures import COLORS, RGB_PLACES, color_name, flat, picture, planes_of

from reelpress.color import BT709_LIMITED, SRGB, ColorSpec, Matrix, Range, Siting, Transfer
from reelpress.convert.base import FORMATS, SEED_PAIRS, Converter, plane_rows, row_bytes
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.select import make
from reelpress.errors import FormatError
from reelpress.media.planes import Planes


@dataclass(frozen=True)
class Tolerance:
    """How far a backend may be from the reference, in codes of 255."""

    most: int
    """Of any sample of a legal picture."""
    mean: float
    """Of the samples of a plane."""
    full_mean: float
    """The same where full-range YUV is involved."""
    edge: int
    """Of the first chroma column of left-sited results."""


TOLERANCES = {
    "reference": Tolerance(0, 0.0, 0.0, 0),
    # float32 against float64: a sample that lies on a half may round the other way.
    "gpu": Tolerance(1, 0.01, 0.01, 1),
    # 14- and 15-bit coefficients; chroma truncated in full range; its own weights in the first left-sited column.
    "swscale": Tolerance(1, 0.12, 0.62, 3),
    # The stand-in's own arithmetic. What Apple's does is compared on a Mac.
    "videotoolbox": Tolerance(1, 0.1, 0.1, 1),
}

BACKENDS = [
    "reference",
    "swscale",
    pytest.param("gpu", marks=pytest.mark.gpu),
    "videotoolbox",
]

SIZES = [(64, 48), (62, 34), (61, 35), (7, 5), (3, 1), (1, 1)]
"""Whole words, 2 mod 4, odd, and so small that everything is an edge."""


CASES = [(SIZES[0], color) for color in COLORS] + [
    (size, color) for size in SIZES[1:] for color in (COLORS[1], COLORS[2], COLORS[4])
]
"""Every colour at one size, and at every other size BT.601 both ways and what exports have."""


def loaded(name: str) -> ModuleType:
    """A helper of the VideoToolbox tests, which lie beside these."""
    path = Path(__file__).parents[1] / "convert" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault(name, importlib.util.module_from_spec(spec))
    if not hasattr(module, "build"):
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module", params=BACKENDS)
def converter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    yield from opened(request, tmp_path_factory)


@pytest.fixture(scope="module", params=BACKENDS[1:])
def candidate(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    """All but the reference."""
    yield from opened(request, tmp_path_factory)


def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Converter]:
    made: Converter
    if request.param == "videotoolbox":
        from reelpress.convert.videotoolbox import VideoToolboxConverter

        library = loaded("standin_library")
        standin = library.Standin(library.build(tmp_path_factory.mktemp("standin")))
        made = VideoToolboxConverter(standin.libraries, max_outstanding=8)
    else:
        made = make(request.param, allow_software=True)
    yield made
    made.close()
    made.close()  # twice is harmless


reference = ReferenceConverter()


def offered(converter: Converter, width: int = 64, height: int = 48) -> list[tuple[str, str]]:
    return [(s, t) for s in FORMATS for t in FORMATS if converter.why_not(s, t, width, height) is None]


def spec_for(target: str, color: ColorSpec) -> ColorSpec:
    return SRGB if target in RGB_PLACES else color


def differences(a: Planes, b: Planes) -> list[np.ndarray]:
    assert (a.format, a.width, a.height) == (b.format, b.width, b.height)
    assert [p.shape for p in a.planes] == [p.shape for p in b.planes]
    return [np.abs(x.astype(int) - y) for x, y in zip(a.planes, b.planes, strict=True)]


def hold(converter: Converter, got: Planes, wanted: Planes, full: bool) -> None:
    allowed = TOLERANCES[converter.name]
    for index, off in enumerate(differences(got, wanted)):
        what = f"{converter.name}: {got!r} plane {index}"
        inner = off
        if got.format not in RGB_PLACES and index and got.color.siting is Siting.LEFT:
            step = 2 if got.format == "nv12" else 1
            inner = off[:, step:]
            assert off[:, :step].max() <= allowed.edge, what
        # Full range: half a code of truncation beside the rounding.
        most = allowed.most + (1 if full and allowed.full_mean > 0.5 else 0)
        assert inner.size == 0 or inner.max() <= most, what
        if off.size >= 1000:
            assert off.mean() <= (allowed.full_mean if full else allowed.mean), what


def convert(converter: Converter, source: Planes, target: str, color: ColorSpec) -> Planes:
    return converter.convert(source, target, spec_for(target, color))


def refuses(converter: Converter, source: Planes, target: str, color: ColorSpec) -> None:
    """What it says that it cannot do, it does not do either."""
    with pytest.raises(FormatError, match=r"\.$"):
        converter.convert(source, target, color)


def unless_refused(converter: Converter, source: Planes, target: str, color: ColorSpec) -> Planes | None:
    """The result; ``None`` where VideoToolbox says that it does not make this colour. Nobody else may."""
    try:
        return convert(converter, source, target, color)
    except FormatError:
        if converter.name != "videotoolbox":
            raise
        return None


# --- against the reference --------------------------------------------------------------------------------------------


def test_it_does_what_an_export_needs(converter: Converter) -> None:
    missing = [pair for pair in SEED_PAIRS if pair not in offered(converter)]
    if converter.name == "videotoolbox":
        # The system's own converter is for what is rendered; RGBA only where its probe shows right colours.
        missing = [(s, t) for s, t in missing if t == "nv12" and s != "rgba"]
    assert missing == []


@functools.cache
def expected(source: str, target: str, size: tuple[int, int], color: ColorSpec, sited: ColorSpec) -> Planes:
    """What the reference makes of a sample picture."""
    return convert(reference, picture(source, *size, color), target, sited)


@pytest.mark.parametrize(("size", "color"), CASES, ids=lambda v: color_name(v) if isinstance(v, ColorSpec) else str(v))
def test_every_pair_is_near_the_reference(candidate: Converter, size: tuple[int, int], color: ColorSpec) -> None:
    done = 0
    for number, (source, target) in enumerate(offered(candidate, *size)):
        before = picture(source, *size, color, padding=(0, 3, 64)[number % 3])
        after = unless_refused(candidate, before, target, color)
        if after is None:
            continue
        sited = color
        if candidate.name == "videotoolbox" and source in RGB_PLACES:
            # Its chroma is the mean of 2x2 pixels, whatever it is tagged as (videotoolbox-abi: "chroma is averaged").
            sited = dataclasses.replace(color, siting=Siting.CENTER)
        hold(candidate, after, expected(source, target, size, color, sited), color.range is Range.FULL)
        assert after.color == spec_for(target, color)
        done += 1
    assert done or candidate.name == "videotoolbox"


@pytest.mark.parametrize("source", ["nv12", "yuv420p", "p010le", "yuyv422", "uyvy422"])
@pytest.mark.parametrize("color", [c for c in COLORS if c != BT709_LIMITED], ids=color_name)
def test_from_one_yuv_to_another(candidate: Converter, source: str, color: ColorSpec) -> None:
    """A camera's BT.601 or full-range 4:2:2 and a foreign video become what every export has."""
    before = picture(source, 62, 35, color, padding=5)
    if candidate.why_not(source, "nv12", 62, 35) is not None:
        return refuses(candidate, before, "nv12", BT709_LIMITED)
    got = unless_refused(candidate, before, "nv12", BT709_LIMITED)
    if got is None:  # VideoToolbox: neither full range nor center siting
        assert color.range is Range.FULL or color.siting is Siting.CENTER
        return None
    luma, chroma = differences(got, convert(reference, before, "nv12", BT709_LIMITED))
    # swscale: a wider kernel (media.scale's cubic) and 16-bit intermediates. VideoToolbox's stand-in corrects both
    # luma samples of a pair by their one chroma sample.
    most, mean = {"swscale": (6, 0.8), "videotoolbox": (4, 0.8)}.get(candidate.name, (1, 0.01))
    assert luma.max() <= most
    assert chroma.max() <= most
    assert luma.mean() <= mean
    assert chroma.mean() <= mean


# --- by hand ----------------------------------------------------------------------------------------------------------

# Y, Cb, Cr of the primaries at full amplitude, from the coefficients of BT.709-6 and BT.601-7 and their 8-bit
# quantisation, as in every table of colour bars.
BARS = {
    (Matrix.BT709, Range.LIMITED): {
        (255, 255, 255): (235, 128, 128), (0, 0, 0): (16, 128, 128), (255, 0, 0): (63, 102, 240),
        (0, 255, 0): (173, 42, 26), (0, 0, 255): (32, 240, 118), (255, 255, 0): (219, 16, 138),
    },
    (Matrix.BT601, Range.LIMITED): {
        (255, 255, 255): (235, 128, 128), (255, 0, 0): (81, 90, 240), (0, 255, 0): (145, 54, 34),
        (0, 0, 255): (41, 240, 110), (255, 255, 0): (210, 16, 146),
    },
    (Matrix.BT601, Range.FULL): {
        (255, 255, 255): (255, 128, 128), (0, 0, 0): (0, 128, 128), (255, 0, 0): (76, 85, 255),
        (0, 255, 0): (150, 44, 21), (0, 0, 255): (29, 255, 107),
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "rgb", "ycc"),
    [(kind, rgb, ycc) for kind, bars in BARS.items() for rgb, ycc in bars.items()],
    ids=lambda v: "-".join(map(str, v)),
)
def test_colour_bars(converter: Converter, kind: tuple[Matrix, Range], rgb: tuple[int, ...], ycc: tuple[int, ...]):
    matrix, value_range = kind
    color = ColorSpec(matrix, value_range)
    slack = {"reference": 0, "gpu": 0}.get(converter.name, 1)
    for source in RGB_PLACES:
        if converter.why_not(source, "nv12", 16, 8) is not None:
            continue
        after = unless_refused(converter, flat(source, 16, 8, rgb), "nv12", color)
        if after is None:
            continue
        luma, chroma = after.planes
        for samples, wanted in ((luma, ycc[0]), (chroma[:, 0::2], ycc[1]), (chroma[:, 1::2], ycc[2])):
            assert abs(samples.astype(int) - wanted).max() <= slack


@pytest.mark.parametrize("source", ["nv12", "yuv420p", "yuyv422", "uyvy422", "p010le"])
@pytest.mark.parametrize("target", ["rgba", "bgra"])
def test_bars_back_to_rgb(converter: Converter, source: str, target: str) -> None:
    """Codes of a bar give its colour within what their own rounding leaves (up to 2 codes of 255)."""
    if converter.why_not(source, target, 16, 8) is not None:
        return refuses(converter, constant(source, 16, 8, (90, 120, 130), BT709_LIMITED), target, SRGB)
    for (matrix, value_range), bars in BARS.items():
        for rgb, ycc in bars.items():
            before = constant(source, 16, 8, ycc, ColorSpec(matrix, value_range))
            pixels = converter.convert(before, target, SRGB).planes[0].reshape(8, 16, 4)
            for at, value in zip(RGB_PLACES[target], (*rgb, 255), strict=True):
                assert abs(pixels[..., at].astype(int) - value).max() <= (2 if value_range is Range.LIMITED else 3)
            assert (pixels[..., 3] == 255).all()


def constant(source: str, width: int, height: int, ycc: tuple[int, ...], color: ColorSpec) -> Planes:
    y, cb, cr = ycc
    if source == "yuyv422":
        rows = [np.tile([y, cb, y, cr], (height, width // 2))]
    elif source == "uyvy422":
        rows = [np.tile([cb, y, cr, y], (height, width // 2))]
    elif source == "yuv420p":
        rows = [np.full((height, width), y), *(np.full((height // 2, width // 2), c) for c in (cb, cr))]
    elif source == "nv12":
        rows = [np.full((height, width), y), np.tile([cb, cr], (height // 2, width // 2))]
    else:  # 10 bits in the upper end: limited codes are 4 times those of 8 bits, full ones 1023/255 times about zero
        if color.range is Range.LIMITED:
            y, cb, cr = 4 * y, 4 * cb, 4 * cr
        else:
            y, cb, cr = round(y * 1023 / 255), *(min(1023, round(512 + (c - 128) * 1023 / 255)) for c in (cb, cr))
        low = [((v << 6) & 255, (v << 6) >> 8) for v in (y, cb, cr)]
        rows = [np.tile(low[0], (height, width)), np.tile([*low[1], *low[2]], (height // 2, width // 2))]
    return planes_of(source, width, height, [np.asarray(r, np.uint8) for r in rows], color)


@pytest.mark.parametrize("value_range", list(Range))
def test_grey_has_no_colour(converter: Converter, value_range: Range) -> None:
    """Every level of grey in one picture: chroma is neutral, and luma is what BT.709 item 3.4 says."""
    if converter.name == "videotoolbox" and value_range is Range.FULL:
        pytest.skip("VideoToolbox is asked for video range only")
    levels = np.repeat(np.arange(256, dtype=np.uint8), 2)
    pixels = np.full((4, 512, 4), 255, np.uint8)
    pixels[..., :3] = levels[None, :, None]
    source = planes_of("bgra", 512, 4, [pixels.reshape(4, -1)], SRGB)
    luma, chroma = converter.convert(source, "nv12", ColorSpec(Matrix.BT709, value_range)).planes
    exact = levels.astype(float) if value_range is Range.FULL else 16 + 219 * levels.astype(float) / 255.0
    assert abs(luma - exact).max() <= (0.5001 if converter.name in ("reference", "gpu") else 1.0)
    # swscale's full range truncates: one off.
    allowed = 1 if (converter.name, value_range) == ("swscale", Range.FULL) else 0
    assert abs(chroma.astype(int) - 128).max() <= allowed


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER])
def test_siting_of_chroma(converter: Converter, siting: Siting) -> None:
    """One blue column: its share of each chroma sample says where that sits.

    Blue has Cb = 0.5, so 128 + 112 * share in limited range: 1/4 is 156, 1/2 is 184.
    """
    if converter.name == "videotoolbox":
        pytest.skip("VideoToolbox takes the siting as an attachment; its tests look at it")
    shares = {Siting.LEFT: {8: {4: 0.5}, 9: {4: 0.25, 5: 0.25}}, Siting.CENTER: {8: {4: 0.5}, 9: {4: 0.5}}}
    for column, wanted in shares[siting].items():
        pixels = np.zeros((8, 32, 4), np.uint8)
        pixels[..., 3] = 255
        pixels[:, column, 2] = 255
        source = planes_of("rgba", 32, 8, [pixels.reshape(8, -1)], SRGB)
        color = ColorSpec(Matrix.BT709, Range.LIMITED, siting=siting)
        cb = converter.convert(source, "nv12", color).planes[1][:, 0::2].astype(int)
        exact = np.array([128 + 112 * wanted.get(i, 0.0) for i in range(16)])
        assert abs(cb - exact).max() <= (1 if converter.name == "swscale" else 0)


@pytest.mark.parametrize("source", ["nv12", "yuyv422"])
@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER])
def test_siting_when_enlarging(converter: Converter, source: str, siting: Siting) -> None:
    """One column of Cb at +80 codes of limited range: blue falls off on both sides as linear interpolation says."""
    if converter.why_not(source, "rgba", 32, 8) is not None:
        return refuses(converter, constant(source, 32, 8, (60, 128, 128), BT709_LIMITED), "rgba", SRGB)
    color = ColorSpec(Matrix.BT601, Range.LIMITED, siting=siting)
    before = constant(source, 32, 8, (60, 128, 128), color)
    where = before.planes[1][:, 8:9] if source == "nv12" else before.planes[0][:, 17:18]
    where[:] = 128 + 80
    blue = converter.convert(before, "rgba", SRGB).planes[0].reshape(8, 32, 4)[4, :, 2].astype(int)
    shares = {
        Siting.LEFT: {7: 0.5, 8: 1.0, 9: 0.5},
        Siting.CENTER: {7: 0.25, 8: 0.75, 9: 0.75, 10: 0.25},
    }[siting]
    # B = (Y - 16) 255/219 + 1.772 * (Cb - 128) 255/224
    exact = [(44 * 255 / 219) + 1.772 * 80 * shares.get(x, 0.0) * 255 / 224 for x in range(32)]
    assert abs(blue - np.array(exact)).max() <= (0.5001 if converter.name in ("reference", "gpu") else 1.01)


def test_the_last_column_of_an_odd_width_is_not_mixed_with_anything(converter: Converter) -> None:
    """Red all over but for a blue last column: left-sited chroma there is 1/4 red, 3/4 blue (the edge repeats)."""
    if converter.why_not("rgba", "nv12", 33, 9) is not None or converter.name == "videotoolbox":
        pytest.skip(f"{converter.name} takes even sizes only")
    pixels = np.zeros((9, 33, 4), np.uint8)
    pixels[..., 0] = pixels[..., 3] = 255
    pixels[:, 32] = (0, 0, 255, 255)
    after = converter.convert(planes_of("rgba", 33, 9, [pixels.reshape(9, -1)], SRGB), "nv12", BT709_LIMITED)
    assert [p.shape for p in after.planes] == [(9, 33), (5, 34)]
    red, blue = (-0.2126 / (2 - 2 * 0.0722), 0.5), (0.5, -0.0722 / (2 - 2 * 0.2126))
    for at in (0, 1):
        exact = 128 + 224 * (0.25 * red[at] + 0.75 * blue[at])
        assert abs(after.planes[1][:, 32 + at] - exact).max() <= 1.01


# --- manners ----------------------------------------------------------------------------------------------------------


def test_the_source_is_left_alone_and_results_stay(converter: Converter) -> None:
    target = "nv12"
    before = picture("bgra", 62, 34, BT709_LIMITED, padding=8)
    before.time_base = Fraction(1, 90000)
    kept = before.planes[0].copy()
    before.planes[0].flags.writeable = False
    first = converter.convert(before, target, BT709_LIMITED)
    content = [p.copy() for p in first.planes]
    assert (first.pts, first.time_base) == (41, Fraction(1, 90000))
    other = flat("bgra", 62, 34, (9, 90, 200))
    for _ in range(5):
        converter.convert(other, target, BT709_LIMITED)
    assert (before.planes[0] == kept).all()
    assert all((a == b).all() for a, b in zip(first.planes, content, strict=True))


@pytest.mark.parametrize(("source", "target"), [("rgba", "bgra"), ("bgra", "rgba"), ("argb", "rgba")])
def test_alpha_is_kept_between_rgb_formats(converter: Converter, source: str, target: str) -> None:
    if converter.why_not(source, target, 31, 7) is not None:
        return refuses(converter, picture(source, 31, 7, SRGB), target, SRGB)
    before = picture(source, 31, 7, SRGB)
    after = converter.convert(before, target, SRGB).planes[0].reshape(7, 31, 4)
    pixels = before.planes[0].reshape(7, 31, 4)
    for a, b in zip(RGB_PLACES[source], RGB_PLACES[target], strict=True):
        assert (pixels[..., a] == after[..., b]).all()


def test_alpha_of_a_source_is_dropped(converter: Converter) -> None:
    opaque = picture("bgra", 32, 16, SRGB)
    clear = picture("bgra", 32, 16, SRGB)
    opaque.planes[0].reshape(16, 32, 4)[..., 3] = 255
    clear.planes[0].reshape(16, 32, 4)[..., 3] = 3
    a, b = (converter.convert(p, "nv12", BT709_LIMITED) for p in (opaque, clear))
    assert all((x == y).all() for x, y in zip(a.planes, b.planes, strict=True))


def test_other_names_are_understood(converter: Converter) -> None:
    assert converter.why_not("bgra", "nv12", 64, 48) is None
    for short, long in (("p010", "p010le"), ("i420", "yuv420p"), ("yuyv", "yuyv422")):
        for target in ("rgba", "nv12"):
            assert (converter.why_not(short, target, 64, 48) is None) == (
                converter.why_not(long, target, 64, 48) is None
            )


@pytest.mark.parametrize(
    ("source", "target", "width", "height", "says"),
    [
        ("bgra", "yuv444p", 16, 16, "yuv444p"),
        ("gray", "nv12", 16, 16, "gray"),
        ("bgra", "nv12", 0, 16, "0x16"),
        ("bgra", "nv12", 16, 20000, "16x20000"),
    ],
)
def test_why_not_is_a_sentence(
    converter: Converter, source: str, target: str, width: int, height: int, says: str
) -> None:
    reason = converter.why_not(source, target, width, height)
    assert reason is not None
    assert says in reason
    assert reason.endswith(".")


def test_wrong_pictures_are_refused(converter: Converter) -> None:
    good = picture("bgra", 16, 16, BT709_LIMITED)
    short = Planes("bgra", 16, 16, (good.planes[0][:15],), SRGB)
    yuv = Planes("bgra", 16, 16, good.planes, BT709_LIMITED)
    hdr = ColorSpec(Matrix.BT709, Range.LIMITED, transfer=Transfer.PQ)
    for source, target, color in (
        (short, "nv12", BT709_LIMITED),
        (yuv, "nv12", BT709_LIMITED),
        (good, "nv12", SRGB),
        (good, "nv12", hdr),
        (good, "yuv444p", BT709_LIMITED),
    ):
        with pytest.raises(FormatError, match=r"\.$"):
            converter.convert(source, target, color)


@pytest.mark.parametrize("name", FORMATS)
def test_layout_of_odd_pictures(name: str) -> None:
    """The bytes that FFmpeg's own frames have (imgutils.c): chroma rounds up, 4:2:2 has whole macropixels."""
    wanted = {
        "rgba": ([7 * 4], [5]), "bgra": ([28], [5]), "argb": ([28], [5]), "nv12": ([7, 8], [5, 3]),
        "yuv420p": ([7, 4, 4], [5, 3, 3]), "p010le": ([14, 16], [5, 3]), "yuyv422": ([16], [5]), "uyvy422": ([16], [5]),
    }  # fmt: skip
    assert (list(row_bytes(name, 7)), list(plane_rows(name, 5))) == wanted[name]
