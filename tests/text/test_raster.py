"""Pixels of text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from text_makers import SHIPPED, draw, make_run, needs, on_canvas

from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.text_run import Backing, Outline, Pill, TextSpan, ink_bounds
from reelpress.text import pen
from reelpress.text.cache import ByteCache
from reelpress.text.fonts import SHIPPED_FOLDER, default_book
from reelpress.text.layout import layout
from reelpress.text.raster import TextRasteriser, rasterise

WHITE, RED = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0)


def _enlarged(text: str, size: float, origin: tuple[float, float], weight: int, canvas: tuple[int, int]) -> np.ndarray:
    """Coverage by another way: the whole text shaped at once by Pillow 16 times too large, averaged."""
    factor = 16
    font = ImageFont.truetype(str(SHIPPED_FOLDER / "inter-roman-wght.ttf"), size * factor)
    font.set_variation_by_axes([weight])
    picture = Image.new("L", (canvas[0] * factor, canvas[1] * factor))
    at = (origin[0] * factor, origin[1] * factor)
    ImageDraw.Draw(picture).text(at, text, fill=255, font=font, anchor="ls")
    return np.asarray(picture.reduce(factor)) / 255


@pytest.mark.parametrize(
    ("size", "fraction", "text"),
    [
        (48.0, (0.0, 0.0), "Hamburge"),
        (20.0, (0.5, 0.3), "Reelpress"),
        (24.0, (0.3, 0.8), "minimum"),
        (13.0, (0.6, 0), "small"),
    ],
)
def test_letters_are_those_of_a_16_times_larger_drawing(size: float, fraction: tuple[float, float], text: str) -> None:
    run = make_run(text, size=size)
    laid = layout(run, SHIPPED)
    x, y = 10 + fraction[0], 10 + fraction[1]
    canvas = (int(laid.width) + 24, int(laid.height) + 24)
    got = on_canvas(rasterise(laid, run, (x, y)), canvas)[:, :, 3]
    wanted = _enlarged(text, size, (x, y + laid.lines[0].baseline), 400, canvas)
    ink = (wanted > 0) | (got > 0)
    assert np.abs(got - wanted)[ink].mean() < 0.05
    assert got.sum() == pytest.approx(wanted.sum(), rel=0.02)


def test_text_does_not_jitter_when_it_slides() -> None:
    """The centre of mass follows the origin to an eighth of a pixel (half a step, and hinting)."""
    run = make_run("Sliding", size=30.0)
    laid = layout(run, SHIPPED)
    offsets = np.arange(0, 3, 0.1)
    centres = []
    for offset in offsets:
        cover = on_canvas(rasterise(laid, run, (5 + offset, 5 + 2 * offset)), (150, 60))[:, :, 3]
        total = cover.sum()
        centres.append(
            (
                (cover.sum(0) * np.arange(150)).sum() / total - offset,
                (cover.sum(1) * np.arange(60)).sum() / total - 2 * offset,
            )
        )
    assert np.ptp(np.array(centres), axis=0).max() <= 0.125 + 0.01


def test_premultiplied_and_read_only() -> None:
    spans = (TextSpan("ab", RED, 0.5), TextSpan("cd"))
    sprite = draw(make_run(spans, shadow=1.0, outline=Outline(2.0, (0.0, 0.0, 1.0))))
    assert sprite.rgba.dtype == np.float32 and not sprite.rgba.flags.writeable
    assert sprite.rgba.min() >= 0 and sprite.rgba.max() <= 1 + 1e-6
    assert (sprite.rgba[:, :, :3] <= sprite.rgba[:, :, 3:] + 1e-6).all()


def test_span_colours_and_opacity() -> None:
    run = make_run((TextSpan("I", RED, 0.5), TextSpan("I")), size=60.0)
    laid = layout(run, SHIPPED)
    canvas = on_canvas(rasterise(laid, run), (60, 80))
    second = round(laid.glyphs[1].x)
    left, right = canvas[:, :second], canvas[:, second:]
    assert left[:, :, 3].max() == pytest.approx(0.5) and left[:, :, 0].max() == pytest.approx(0.5)
    assert left[:, :, 1].max() == 0 and right[:, :, 1].max() == 1
    assert draw(make_run((TextSpan("I", RED, 0.0),))).rgba.size == 0


def test_outline_surrounds_the_letters() -> None:
    # A full stop is a small disc or square: its outline grows it by 4 px on every side.
    plain, lined = (draw(make_run(".", size=100.0, outline=o)) for o in (None, Outline(4.0, RED)))
    assert lined.rgba.shape[0] - plain.rgba.shape[0] in (8, 9, 10)
    assert (plain.x - lined.x, plain.y - lined.y) in {(4, 4), (5, 4), (4, 5), (5, 5)}
    centre = lined.rgba[lined.rgba.shape[0] // 2, lined.rgba.shape[1] // 2]
    assert centre == pytest.approx([1, 1, 1, 1])
    assert lined.rgba[lined.rgba.shape[0] // 2, 2] == pytest.approx([1, 0, 0, 1], abs=0.02)


def test_shadow_offset_and_strength() -> None:
    plain, shaded = draw(make_run("l", size=200.0)), draw(make_run("l", size=200.0, shadow=0.5))
    # 0.02 and 0.055 of 200 px: 4 and 11.
    assert shaded.rgba.shape[0] >= plain.rgba.shape[0] + 11
    canvas = on_canvas(shaded, (100, 300))
    x, bottom = plain.x + plain.rgba.shape[1] // 2 + 4, plain.y + plain.rgba.shape[0]
    assert canvas[bottom + 5, x] == pytest.approx([0, 0, 0, 0.85 * 0.5], abs=1e-6)
    assert canvas[bottom + 13, x, 3] == 0


def test_reveal_keeps_every_place() -> None:
    text = "Typewriter"
    whole = on_canvas(draw(make_run(text), (4, 4)), (320, 80))
    before = np.zeros_like(whole)
    for shown in range(len(text) + 1):
        sprite = draw(make_run(text, reveal=shown), (4, 4))
        now = on_canvas(sprite, (320, 80))
        differs = now != before
        assert (np.abs(now - whole)[differs] <= 0.35).all() or shown < len(text)
        assert (now <= whole + 1e-6).all()  # no letter is anywhere else than at the end
        assert shown == 0 or now.sum() > before.sum()
        before = now
    assert np.array_equal(before, whole)


def test_reveal_waits_for_whole_characters_and_cuts_joined_words() -> None:
    assert draw(make_run("e\u0301", reveal=1)).rgba.size == 0
    word = "\u0645\u062d\u0628\u0628\u0645"
    book = needs(word)
    run = make_run(word)
    laid = layout(run, book)
    whole = on_canvas(rasterise(laid, run, (20, 20)), (300, 120))
    sums = []
    for shown in range(len(word) + 1):
        part = on_canvas(rasterise(laid, make_run(word, reveal=shown), (20, 20)), (300, 120))
        same = part[:, :, 3] > 0
        assert np.array_equal(part[same], whole[same])
        if 0 < shown < len(word):  # from the right
            assert np.flatnonzero(part.any((0, 2))).max() == np.flatnonzero(whole.any((0, 2))).max()
        sums.append(part.sum())
    assert sums == sorted(sums) and sums[0] == 0 < sums[2] < sums[-1]


def test_backing_and_pill() -> None:
    spans = (TextSpan("aa "), TextSpan("bb"))
    common = {"size": 50.0, "family": "monospace", "color": (0.0, 0.0, 0.0)}
    back = draw(make_run("aa bb", backing=Backing((0.0, 1.0, 0.0), 0.5, 10.0), **common), (20, 20))
    # 5 letters of 30 px and a line of 60 px, 10 px around; a box without radius has exact edges.
    assert (back.x, back.y) <= (10, 10)
    canvas = on_canvas(back, (220, 120))
    assert canvas[10, 10] == pytest.approx([0, 0.5, 0, 0.5]) and canvas[89, 179, 3] == 0.5
    assert canvas[9, 10, 3] == canvas[10, 9, 3] == canvas[90, 100, 3] == canvas[50, 180, 3] == 0
    half = draw(make_run(spans, pill=Pill(0, 1, 0.5, RED, kind=CornerKind.ROUNDED), **common), (20, 20))
    # Boxes at x 20..80 and 110..170: halfway 65..125.
    row = on_canvas(half, (220, 120))[21, :, 0]
    assert np.flatnonzero(row > 0.01).tolist() == list(range(65, 125))
    rounded = on_canvas(draw(make_run("aa", backing=Backing(RED, 1.0, 10.0, 20.0), **common), (20, 20)), (120, 120))
    assert rounded[10, 10, 3] == 0 and rounded[50, 12, 3] == 1


def test_scale_draws_afresh() -> None:
    run = make_run("Pop", size=40.0)
    laid = layout(run, SHIPPED)
    large = layout(make_run("Pop", size=80.0), SHIPPED)
    a = on_canvas(rasterise(laid, run, (8, 8), 2.0), (220, 130))
    b = on_canvas(rasterise(large, make_run("Pop", size=80.0), (8, 8)), (220, 130))
    assert np.array_equal(a, b)


def test_emoji_are_in_colour_and_keep_their_opacity() -> None:
    book = needs("😀")
    for opacity in (1.0, 0.5):
        run = make_run((TextSpan("😀", WHITE, opacity),), size=50.0, outline=Outline(1.2), shadow=1.0)
        sprite = rasterise(layout(run, book), run)
        rgba = sprite.rgba[sprite.rgba.shape[0] // 2, sprite.rgba.shape[1] // 5]
        assert rgba[0] > rgba[2] + 0.2 * opacity  # yellow, not white
    assert (sprite.rgba[:, :, :3] <= sprite.rgba[:, :, 3:] + 1e-6).all()


def test_italic_leans_right_about_the_baseline() -> None:
    upright, italic = (draw(make_run("l", size=100.0, italic=i), (20, 20)).rgba[:, :, 3] for i in (False, True))
    top, bottom = italic[3], italic[-4]
    lean = np.average(np.arange(len(top)), weights=top) - np.average(np.arange(len(bottom)), weights=bottom)
    assert lean == pytest.approx((italic.shape[0] - 7) * pen.SLANT, abs=0.5)
    assert upright.shape[0] == pytest.approx(italic.shape[0], abs=1)


def test_same_run_same_bytes_in_any_order() -> None:
    runs = [make_run(t, size=s, shadow=0.5) for t in ("first", "second ⌘", "third") for s in (20.0, 33.3)]
    once = [draw(run, (1.3, 2.7)).rgba.tobytes() for run in runs]
    pen._masks.clear()
    pen._font.cache_clear()
    again = [draw(run, (1.3, 2.7)).rgba.tobytes() for run in reversed(runs)]
    assert once == again[::-1]


def test_the_rasteriser_moves_what_it_has() -> None:
    art = TextRasteriser(SHIPPED)
    run = make_run("cached")
    first, second = art.sprite(run, (10.25, 10.0)), art.sprite(run, (17.25, 3.0))
    assert second.rgba is first.rgba and (second.x - first.x, second.y - first.y) == (7, -7)
    assert np.array_equal(first.rgba, draw(run, (10.25, 10.0)).rgba)
    assert art.sprite(run, (10.5, 10.0)).rgba is not first.rgba


def test_caches_keep_to_their_bytes() -> None:
    art = TextRasteriser(SHIPPED, max_bytes=200_000)
    for i in range(12):
        art.sprite(make_run(f"number {i}"))
        assert art.nbytes <= 200_000
    cache: ByteCache[int, bytes] = ByteCache(10, len)
    for i in range(5):
        cache.put(i, b"1234")
    assert cache.nbytes == 8 and cache.get(2) is None and cache.get(4) == b"1234"
    cache.put(4, b"1")
    cache.put(9, b"x" * 11)
    assert cache.nbytes == 5 and cache.get(9) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=8), st.floats(0, 1)), max_size=3),
    st.floats(1, 70),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 12)),
    st.floats(0, 0.999),
)
def test_anything_can_be_drawn_inside_its_bounds(
    texts: list[tuple[str, float]], size: float, dressed: bool, reveal: int | None, fraction: float
) -> None:
    spans = tuple(TextSpan(text, None, opacity) for text, opacity in texts)
    extra = {"outline": Outline(1.2), "shadow": 0.7, "backing": Backing(RED, 0.5, 5.0, 4.0)} if dressed else {}
    run = make_run(spans, size=size, reveal=reveal, italic=dressed, **extra)
    laid = layout(run, default_book())
    sprite = rasterise(laid, run, (fraction, 3 * fraction))
    assert np.isfinite(sprite.rgba).all()
    if sprite.rgba.size and not any(c >= "\u0300" for c in run.text):
        bounds = ink_bounds(run, laid.metrics(len(spans)), fraction, 3 * fraction)
        assert sprite.x >= bounds.x and sprite.y >= bounds.y
        assert sprite.x + sprite.rgba.shape[1] <= bounds.right and sprite.y + sprite.rgba.shape[0] <= bounds.bottom
