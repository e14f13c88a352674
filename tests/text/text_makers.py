"""Runs, books and pictures for the tests of ``text``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reelpress.scene.text_run import TextRun, TextSpan, TextStyle
from reelpress.text.fonts import FontBook, default_book
from reelpress.text.layout import layout
from reelpress.text.raster import Sprite, rasterise

SHIPPED = FontBook(folders=())
"""The shipped typefaces alone: the same on every machine."""

_STYLE = set(TextStyle.__dataclass_fields__)


def make_run(text: str | tuple[TextSpan, ...], size: float = 48.0, **options: Any) -> TextRun:
    """A run; options of the style and of the run may be mixed."""
    style = {name: options.pop(name) for name in list(options) if name in _STYLE}
    spans = (TextSpan(text),) if isinstance(text, str) else text
    return TextRun(spans, TextStyle(size, **style), **options)


def draw(
    run: TextRun, origin: tuple[float, float] = (0.0, 0.0), scale: float = 1.0, book: FontBook = SHIPPED
) -> Sprite:
    return rasterise(layout(run, book), run, origin, scale)


def on_canvas(sprite: Sprite, size: tuple[int, int]) -> np.ndarray:
    """The sprite's premultiplied RGBA in a frame of (width, height); all of it must be inside."""
    canvas = np.zeros((size[1], size[0], 4))
    height, width = sprite.rgba.shape[:2]
    assert sprite.x >= 0 and sprite.y >= 0 and sprite.x + width <= size[0] and sprite.y + height <= size[1]
    canvas[sprite.y : sprite.y + height, sprite.x : sprite.x + width] = sprite.rgba
    return canvas


def needs(characters: str) -> FontBook:
    """The machine's fonts, if they have these characters; else the test is skipped."""
    book = default_book()
    lacking = [c for c in characters if book.face_for(c, "", 400, False) is None]
    if lacking:
        pytest.skip(f"no font on this machine has {' '.join(f'U+{ord(c):04X}' for c in lacking)}")
    return book
