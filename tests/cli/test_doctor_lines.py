"""What ``doctor`` says of converters that are wrong or do a part only. None is here, so the rows are made up."""

from __future__ import annotations

from typing import Any

from reelpress.cli.doctor import _of_converter


def row(
    source: str, target: str, *, available: bool = True, right: bool | None = None, reason: str = ""
) -> dict[str, Any]:
    return {"source": source, "target": target, "available": available, "right": right, "reason": reason}


def test_a_converter_with_wrong_pixels_is_marked_and_explained() -> None:
    rows = [
        row("bgra", "nv12", right=False, reason="Its chroma is up to 37 of 255 off."),
        row("yuyv422", "nv12", right=True),
        row("nv12", "rgba", available=False, reason="VideoToolbox converts bgra, argb to nv12 here."),
    ]
    first, missing, wrong = _of_converter("videotoolbox", rows)
    assert first.split() == ["yes", "WRONG", "videotoolbox", "2", "of", "3", "pairs", "of", "formats"]
    assert missing.split(":")[0].strip() == "not nv12>rgba"
    assert wrong.strip() == "wrong: bgra>nv12: Its chroma is up to 37 of 255 off."


def test_one_that_is_not_here_has_its_reason_and_no_verdict() -> None:
    (line,) = _of_converter(
        "videotoolbox", [row("bgra", "nv12", available=False, reason="VideoToolbox is part of macOS.")]
    )
    assert line.split() == ["no", "–", "videotoolbox", "VideoToolbox", "is", "part", "of", "macOS."]


def test_one_that_is_here_and_was_not_tried_is_not_called_right() -> None:
    line = _of_converter("encoder", [row("bgra", "h264_videotoolbox"), row("bgra", "hevc_videotoolbox")])[0]
    assert line.split() == ["yes", "–", "encoder", "bgra>h264_videotoolbox", "bgra>hevc_videotoolbox"]
