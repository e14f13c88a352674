"""Cutting text: into characters as people see them, and where a line may end.

Characters: extended grapheme clusters of UAX 29 without the Indic conjunct rule. Line ends: the parts of UAX 14 that
captions need (spaces, hyphens, ideographs with kinsoku, closing and opening punctuation); scripts written
without spaces that need a dictionary (Thai, Lao, Khmer) are broken only when a word is too long for a line.
"""

from __future__ import annotations

import unicodedata

ZWJ = "\u200d"
TEXT_PRESENTATION, EMOJI_PRESENTATION = "\ufe0e", "\ufe0f"
LINE_FEEDS = frozenset("\n\v\f\r\x85\u2028\u2029")

_IGNORABLE = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
"""Default_Ignorable_Code_Point of Unicode: invisible when a font does not know them."""

_EMOJI = (
    "231A-231B 23E9-23EC 23F0 23F3 25FD-25FE 2614-2615 2648-2653 267F 2693 26A1 26AA-26AB 26BD-26BE 26C4-26C5 26CE "
    "26D4 26EA 26F2-26F3 26F5 26FA 26FD 2705 270A-270B 2728 274C 274E 2753-2755 2757 2795-2797 27B0 27BF 2B1B-2B1C "
    "2B50 2B55 1F004 1F0CF 1F18E 1F191-1F19A 1F1E6-1F1FF 1F201 1F21A 1F22F 1F232-1F236 1F238-1F23A 1F250-1F251 "
    "1F300-1F320 1F32D-1F335 1F337-1F37C 1F37E-1F393 1F3A0-1F3CA 1F3CF-1F3D3 1F3E0-1F3F0 1F3F4 1F3F8-1F43E 1F440 "
    "1F442-1F4FC 1F4FF-1F53D 1F54B-1F54E 1F550-1F567 1F57A 1F595-1F596 1F5A4 1F5FB-1F64F 1F680-1F6C5 1F6CC "
    "1F6D0-1F6D2 1F6D5-1F6D7 1F6DC-1F6DF 1F6EB-1F6EC 1F6F4-1F6FC 1F7E0-1F7EB 1F7F0 1F90C-1F93A 1F93C-1F945 "
    "1F947-1F9FF 1FA70-1FAFF"
)
"""Emoji_Presentation of Unicode 15: drawn in colour unless asked otherwise."""


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    pairs = (part.split("-") for part in text.split())
    return tuple((int(pair[0], 16), int(pair[-1], 16)) for pair in pairs)


_EMOJI_RANGES = _ranges(_EMOJI)

_COMPLEX = _ranges(
    # Arabic and its relatives; Indic, Sinhala, Tibetan, Myanmar; Khmer, Mongolian; Balinese to Lepcha; Meetei...
    "600-8FF 900-DFF F00-109F 1780-17D3 1800-18AA 1B00-1C4F 1CD0-1CFF A800-A8FF A900-AAFF ABC0-ABFF "
    "10A00-10A5F 10AC0-10AFF 10D00-10D3F 10F30-10FDF 11000-1145F 11480-117FF 11800-11FFF 1E900-1E95F"
)

_NOT_AT_START = frozenset(
    "!%),.:;?]}¢°·’†‡›℃∶、。〃〆〕〗〞﹚﹜！＂％＇），．：；？］｝～»”…‥々〻ーァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎゕゖ"
    "ㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ」』】〉》｣｡､･・゛゜ヽヾゝゞ"
)
_NOT_AT_END = frozenset("$(£¥[{‘“«‹〈《「『【〔〖〝﹙﹛＄（［｛￡￥｢")
_WIDE = _ranges(
    "1100-11FF 2E80-2FFF 3000-4DBF 4E00-A4CF A960-A97F AC00-D7FF F900-FAFF FE30-FE4F FF00-FFEF 1B000-1B2FF 20000-3FFFF"
)


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def is_ignorable(char: str) -> bool:
    """Needs no glyph: joiners, variation selectors, direction marks, soft hyphens."""
    return _within(ord(char), _IGNORABLE)


def is_invisible(cluster: str) -> bool:
    """Nothing of it is drawn and it takes no room."""
    return all(is_ignorable(c) or (unicodedata.category(c) == "Cc" and c != "\t") for c in cluster)


def is_space(cluster: str) -> bool:
    """White space at which a line may end (no-break spaces are letters here)."""
    return cluster[0] == "\t" or (unicodedata.category(cluster[0]) == "Zs" and cluster[0] not in "\xa0\u2007\u202f")


def wants_color(cluster: str) -> bool:
    """Shown as a colour emoji when a font has one."""
    if TEXT_PRESENTATION in cluster:
        return False
    return EMOJI_PRESENTATION in cluster or "\u20e3" in cluster or _within(ord(cluster[0]), _EMOJI_RANGES)


def is_complex(cluster: str) -> bool:
    """Its script must be shaped by whole words: letters join, or change their order."""
    code = ord(cluster[0])
    return code >= 0x600 and _within(code, _COMPLEX) and unicodedata.category(cluster[0])[0] in "LM"


def is_joining(char: str) -> bool:
    """A letter of a script that joins its letters."""
    code = ord(char)
    return (0x620 <= code <= 0x8FF or 0x1E900 <= code <= 0x1E943 or 0x1807 <= code <= 0x18AA) and char.isalpha()


def _hangul(code: int) -> str:
    if 0x1100 <= code <= 0x115F or 0xA960 <= code <= 0xA97C:
        return "L"
    if 0x1160 <= code <= 0x11A7 or 0xD7B0 <= code <= 0xD7C6:
        return "V"
    if 0x11A8 <= code <= 0x11FF or 0xD7CB <= code <= 0xD7FB:
        return "T"
    if 0xAC00 <= code <= 0xD7A3:
        return "LV" if (code - 0xAC00) % 28 == 0 else "LVT"
    return ""


_HANGUL_JOINS = {
    ("L", "L"), ("L", "V"), ("L", "LV"), ("L", "LVT"), ("LV", "V"), ("V", "V"), ("LV", "T"), ("V", "T"), ("LVT", "T"),
    ("T", "T"),
}  # fmt: skip


def _extends(char: str) -> bool:
    code = ord(char)
    return (
        unicodedata.category(char) in ("Mn", "Mc", "Me")
        or char in "\u200c\u200d"
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
    )


def clusters(text: str) -> list[str]:
    """``text`` cut into characters as people see them; joined together they are ``text`` again."""
    found: list[str] = []
    flags = 0
    for char in text:
        joins = False
        if found and found[-1][-1] not in LINE_FEEDS and unicodedata.category(found[-1][-1]) != "Cc":
            last = found[-1]
            regional = 0x1F1E6 <= ord(char) <= 0x1F1FF
            flags = flags + 1 if regional else 0
            joins = (
                _extends(char)
                or (regional and flags % 2 == 0)
                or (last[-1] == ZWJ and len(last) > 1 and (ord(char) >= 0x1F000 or 0x2190 <= ord(char) <= 0x2BFF))
                or (_hangul(ord(last[-1])), _hangul(ord(char))) in _HANGUL_JOINS
            )
        else:
            flags = 1 if 0x1F1E6 <= ord(char) <= 0x1F1FF else 0
            joins = bool(found) and found[-1] == "\r" and char == "\n"
        if joins:
            found[-1] += char
        else:
            found.append(char)
    return found


def may_break(before: str, after: str) -> bool:
    """Whether a line may end between two neighbouring characters (neither a line feed)."""
    if is_space(after) or after[0] in "\xa0\u2007\u202f\u2060\ufeff":
        return False
    if before[-1] in "\xa0\u2007\u202f\u2060\ufeff" or before[-1] == ZWJ:
        return False
    if is_space(before) or before[-1] == "\u200b":
        return True
    if after[0] in _NOT_AT_START or before[-1] in _NOT_AT_END:
        return False
    if before[-1] in "-‐–—/" or before[-1] == "\xad":
        return after[0].isalpha()
    return _breaks_freely(before) or _breaks_freely(after)


def _breaks_freely(cluster: str) -> bool:
    code = ord(cluster[0])
    return code >= 0x1100 and (_within(code, _WIDE) or wants_color(cluster))
