"""A CPU export converts no pixel format: counted at swscale's door and at the encoder's, not read from a report."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import reelpress
from reelpress.compose.planar import PlanarCompositor
from reelpress.export.settings import ExportSettings, Unchanged
from reelpress.media import encoder, plane_scale, scale
from reelpress.media.planes import Planes

SETTINGS = ExportSettings(resolution="320x180", fps=Fraction(30), end=Fraction(1))


class Door:
    """Stands in for VideoReformatter and notes what goes through."""

    calls: list[tuple[str, str]]

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._real = VideoReformatter()

    def reformat(self, frame: Any, *args: Any, **kwargs: Any) -> Any:
        made = self._real.reformat(frame, *args, **kwargs)
        Door.calls.append((frame.format.name, made.format.name))
        return made


def address(planes: Planes) -> tuple[int, ...]:
    return tuple(int(p.__array_interface__["data"][0]) for p in planes.planes)


@pytest.mark.parametrize("unchanged", ["splice", "vfr", "encode"])
def test_no_conversion_from_decoder_to_encoder(
    tiny_cap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unchanged: Unchanged
) -> None:
    Door.calls = []
    for module in (scale, plane_scale):
        if hasattr(module, "VideoReformatter"):
            monkeypatch.setattr(module, "VideoReformatter", Door)
    composed: list[tuple[str, tuple[int, ...]]] = []
    given: list[tuple[str, int, int, tuple[int, ...], str, int, int]] = []

    real_compose = PlanarCompositor.compose

    def compose(self: PlanarCompositor, *args: Any) -> Any:
        result = real_compose(self, *args)
        composed.append((result.planes.format, address(result.planes)))
        return result

    real_frame = encoder.VideoSession._frame

    def frame(self: encoder.VideoSession, planes: Planes) -> Any:
        made = real_frame(self, planes)
        context = self._context
        given.append(
            (
                made.format.name,
                made.width,
                made.height,
                tuple(plane.buffer_ptr for plane in made.planes),
                context.pix_fmt,
                context.width,
                context.height,
            )
        )
        return made

    monkeypatch.setattr(PlanarCompositor, "compose", compose)
    monkeypatch.setattr(encoder.VideoSession, "_frame", frame)
    report = reelpress.export(tiny_cap, tmp_path / "x.mp4", settings=replace(SETTINGS, unchanged=unchanged))

    assert Door.calls, "the card is scaled, so swscale's door must have been used"
    assert [call for call in Door.calls if call[0] != call[1]] == []
    assert len(composed) == 30
    assert len(given) == report.frames.encoded
    assert unchanged != "encode" or len(given) == 30
    left = iter(composed)
    for name, width, height, taken, opened, wide, high in given:
        made = next((made for made, pointers in left if pointers == taken), None)
        assert made is not None, "the encoder reads the very memory that was composed"
        assert made == name == opened == "yuv420p"
        # PyAV's encoder converts just when format or size differ from what it was opened with
        assert (width, height) == (wide, high)


def test_the_door_sees_a_conversion_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from reelpress.color import ColorSpec, Matrix, Range

    Door.calls = []
    monkeypatch.setattr(scale, "VideoReformatter", Door)
    other = scale.allocate(64, 64, "yuv420p", ColorSpec(Matrix.BT601, Range.FULL))
    for plane in other.planes:
        plane[:] = 128
    scaler = scale.Scaler()
    scaler.scale(other, 64, 64)
    assert scaler.conversions == 1
