"""Picture files of a project: upright, and whatever is wrong with one is said of that file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import reelpress
from reelpress.compose.assets import load, upright_size
from reelpress.errors import MissingInputError, UnreadableInputError

WIDE = np.zeros((2, 3, 3), np.uint8)
WIDE[0, 0] = (255, 0, 0)
WIDE[0, 2] = (0, 255, 0)
WIDE[1, 0] = (0, 0, 255)


def exif(orientation: int, kind: int = 3) -> bytes:
    """One entry, the orientation, of the given TIFF type (3: a short)."""
    entry = (0x0112).to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little")
    entry += orientation.to_bytes(4, "little")
    return b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


def stored(format: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(WIDE).save(out, format, **options)
    return out.getvalue()


UPRIGHT: dict[int, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}
"""Exif 3.0, 4.6.5.1: where row 0 and column 0 of what is stored are to be seen (6: at the right, at the top)."""


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "TIFF-LZW"])
def test_pictures_are_upright(tmp_path: Path, format: str, orientation: int) -> None:
    path = tmp_path / "picture"
    if format.startswith("TIFF"):
        tags = Image.Exif()
        tags[0x0112] = orientation
        path.write_bytes(stored("TIFF", exif=tags, compression="tiff_lzw" if format == "TIFF-LZW" else None))
    else:
        path.write_bytes(stored(format, exif=exif(orientation), lossless=True))
    expected = UPRIGHT[orientation](WIDE)
    found = load(str(path))
    assert np.array_equal(found[..., :3], expected) and (found[..., 3] == 255).all()
    assert upright_size(str(path)) == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("odd", [exif(9), exif(0), exif(6, kind=2), b"Exif\0\0II*h" + exif(6)[10:], exif(6)[:17]])
@pytest.mark.parametrize("format", ["PNG", "WEBP"])
@pytest.mark.filterwarnings("ignore:(Corrupt EXIF|Truncated File)")
def test_a_whole_picture_with_broken_exif_is_shown_as_it_is_stored(tmp_path: Path, format: str, odd: bytes) -> None:
    path = tmp_path / "picture"
    path.write_bytes(stored(format, exif=odd, lossless=True))
    assert np.array_equal(load(str(path))[..., :3], WIDE)
    assert upright_size(str(path)) == (3, 2)


def _without_pixel_format() -> bytes:
    raw = stored("DDS")
    return raw[:80] + bytes(4) + raw[84:]  # NotImplementedError: neither RGB nor compressed


def _without_primary_item() -> bytes:
    raw = stored("AVIF")
    assert raw.count(b"pitm") == 1
    return raw.replace(b"pitm", b"pitn")  # RuntimeError


DAMAGED: dict[str, Callable[[], bytes]] = {
    "dds": _without_pixel_format,
    "avif": _without_primary_item,
    "png": lambda: stored("PNG")[:50],
    "jpg": lambda: stored("JPEG")[:-20].replace(b"\xff\xc4", b"\xff\xc9"),
    "text": lambda: b"no picture at all",
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_said_of_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"background.{kind}"
    try:
        path.write_bytes(DAMAGED[kind]())
    except (KeyError, OSError):
        pytest.skip(f"this Pillow writes no {kind}")
    with pytest.raises(UnreadableInputError, match=rf"background\.{kind} cannot be read as a picture: .+\.$"):
        load(str(path))
    assert upright_size(str(path)) in ((3, 2), None)


DEEP = np.array([[0, 32768, 65535], [16384, 257, 40000]], np.uint16)


@pytest.mark.parametrize("kind", ["png", "tif", "pgm"])
def test_deep_grey_is_scaled_and_not_cut_off(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"grey.{kind}"
    if kind == "pgm":
        path.write_bytes(b"P5 3 2 65535\n" + DEEP.astype(">u2").tobytes())
    else:
        Image.fromarray(DEEP).save(path)
    found = load(str(path))
    assert (found[..., 3] == 255).all()
    for channel in range(3):
        assert np.abs(found[..., channel] - DEEP / 257).max() <= 0.5  # 65535 is 257 times 255


@pytest.mark.parametrize("orientation", [1, 6])
def test_deep_grey_with_a_transparent_value(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(DEEP).save(path, transparency=32768, exif=exif(orientation))
    found = load(str(path))
    assert np.array_equal(found[..., 3], UPRIGHT[orientation](np.where(DEEP == 32768, 0, 255)[..., None])[..., 0])


def test_of_what_nobody_says_how_much_white_is(tmp_path: Path) -> None:
    path = tmp_path / "light.tif"
    Image.fromarray(np.array([[0.0, 1.0]], np.float32)).save(path)
    with pytest.raises(UnreadableInputError, match=r"light\.tif .*32 bits a sample; save it with 8 or 16\.$"):
        load(str(path))


def test_large_pictures_are_read_or_refused_without_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow refuses from twice its limit on, and warns (here: an error) from the limit on."""
    path = tmp_path / "large.png"
    Image.new("L", (2100, 1000)).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000_000)
    assert load(str(path)).shape == (1000, 2100, 4)
    assert upright_size(str(path)) == (2100, 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    with pytest.raises(UnreadableInputError, match=r"large\.png .*more than the 2 million pixels"):
        load(str(path))
    assert upright_size(str(path)) is None


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        load(str(tmp_path / "gone.png"))
    assert upright_size(str(tmp_path / "gone.png")) is None


@pytest.fixture
def background(tiny_cap: Path, tmp_path: Path) -> Callable[[str], reelpress.ExportSettings]:
    """Settings of a small export with a picture behind the card."""

    def settings(kind: str) -> reelpress.ExportSettings:
        picture = tmp_path / f"background.{kind}"
        picture.write_bytes(DAMAGED[kind]())
        source = {"type": "image", "path": picture.as_posix()}
        project = tmp_path / "project-config.json"
        project.write_text(json.dumps({"background": {"source": source, "padding": 20}}))
        return reelpress.ExportSettings(resolution="64x36", end=Fraction(1, 10), project=project)

    return settings


def test_a_background_of_which_nothing_can_be_read_is_told_by_the_plan(
    tiny_cap: Path, tmp_path: Path, background: Callable[[str], reelpress.ExportSettings]
) -> None:
    plan = reelpress.plan(tiny_cap, tmp_path / "out.mp4", settings=background("dds"))
    (said,) = [warning for warning in plan.warnings if "background.dds" in warning]
    assert "unreadable" in said


def test_a_background_that_breaks_off_ends_the_export_and_is_named(
    tiny_cap: Path, tmp_path: Path, background: Callable[[str], reelpress.ExportSettings]
) -> None:
    with pytest.raises(UnreadableInputError, match=r"background\.png cannot be read"):
        reelpress.export(tiny_cap, tmp_path / "out.mp4", settings=background("png"))
    assert not list(tmp_path.glob("out*"))


def test_postscript_is_no_picture(tmp_path: Path) -> None:
    """Pillow would start Ghostscript, a language of its own, to draw it."""
    path = tmp_path / "page.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    with Image.open(path) as image:
        assert image.format == "EPS"  # were it allowed
    with pytest.raises(UnreadableInputError, match=r"page\.png cannot be read as a picture"):
        load(str(path))
    assert upright_size(str(path)) is None
