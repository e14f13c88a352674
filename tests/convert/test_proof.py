"""The picture by which a system's converter shows that its pixels are right, before it is taken unasked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from standin_library import Standin

from reelpress.color import BT709_LIMITED, ColorSpec, Matrix, Range, Siting
from reelpress.convert import select
from reelpress.convert.proof import CHROMA_MOST, compared, key_of, picture, proved
from reelpress.convert.reference import ReferenceConverter
from reelpress.convert.select import choose, make
from reelpress.convert.videotoolbox import VideoToolboxConverter
from reelpress.encode.verdicts import Verdicts
from reelpress.media.planes import Planes

MakeConverter = Callable[..., VideoToolboxConverter]
reference = ReferenceConverter()


def made(given: Planes, color: ColorSpec) -> Planes:
    """What the reference makes, with the label of the usual colour."""
    found = reference.convert(given, "nv12", color)
    found.color = BT709_LIMITED
    return found


@pytest.mark.parametrize("source", ["bgra", "argb", "rgba", "yuyv422", "uyvy422"])
@pytest.mark.parametrize("name", ["reference", "swscale"])
def test_right_converters_pass(name: str, source: str) -> None:
    """swscale shares nothing with the reference."""
    assert proved(make(name), source, "nv12") is None


@pytest.mark.parametrize(
    ("color", "words"),
    [
        (replace(BT709_LIMITED, matrix=Matrix.BT601), "Its luma"),
        (replace(BT709_LIMITED, range=Range.FULL), "Its luma"),
        (replace(BT709_LIMITED, siting=Siting.CENTER), "Its chroma"),
    ],
)
def test_wrong_colours_and_a_shift_of_chroma_are_seen(color: ColorSpec, words: str) -> None:
    given = picture("bgra")
    assert (compared(made(given, color), given) or "").startswith(words)


def test_decimated_and_swapped_chroma_is_seen() -> None:
    given = picture("bgra")
    full = reference.convert(given, "yuyv422", replace(BT709_LIMITED, siting=Siting.CENTER)).planes[0]
    right = made(given, BT709_LIMITED)
    first_row_only = np.stack([full[::2, 1::4], full[::2, 3::4]], -1).reshape(right.planes[1].shape)
    swapped = right.planes[1].reshape(24, 32, 2)[..., ::-1].reshape(24, 64)
    late = np.roll(right.planes[1], 1, axis=0)
    for chroma in (first_row_only, swapped, late):
        wrong = compared(replace(right, planes=(right.planes[0], chroma)), given)
        assert wrong is not None
        assert "Its chroma" in wrong


def test_the_shift_is_far_beyond_what_is_allowed() -> None:
    """By hand: red beside blue, Cb 102 and 240 (BT.709-6). Over an edge, left-sited has 3/4 of one, centered all."""
    given = picture("bgra")
    off = np.abs(
        made(given, BT709_LIMITED).planes[1].astype(int)
        - made(given, replace(BT709_LIMITED, siting=Siting.CENTER)).planes[1]
    )
    assert off.max() >= (240 - 102) / 4
    assert off.max() > 4 * CHROMA_MOST


class Counting:
    """A converter of a system, as wrong as it is told to be."""

    name = "videotoolbox"

    def __init__(self, color: ColorSpec = BT709_LIMITED) -> None:
        self.color, self.asked, self.closed = color, 0, False

    def why_not(self, source: str, target: str, width: int, height: int) -> str | None:
        return None

    def convert(self, planes: Planes, target: str, color: ColorSpec) -> Planes:
        self.asked += 1
        return made(planes, self.color)

    def close(self) -> None:
        self.closed = True


CENTERED = replace(BT709_LIMITED, siting=Siting.CENTER)


def on_a_mac(monkeypatch: pytest.MonkeyPatch, converter: object) -> None:
    real = select.make
    monkeypatch.setattr(
        select, "make", lambda name, **more: converter if name == "videotoolbox" else real(name, **more)
    )


def test_auto_takes_the_systems_converter_only_if_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Counting()
    on_a_mac(monkeypatch, right)
    choice = choose("auto", "bgra", "nv12", 1920, 1080)
    assert (choice.used, right.asked, right.closed) == ("videotoolbox", 1, True)
    assert "a picture showed" in choice.reason
    on_a_mac(monkeypatch, Counting(CENTERED))
    choice = choose("auto", "bgra", "nv12", 1920, 1080)
    assert (choice.used, choice.fallback) == ("swscale", None)
    reasons = {row.backend: row.why_not for row in choice.rejected}
    assert "where colours meet" in (reasons["videotoolbox"] or "")


def test_asked_for_it_is_taken_and_the_plan_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_mac(monkeypatch, Counting(CENTERED))
    choice = choose("videotoolbox", "bgra", "nv12", 1920, 1080)
    assert (choice.used, choice.fallback) == ("videotoolbox", None)
    assert choice.reason.startswith("asked for with --converter, and would not be taken otherwise: Its chroma")


def test_nor_does_it_stand_in_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """``gpu`` was asked for and is not there: the next one is held to the same."""
    real = select.make
    wrong = Counting(CENTERED)
    no_gpu = Counting()
    no_gpu.why_not = lambda *_: "There is no GPU."  # type: ignore[method-assign,assignment]
    given = {"videotoolbox": wrong, "gpu": no_gpu}
    monkeypatch.setattr(select, "make", lambda name, **more: given.get(name) or real(name, **more))
    assert choose("gpu", "bgra", "nv12", 64, 48).used == "swscale"


def test_the_verdict_is_kept_for_this_system_and_version(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kept = Verdicts(tmp_path / "verdicts.json")
    for color, used in ((BT709_LIMITED, "videotoolbox"), (CENTERED, "videotoolbox")):
        converter = Counting(color)
        on_a_mac(monkeypatch, converter)
        assert choose("auto", "bgra", "nv12", 1920, 1080, kept=kept).used == used  # the second time from memory
        assert converter.asked == (1 if color is BT709_LIMITED else 0)
    assert len({key_of("a", "bgra", "nv12", system) for system in ("macOS-14.5", "macOS-15.0")}) == 2
    assert key_of("a", "bgra", "nv12") != key_of("a", "argb", "nv12")


def test_a_failure_is_a_reason_and_is_not_kept(make: MakeConverter, standin: Standin, tmp_path: Path) -> None:
    kept = Verdicts(tmp_path / "verdicts.json")
    converter = make()
    assert converter.why_not("bgra", "nv12", 64, 48) is None
    standin.fail("VTPixelTransferSessionTransferImage", -12905, times=9)
    wrong = proved(converter, "bgra", "nv12", kept)
    assert wrong is not None
    assert "-12905" in wrong
    assert not (tmp_path / "verdicts.json").exists()
    standin.reset_errors()
    assert "Its chroma" in (proved(converter, "bgra", "nv12", kept) or "")
    assert (tmp_path / "verdicts.json").exists()


@pytest.mark.parametrize(("source", "right"), [("bgra", False), ("argb", False), ("yuyv422", True), ("uyvy422", True)])
def test_a_system_that_averages_around_the_centre(make: MakeConverter, source: str, right: bool) -> None:
    """What Apple's header says of its average, "default center", is what the stand-in does: auto leaves it alone.

    Chroma of 4:2:2 stays where it is across, so there it is right.
    """
    assert (proved(make(), source, "nv12") is None) == right
