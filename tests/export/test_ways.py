"""The way through an export survives a converter that its system lets down."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range
from reelpress.convert.select import ConverterChoice
from reelpress.encode.base import UNKNOWN, Change
from reelpress.encode.candidates import named
from reelpress.encode.select import Choice, EncoderChoice
from reelpress.errors import EncoderError, FormatError
from reelpress.export.rendering import PLANAR, Renderer
from reelpress.export.settings import ExportSettings
from reelpress.export.ways import Ways, _converter
from reelpress.media.encoder import EncoderSpec
from reelpress.media.opening import has_encoder
from reelpress.media.scale import allocate

if TYPE_CHECKING:
    from reelpress.media.planes import Planes

RGB = replace(BT709_LIMITED, matrix=Matrix.RGB, range=Range.FULL)
SPEC = EncoderSpec(32, 16, Fraction(30), codec="h264_qsv", pixel_format="nv12")


class Taking:
    """Keeps what it is given."""

    spec = SPEC
    pixel_format, size = "nv12", (32, 16)

    def __init__(self) -> None:
        self.given: list[Planes] = []

    def encode(self, planes: Planes, pts: int, change: Change = UNKNOWN) -> list[Any]:
        self.given.append(planes)
        return []

    def flush(self) -> list[Any]:
        return []


def ways(converter: str, renderer: Renderer) -> Ways:
    candidate = named("h264_qsv")
    assert candidate is not None
    encoder = EncoderChoice(candidate, "nv12", Choice("h264_qsv", "for this test"))
    return Ways(
        renderer, encoder, SPEC, ConverterChoice(converter, "for this test"), "software", Choice("software", "so")
    )


def grey(pixel_format: str, color: ColorSpec, value: int = 128) -> Planes:
    planes = allocate(32, 16, pixel_format, color)
    for plane in planes.planes:
        plane[...] = value
    return planes


def test_nothing_is_put_in_between_where_nothing_is_converted() -> None:
    encoder: Any = Taking()
    assert ways("none", Renderer("planar", PLANAR)).before(encoder) is None


def test_swscale_goes_on_where_the_systems_converter_fails() -> None:
    """VideoToolbox is asked for and not here: what a Mac whose framework fails would do."""
    encoder: Any = Taking()
    gpu = Renderer("gpu", Choice("gpu", "for this test"), "bgra")
    converting = ways("videotoolbox", gpu).before(encoder)
    assert converting is not None
    assert converting.used == "videotoolbox"
    picture = grey("bgra", RGB)
    converting.encode(picture, 0)
    converting.encode(picture, 1)
    converting.encode(grey("yuv420p", BT709_LIMITED), 2)  # the GPU gave up as well
    assert converting.used == "swscale"
    assert converting.lost
    assert converting.conversions == 2
    assert [planes.format for planes in encoder.given] == ["nv12"] * 3
    # 16 + 219 * 128 / 255 = 125.9 for the grey of RGB; codes stay codes
    assert [int(np.median(planes.planes[0])) for planes in encoder.given] == [126, 126, 128]
    converting.close()


@pytest.mark.gpu
def test_the_gpu_converts_what_the_cpu_drew_where_it_is_asked_to() -> None:
    """For Quick Sync, which takes NV12 only; with a software adapter where there is no other."""
    encoder: Any = Taking()
    renderer = Renderer("planar", PLANAR)
    choice = _converter(renderer, SPEC, ExportSettings(converter="gpu"), None)
    assert (choice.used, choice.fallback) == ("gpu", None)
    converting = ways("gpu", renderer).before(encoder)
    assert converting is not None
    converting.encode(grey("yuv420p", BT709_LIMITED, 90), 0)
    assert (converting.used, converting.conversions, converting.lost) == ("gpu", 1, None)
    (made,) = encoder.given
    assert made.format == "nv12"
    assert all(bool((plane == 90).all()) for plane in made.planes)
    converting.close()


def test_what_a_gpu_drew_as_rgba_is_not_sent_there_again() -> None:
    """``--no-gpu-format-conversion`` says that the CPU converts, and the report who really does."""
    renderer = Renderer("gpu", Choice("gpu", "for this test"), "rgba")
    asked = ExportSettings(converter="gpu", gpu_format_conversion=False)
    choice = _converter(renderer, SPEC, asked, None)
    assert choice.used == "swscale"
    assert choice.fallback is not None
    assert (choice.fallback.wanted, choice.fallback.used) == ("gpu", "swscale")
    assert "--no-gpu-format-conversion" in choice.fallback.reason
    converting = ways(choice.used, renderer).before(Taking())  # type: ignore[arg-type]
    assert converting is not None
    assert converting.used == "swscale"
    converting.close()


def test_other_mistakes_are_no_fallback() -> None:
    encoder: Any = Taking()
    converting = ways("swscale", Renderer("gpu", Choice("gpu", "for this test"), "rgba")).before(encoder)
    assert converting is not None
    with pytest.raises(FormatError):
        converting.encode(grey("bgra", BT709_LIMITED), 0)  # RGB that calls itself YUV
    assert converting.lost is None


@pytest.mark.parametrize(
    ("codec", "drawn", "taken", "converter"),
    [
        ("h264", "yuv420p", ("libx264", "yuv420p"), "none"),  # what had to become NV12 for Quick Sync need not any more
        ("h264", "nv12", ("libx264", "nv12"), "gpu"),
        ("h264", "bgra", ("libx264", "nv12"), "swscale"),
        ("hevc", "nv12", ("libx265", "yuv420p"), "swscale"),  # x265 takes no NV12
        ("av1", "yuv420p", ("libsvtav1", "yuv420p"), "none"),
    ],
)
def test_in_software_the_next_encoder_gets_what_it_takes(
    codec: str, drawn: Any, taken: tuple[str, str], converter: str
) -> None:
    if not has_encoder(taken[0]):
        pytest.skip(f"{taken[0]} is not in this PyAV")
    renderer = Renderer("planar", PLANAR, drawn) if drawn == "yuv420p" else Renderer("gpu", PLANAR, drawn)
    before = replace(ways("swscale", renderer), spec=replace(SPEC, codec=f"{codec}_qsv"))
    found = before.in_software(codec, "it broke")
    assert (found.spec.codec, found.spec.pixel_format, found.spec.device) == (*taken, None)
    assert (found.encoder.choice.used, found.encoder.pixel_format) == taken
    assert found.encoder.choice.rejected[-1] == ("h264_qsv", "it broke")
    assert found.converter.used == converter
    assert found.renderer is renderer, "who draws has drawn, and goes on"


def test_there_may_be_no_software_for_a_codec() -> None:
    with pytest.raises(EncoderError, match="needs no chip"):
        ways("none", Renderer("planar", PLANAR)).in_software("h266", "it broke")
