"""Order of text that mixes directions: the Unicode bidirectional algorithm (UAX 9) for one paragraph.

Rules P2, P3, W1 to W7, N0 to N2, I1, I2, L1 and L2. Explicit embeddings, overrides and isolates are treated as
characters without a direction (they are invisible; their effect is left out).
"""

from __future__ import annotations

import unicodedata

_BRACKETS = {
    "(": ")", "[": "]", "{": "}", "⁅": "⁆", "⁽": "⁾", "₍": "₎", "〈": "〉", "《": "》", "「": "」",
    "『": "』", "【": "】", "〔": "〕", "〖": "〗", "（": "）", "［": "］", "｛": "｝", "｢": "｣",
}  # fmt: skip
_CLOSING = {close: opening for opening, close in _BRACKETS.items()}
_NEUTRAL = {"B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"}
_IGNORED = {"BN", "LRE", "RLE", "LRO", "RLO", "PDF"}


def base_level(text: str) -> int:
    """1 when the first character with a direction is right-to-left, else 0 (P2, P3)."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in ("L", "R", "AL"):
            return int(kind != "L")
    return 0


def _weak(kinds: list[str], start: str) -> None:
    """W1 to W7 in place, on a list without ignored characters."""
    previous = start
    for i, kind in enumerate(kinds):  # W1
        if kind == "NSM":
            kinds[i] = "ON" if previous in ("LRI", "RLI", "FSI", "PDI") else previous
        previous = kinds[i]
    strong = start
    for i, kind in enumerate(kinds):  # W2, W3
        if kind in ("L", "R", "AL"):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[i] = "AN"
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    for i in range(1, len(kinds) - 1):  # W4
        before, after = kinds[i - 1], kinds[i + 1]
        if before == after and ((kinds[i] == "ES" and before == "EN") or (kinds[i] == "CS" and before in ("EN", "AN"))):
            kinds[i] = before
    i = 0
    while i < len(kinds):  # W5
        if kinds[i] == "ET":
            end = i
            while end < len(kinds) and kinds[end] == "ET":
                end += 1
            if (i > 0 and kinds[i - 1] == "EN") or (end < len(kinds) and kinds[end] == "EN"):
                kinds[i:end] = ["EN"] * (end - i)
            i = end
        else:
            i += 1
    strong = start
    for i, kind in enumerate(kinds):  # W6, W7
        if kind in ("ES", "ET", "CS"):
            kinds[i] = "ON"
        elif kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[i] = "L"


def _direction(kind: str) -> str:
    return "R" if kind in ("R", "EN", "AN") else kind


def _brackets(chars: list[str], kinds: list[str], embedding: str) -> None:
    """N0 in place: both brackets of a pair get the direction of what they enclose."""
    stack: list[tuple[str, int]] = []
    pairs: list[tuple[int, int]] = []
    for i, char in enumerate(chars):
        if kinds[i] != "ON":
            continue
        if char in _BRACKETS:
            if len(stack) == 63:
                break
            stack.append((char, i))
        elif char in _CLOSING:
            for depth in range(len(stack) - 1, -1, -1):
                if stack[depth][0] == _CLOSING[char]:
                    pairs.append((stack[depth][1], i))
                    del stack[depth:]
                    break
    for opening, closing in sorted(pairs):
        inside = {_direction(kind) for kind in kinds[opening + 1 : closing]} & {"L", "R"}
        if not inside:
            continue
        if embedding in inside:
            found = embedding
        else:
            opposite = "L" if embedding == "R" else "R"
            before = next((d for k in reversed(kinds[:opening]) if (d := _direction(k)) in ("L", "R")), embedding)
            found = opposite if before == opposite else embedding
        kinds[opening] = kinds[closing] = found


def _neutrals(kinds: list[str], embedding: str) -> None:
    """N1 and N2 in place."""
    i = 0
    while i < len(kinds):
        if kinds[i] not in _NEUTRAL:
            i += 1
            continue
        end = i
        while end < len(kinds) and kinds[end] in _NEUTRAL:
            end += 1
        before = _direction(kinds[i - 1]) if i > 0 else embedding
        after = _direction(kinds[end]) if end < len(kinds) else embedding
        kinds[i:end] = [before if before == after else embedding] * (end - i)
        i = end


def levels(text: str, base: int) -> list[int]:
    """Embedding level of every code point of one paragraph; odd is right-to-left."""
    result = [base] * len(text)
    if base == 0 and text.isascii():
        return result
    all_kinds = [unicodedata.bidirectional(char) or "L" for char in text]
    kept = [i for i, kind in enumerate(all_kinds) if kind not in _IGNORED]
    kinds = [all_kinds[i] for i in kept]
    embedding = "R" if base else "L"
    _weak(kinds, embedding)
    _brackets([text[i] for i in kept], kinds, embedding)
    _neutrals(kinds, embedding)
    for i, kind in zip(kept, kinds, strict=True):  # I1, I2
        if base == 0:
            result[i] = {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
        else:
            result[i] = 1 if kind == "R" else 2
    for i, kind in enumerate(all_kinds):  # L1: separators
        if kind in ("S", "B"):
            result[i] = base
        elif kind in _IGNORED and i:
            result[i] = result[i - 1]
    return result


def visual_order(level_list: list[int]) -> list[int]:
    """Indexes of a line's pieces from left to right (L2)."""
    order = list(range(len(level_list)))
    if not level_list:
        return order
    for level in range(max(level_list), 0, -1):
        i = 0
        while i < len(order):
            if level_list[order[i]] < level:
                i += 1
                continue
            end = i
            while end < len(order) and level_list[order[end]] >= level:
                end += 1
            order[i:end] = reversed(order[i:end])
            i = end
    return order
