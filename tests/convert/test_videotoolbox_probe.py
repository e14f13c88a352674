"""The start-up probe: known colours decide whether a source format is offered, and how chroma is made is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from standin_library import Standin
from videotoolbox_pictures import difference, rgb_picture, rgb_triples

from reelpress.color import BT709_LIMITED, Siting
from reelpress.convert._videotoolbox_probe import Verdict, colours, probe
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.errors import FormatError
from reelpress.media.planes import Planes

Make = Callable[..., VideoToolboxConverter]
ALL = ["bgra", "argb", "rgba", "yuyv422", "uyvy422"]


def test_rgba_that_is_right(make: Make, standin: Standin) -> None:
    standin.fault("rgba", 1)
    converter = make()
    assert converter.why_not("rgba", "nv12", 32, 16) is None
    given = rgb_picture("rgba", rgb_triples(32, 16))
    assert max(difference(converter.convert(given, "nv12", BT709_LIMITED), given)) <= 0.5000001


def test_rgba_that_is_taken_for_bgra(make: Make, standin: Standin) -> None:
    standin.fault("rgba", 2)
    converter = make()
    reason = converter.why_not("rgba", "nv12", 32, 16)
    assert reason is not None
    # Pure red is 62.6, 102.4, 240 (BT.709-6); read as blue it is 31.8, 240, 117.8.
    assert "wrong colours of rgba" in reason
    assert "expected Y, Cb, Cr = 63, 102, 240 in patch 0 of the probe, got (32, 240, 118)" in reason
    with pytest.raises(FormatError, match="wrong colours"):
        converter.convert(rgb_picture("rgba", rgb_triples(32, 16)), "nv12", BT709_LIMITED)
    assert converter.why_not("bgra", "nv12", 32, 16) is None  # the others are not touched by it


def test_rgba_that_is_refused(make: Make) -> None:
    converter = make()
    reason = converter.why_not("rgba", "nv12", 32, 16)
    assert reason is not None
    assert "kVTPixelTransferNotSupportedErr, -12905" in reason
    assert set(converter.describe()["rejected"]) == {"rgba"}


def test_the_verdict_is_kept(make: Make, standin: Standin) -> None:
    converter = make()
    assert converter.why_not("bgra", "nv12", 32, 16) is None
    transfers = standin.count("transfer")
    for width in range(1, 50):
        assert converter.why_not("bgra", "nv12", width, 16) is None
    assert standin.count("transfer") == transfers == 2


@pytest.mark.parametrize("fault", ["full_range", "ignore_matrix", "swapped"])
def test_wrong_colours_are_seen(make: Make, standin: Standin, fault: str) -> None:
    standin.fault(fault)
    converter = make()
    reason = converter.why_not("bgra", "nv12", 32, 16)
    assert reason is not None
    assert "wrong colours of bgra on this system" in reason
    assert "--converter swscale" in reason


@pytest.mark.parametrize("source", ALL)
def test_chroma_is_measured(make: Make, standin: Standin, source: str) -> None:
    standin.fault("rgba", 1)
    converter = make()
    assert converter.why_not(source, "nv12", 32, 16) is None
    rgb = source in ("bgra", "argb", "rgba")
    wanted = "mean of 2x2 pixels" if rgb else "same as source across, mean of 2 rows"
    assert converter.describe()["chroma"] == {source: wanted}
    assert converter.describe()["chroma_location"] == (
        "kCVImageBufferChromaLocation_Center" if rgb else "kCVImageBufferChromaLocation_Left"
    )
    standin.fault("no_average")
    other = make()
    assert other.why_not(source, "nv12", 32, 16) is None
    assert "decimated" in other.describe()["chroma"][source]
    assert any("decimates" in note for note in other.describe()["notes"])


@pytest.mark.parametrize(("siting", "name"), [(Siting.LEFT, "left-sited mean"), (Siting.CENTER, "mean of 2x2 pixels")])
def test_the_probe_understands_another_converter(siting: Siting, name: str) -> None:
    """The float64 reference of another author passes it, and its siting is recognised."""
    reference = ReferenceConverter()
    color = replace(BT709_LIMITED, siting=siting)
    for source in ("bgra", "argb", "rgba"):
        assert probe(lambda planes: reference.convert(planes, "nv12", color), source) == Verdict(None, name)
    if siting is Siting.LEFT:
        for source in ("yuyv422", "uyvy422"):
            found = probe(lambda planes: reference.convert(planes, "nv12", color), source)
            assert found == Verdict(None, "same as source across, mean of 2 rows")


def test_every_wrong_order_of_channels_is_seen() -> None:
    reference = ReferenceConverter()
    for given in ("bgra", "argb", "rgba"):
        for taken_for in ("bgra", "argb", "rgba"):

            def convert(planes: Planes, name: str = taken_for) -> Planes:
                planes.format = name
                return reference.convert(planes, "nv12", BT709_LIMITED)

            assert (probe(convert, given).why_not is None) == (given == taken_for)


@pytest.mark.parametrize("plane", [0, 1])
@pytest.mark.parametrize("error", [-4, 4])
def test_a_small_shift_is_seen(plane: int, error: int) -> None:
    reference = ReferenceConverter()

    def convert(planes: Planes) -> Planes:
        result = reference.convert(planes, "nv12", BT709_LIMITED)
        shifted = [p.copy() for p in result.planes]
        shifted[plane] = (shifted[plane].astype(np.int16) + error).clip(0, 255).astype(np.uint8)
        result.planes = tuple(shifted)
        return result

    assert probe(convert, "bgra").why_not is not None


def test_the_colours_tell_channels_apart() -> None:
    known = colours()
    assert len(known) == 16
    assert sum(len(set(colour)) == 3 for colour in known) >= 4
