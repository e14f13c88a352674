"""Positions: sums of advances, lines, direction, shrinking."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont, features
from text_makers import SHIPPED, make_run, needs

from reelpress.scene.plan.rect import Rect
from reelpress.scene.text_run import Align, Direction, Fit, TextSpan, VerticalAlign, ink_bounds
from reelpress.text import pen
from reelpress.text.fonts import SHIPPED_FOLDER, default_book
from reelpress.text.layout import cached_layout, layout, measure, origin_in

needs_raqm = pytest.mark.skipif(not features.check("raqm"), reason="this Pillow has no Raqm (FriBiDi is not installed)")


def _units(text: str) -> float:
    """Width in font units by Pillow itself: Noto Sans Mono at one unit per pixel."""
    return ImageFont.truetype(str(SHIPPED_FOLDER / "noto-sans-mono-regular.ttf"), 1000).getlength(text)


def test_monospaced_width_is_that_of_the_font() -> None:
    assert _units("a") == 600
    laid = layout(make_run("Hello, world", size=37.0, family="monospace"), SHIPPED)
    assert laid.width == pytest.approx(12 * 0.6 * 37)
    assert [g.x for g in laid.glyphs][:5] == pytest.approx([i * 0.6 * 37 for i in range(5)])


def test_width_is_the_sum_of_advances_and_kerning() -> None:
    laid = layout(make_run("AVATAR To"), SHIPPED)
    face = laid.glyphs[0].face
    text = "AVATAR To"
    advances = [pen.advance(face, c) for c in text]
    kerns = [pen.kerning(face, a, b) for a, b in itertools.pairwise(text)]
    assert laid.width == pytest.approx(48 * (sum(advances) + sum(kerns)))


@needs_raqm
def test_kerning_is_the_shapers() -> None:
    laid = layout(make_run("AVATAR"), SHIPPED)
    font = ImageFont.truetype(str(SHIPPED_FOLDER / "inter-roman-wght.ttf"), 2816)
    font.set_variation_by_axes([400])
    assert laid.width == pytest.approx(48 * font.getlength("AVATAR") / 2816)
    assert laid.width < sum(g.advance for g in laid.glyphs)


def test_widths_scale_exactly() -> None:
    small, large = (layout(make_run("Scaled text", size=s), SHIPPED) for s in (12.5, 100.0))
    assert large.width == pytest.approx(8 * small.width)
    assert [g.x for g in large.glyphs] == pytest.approx([8 * g.x for g in small.glyphs])


def test_letter_spacing_is_between_letters_only() -> None:
    plain, spaced = layout(make_run("abcd"), SHIPPED), layout(make_run("abcd", letter_spacing=3.0), SHIPPED)
    assert spaced.width == pytest.approx(plain.width + 9)
    assert [b.x - a.x for a, b in zip(plain.glyphs, spaced.glyphs, strict=True)] == pytest.approx([0, 3, 6, 9])


def _lines(text: str, width: float, **options: object) -> list[str]:
    run = make_run(text, wrap_width=width, **options)
    laid = layout(run, SHIPPED)
    assert all(line.width <= width + 1e-6 for line in laid.lines) or width < 40
    return [run.text[line.start : line.end] for line in laid.lines]


def test_wrapping() -> None:
    # Monospaced at 50 px: 30 px a letter, so 300 px hold ten.
    mono = {"size": 50.0, "family": "monospace"}
    assert _lines("one two three four", 300, **mono) == ["one two", "three four"]
    assert _lines("exactly 10 now", 300, **mono) == ["exactly 10", "now"]
    assert _lines("abcdefghijklmno xy", 300, **mono) == ["abcdefghij", "klmno xy"]
    assert _lines("a\nb\r\n\nc", 300, **mono) == ["a", "b", "", "c"]
    assert _lines("ab   cd       e", 90, **mono) == ["ab", "cd", "e"]
    assert _lines("well-known fact", 180, **mono) == ["well-", "known", "fact"]
    assert _lines("no\xa0break here", 300, **mono) == ["no\xa0break", "here"]
    assert _lines("abc", 0.0, **mono) == ["a", "b", "c"]
    assert _lines("", 300, **mono) == [""]


def test_cjk_wraps_between_characters_with_kinsoku() -> None:
    book = needs("你好世界，。")
    run = make_run("你好世界，你好。", size=40.0, wrap_width=160.0)
    laid = layout(run, book)
    # Four to a line, but the comma may not start one: 界 goes down with it.
    assert [run.text[line.start : line.end] for line in laid.lines] == ["你好世", "界，你", "好。"]


def test_alignment_and_lines() -> None:
    for align, share in ((Align.LEFT, 0.0), (Align.CENTER, 0.5), (Align.RIGHT, 1.0)):
        laid = layout(make_run("long line\nab", align=align, line_height=1.5), SHIPPED)
        first, second = laid.lines
        assert first.x == 0 and laid.width == first.width
        assert second.x == pytest.approx((first.width - second.width) * share)
        assert laid.height == pytest.approx(2 * 1.5 * 48) and second.baseline - first.baseline == pytest.approx(72)
        # The font's box (Inter: 0.96875 above, 0.2412 below) is centred in the line.
        info = laid.glyphs[0].face.info
        assert first.baseline == pytest.approx((72 - (info.ascent + info.descent) * 48) / 2 + info.ascent * 48)


def test_shrinking() -> None:
    free = layout(make_run("A rather long caption", letter_spacing=1.0), SHIPPED)
    fitted = layout(make_run("A rather long caption", letter_spacing=1.0, fit=Fit(free.width / 2)), SHIPPED)
    assert fitted.scale == pytest.approx(0.5) and fitted.width == pytest.approx(free.width / 2)
    assert fitted.size == pytest.approx(24) and fitted.height == pytest.approx(free.height / 2)
    floor = layout(make_run("A rather long caption", letter_spacing=1.0, fit=Fit(free.width / 10)), SHIPPED)
    assert floor.scale == 0.35 and len(floor.lines) == 1
    assert layout(make_run("short", fit=Fit(1000.0)), SHIPPED).scale == 1


def test_span_and_word_boxes() -> None:
    spans = (TextSpan("Hello "), TextSpan("wor"), TextSpan("ld again"))
    laid = layout(make_run(spans, family="monospace", size=50.0), SHIPPED)
    assert [(b.text, b.span, b.rect.x, b.rect.w) for b in laid.spans] == [
        ("Hello", 0, 0.0, pytest.approx(150)),
        ("wor", 1, pytest.approx(180), pytest.approx(90)),
        ("ld again", 2, pytest.approx(270), pytest.approx(240)),
    ]
    assert [(b.text, round(b.rect.x), round(b.rect.w)) for b in laid.words] == [
        ("Hello", 0, 150),
        ("world", 180, 150),
        ("again", 360, 150),
    ]
    metrics = laid.metrics(3)
    assert metrics.span_boxes == tuple(b.rect for b in laid.spans)
    assert layout(make_run((TextSpan(" "), TextSpan("a"))), SHIPPED).metrics(2).span_boxes[0] is None


def test_a_span_does_not_move_its_letters() -> None:
    whole = layout(make_run("AVATAR"), SHIPPED)
    cut = layout(make_run((TextSpan("AV"), TextSpan("AT"), TextSpan("AR"))), SHIPPED)
    assert [g.x for g in cut.glyphs] == [g.x for g in whole.glyphs]


@needs_raqm
def test_arabic_letters_join() -> None:
    book = needs("\u0645\u0631\u062d\u0628\u0627")
    word = "\u0645\u0631\u062d\u0628\u0627"
    joined = layout(make_run(word), book)
    apart = sum(layout(make_run(c), book).width for c in word)
    assert len(joined.glyphs) == 1 and joined.glyphs[0].rtl
    assert joined.width < apart * 0.97
    carets = [x for _, x in joined.glyphs[0].carets]
    assert carets == sorted(carets) and carets[0] > 0 and carets[-1] < joined.width


@needs_raqm
def test_arabic_goes_on_joining_across_spans_and_lines() -> None:
    word = "\u0645\u062d\u0628\u0628\u0645"
    book = needs(word)
    whole = layout(make_run(word), book)
    cut = layout(make_run((TextSpan(word[:2]), TextSpan(word[2:]))), book)
    assert cut.width == pytest.approx(whole.width, rel=0.01)
    assert cut.glyphs[0].span == 1 and cut.glyphs[1].span == 0  # the second span stands left
    narrow = layout(make_run(word, wrap_width=whole.width * 0.6), book)
    assert len(narrow.lines) >= 2


def test_mixed_directions() -> None:
    book = needs("\u05d0\u05d1")
    laid = layout(make_run("ab \u05d0\u05d1 cd"), book)
    assert "".join(g.text for g in laid.glyphs) == "ab\u05d1\u05d0cd"
    laid = layout(make_run("\u05d0\u05d1 ab (1)"), book)
    assert "".join(g.text for g in laid.glyphs).endswith("\u05d1\u05d0")
    forced = layout(make_run("ab.", direction=Direction.RTL), book)
    assert [g.text for g in forced.glyphs] == [".", "a", "b"] and forced.glyphs[0].rtl


def test_emoji_are_one_glyph() -> None:
    book = needs("😀👍")
    laid = layout(make_run("😀👍🏽x"), book)
    assert [g.text for g in laid.glyphs] == ["😀", "👍🏽", "x"] and laid.glyphs[0].face.info.color
    assert layout(make_run("⌘"), book).glyphs[0].face.info.family == "Inter"


def test_placing_in_a_box() -> None:
    run = make_run("ab", align=Align.RIGHT, vertical_align=VerticalAlign.BOTTOM)
    laid = layout(run, SHIPPED)
    box = Rect(100, 200, 400, 300)
    assert origin_in(laid, run, box) == pytest.approx((500 - laid.width, 500 - laid.height))
    # At half the size about the box's centre (300, 350).
    assert origin_in(laid, run, box, 0.5) == pytest.approx((400 - laid.width / 2, 425 - laid.height / 2))


def test_measure_and_cache() -> None:
    run = make_run((TextSpan("ab "), TextSpan("cd")))
    again = make_run((TextSpan("ab ", (1.0, 0.0, 0.0), 0.5), TextSpan("cd")), reveal=1)
    assert cached_layout(run) is cached_layout(again)
    assert measure(run).width == layout(run, default_book()).width
    assert ink_bounds(run, measure(run), 10, 20).x < 10


def test_odd_input() -> None:
    laid = layout(make_run("a\ud800b\0\x07c\u00ad\u200ed\te"), SHIPPED)
    assert "".join(g.text for g in laid.glyphs) == "a\ufffdbcde"
    assert layout(make_run("abc", size=0.0), SHIPPED).width < 1
    assert layout(make_run(()), SHIPPED).glyphs == ()


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.text(max_size=12), max_size=4),
    st.sampled_from([None, 0.0, 1.0, 60.0, 300.0]),
    st.sampled_from(list(Align)),
    st.booleans(),
)
def test_anything_can_be_laid_out(texts: list[str], wrap: float | None, align: Align, fit: bool) -> None:
    run = make_run(tuple(map(TextSpan, texts)), size=20.0, wrap_width=wrap, align=align, fit=Fit(50.0) if fit else None)
    laid = layout(run, default_book())
    assert laid == layout(run, default_book())
    for glyph in laid.glyphs:
        assert (
            run.text[glyph.start : glyph.end] and -1e-6 <= glyph.x <= laid.width - glyph.advance + 1e-3 * laid.size + 20
        )
    assert [line.top for line in laid.lines] == sorted(line.top for line in laid.lines)
    starts = sorted((g.start, g.end) for g in laid.glyphs)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(starts))  # nothing is drawn twice


def test_without_a_shaper(monkeypatch: pytest.MonkeyPatch) -> None:
    def clear() -> None:
        pen._font.cache_clear()
        pen._advance.cache_clear()
        pen._masks.clear()

    book = needs("\u0645\u062d")
    monkeypatch.setattr(pen, "has_raqm", lambda: False)
    clear()
    try:
        laid = layout(make_run("AV \u0645\u062d\u0645"), book)
        joined = next(g for g in laid.glyphs if g.joined)
        assert joined.rtl and joined.advance > 0
        apart = sum(layout(make_run(c), book).width for c in "\u0645\u062d\u0645")
        assert joined.advance < apart
    finally:
        clear()
