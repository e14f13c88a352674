"""Cutting into characters, line ends, direction, joining: each against the standard's rules worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelpress.text import arabic, bidi
from reelpress.text.segment import clusters, may_break, wants_color

ALEF, BEH, HEB = "\u0627", "\u0628", "\u05d0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("abc", ["a", "b", "c"]),
        ("e\u0301x", ["e\u0301", "x"]),
        ("👨‍👩‍👧x", ["👨‍👩‍👧", "x"]),
        ("👍🏽👍", ["👍🏽", "👍"]),
        ("🇩🇪🇫🇷🇮", ["🇩🇪", "🇫🇷", "🇮"]),
        ("1️⃣2", ["1️⃣", "2"]),
        ("\u1112\u1161\u11ab\u1112", ["\u1112\u1161\u11ab", "\u1112"]),
        ("a\r\nb", ["a", "\r\n", "b"]),
        ("\u0301a", ["\u0301", "a"]),
        ("", []),
    ],
)
def test_characters(text: str, expected: list[str]) -> None:
    assert clusters(text) == expected


@given(st.text(max_size=40))
def test_characters_lose_nothing(text: str) -> None:
    assert "".join(clusters(text)) == text


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("a", "b", False),
        (" ", "b", True),
        ("a", " ", False),
        ("-", "b", True),
        ("-", "5", False),  # a minus sign stays with its number
        ("你", "好", True),
        ("好", "，", False),  # no line starts with a closing mark
        ("「", "好", False),  # and none ends with an opening one
        ("ャ", "ン", True),
        ("キ", "ャ", False),  # small kana stay with the one before
        ("\xa0", "a", False),
        ("a", "\xa0", False),
        ("a", "😀", True),
        ("\u200b", "a", True),
    ],
)
def test_line_ends(before: str, after: str, expected: bool) -> None:
    assert may_break(before, after) is expected


def test_emoji_presentation() -> None:
    assert wants_color("😀") and wants_color("❤\ufe0f") and wants_color("1\ufe0f\u20e3")
    assert not wants_color("❤") and not wants_color("⌘") and not wants_color("😀\ufe0e") and not wants_color("a")


@pytest.mark.parametrize(
    ("text", "base", "expected"),
    [
        ("abc", 0, [0, 0, 0]),
        ("a" + HEB + "b", 0, [0, 1, 0]),
        (HEB + "a", 1, [1, 2]),
        (HEB + " 12", 1, [1, 1, 2, 2]),  # W: European numbers in a right-to-left line
        (BEH + "1", 0, [1, 2]),  # W2: after an Arabic letter a number is Arabic
        ("a (" + HEB + ")", 0, [0, 0, 0, 1, 0]),  # N0: brackets follow the paragraph when nothing inside agrees
        (HEB + "(a" + HEB + ")" + HEB, 0, [1, 0, 0, 1, 0, 1]),  # N0: the paragraph's direction inside decides
        (HEB + " (a) " + HEB, 1, [1, 1, 1, 2, 1, 1, 1]),
        ("a " + HEB + " " + HEB, 0, [0, 0, 1, 1, 1]),  # N1
        ("$1" + HEB, 1, [2, 2, 1]),  # W5
        (HEB + "1,2", 1, [1, 2, 2, 2]),  # W4
    ],
)
def test_levels(text: str, base: int, expected: list[int]) -> None:
    assert bidi.levels(text, base) == expected


def test_base_direction_is_the_first_strong_character() -> None:
    assert bidi.base_level("12 " + HEB + "a") == 1
    assert bidi.base_level("12 a" + HEB) == 0
    assert bidi.base_level("12") == 0


def test_visual_order_reverses_from_the_highest_level() -> None:
    # L2: car (MEANS CAR.) in a right-to-left line
    assert bidi.visual_order([0, 1, 1, 2, 2, 0]) == [0, 3, 4, 2, 1, 5]
    assert bidi.visual_order([1, 1, 2, 2]) == [2, 3, 1, 0]
    assert bidi.visual_order([]) == []


@given(st.text(alphabet="ab1 (),.-$%" + ALEF + BEH + HEB + "\u0661\u064b\u202a\u2066", max_size=30))
def test_levels_are_complete(text: str) -> None:
    found = bidi.levels(text, bidi.base_level(text))
    assert len(found) == len(text) and all(0 <= level <= 2 for level in found)
    assert sorted(bidi.visual_order(found)) == list(range(len(text)))


def test_arabic_without_a_shaper() -> None:
    # marhaban: meem initial, reh final, hah initial, beh medial, alef final (Unicode's chart of presentation forms)
    assert arabic.join("\u0645\u0631\u062d\u0628\u0627") == "\ufee3\ufeae\ufea3\ufe92\ufe8e"
    assert arabic.join("\u0644\u0627") == "\ufefb"  # lam-alef
    assert arabic.join("\u0628") == "\ufe8f"
    assert arabic.join("\u0628\u064e\u0628") == "\ufe91\u064e\ufe90"  # marks are passed over
    assert arabic.join("abc") == "abc"
