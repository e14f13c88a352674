"""Joined Arabic letters without a shaping engine: the presentation forms of Unicode.

Only used where Pillow has no Raqm (it needs the FriBiDi library, which not every machine has). Forms come from the
compatibility decompositions of U+FB50 to U+FEFF in Python's own tables, the two-letter lam-alef included; marks
are passed over. What a real shaper does beyond that (other scripts, mark positions) is missing then.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_KINDS = ("isolated", "initial", "medial", "final")


@lru_cache(maxsize=1)
def _forms() -> dict[tuple[str, str], str]:
    """(letter or lam-alef, kind) to its presentation form."""
    forms: dict[tuple[str, str], str] = {}
    for code in (*range(0xFE70, 0xFEFD), *range(0xFB50, 0xFBB2), *range(0xFBD3, 0xFC00)):
        kind, _, letters = unicodedata.decomposition(chr(code)).partition(" ")
        base = "".join(chr(int(part, 16)) for part in letters.split())
        if kind.strip("<>") in _KINDS and (
            len(base) == 1 or (len(base) == 2 and base[0] == "\u0644" and code >= 0xFEF5)
        ):
            forms.setdefault((base, kind.strip("<>")), chr(code))
    return forms


def join(text: str) -> str:
    """``text`` (logical order) with every Arabic letter in the form that its neighbours ask for."""
    forms = _forms()

    def dual(char: str) -> bool:
        return (char, "initial") in forms or char in "\u0640\u200d"

    def joinable(char: str) -> bool:
        return (char, "final") in forms or char in "\u0640\u200d"

    letters: list[tuple[str, str]] = []
    for char in text:
        if letters and unicodedata.category(char) == "Mn":
            letters[-1] = (letters[-1][0], letters[-1][1] + char)
        elif letters and (letters[-1][0] + char, "isolated") in forms:
            letters[-1] = (letters[-1][0] + char, letters[-1][1])
        else:
            letters.append((char, ""))
    out = []
    for i, (letter, marks) in enumerate(letters):
        before = i > 0 and dual(letters[i - 1][0][-1]) and joinable(letter)
        after = i + 1 < len(letters) and dual(letter) and joinable(letters[i + 1][0][0])
        kind = _KINDS[(1 if after else 0) if not before else (2 if after else 3)]
        out.append(forms.get((letter, kind), letter) + marks)
    return "".join(out).replace("\u200d", "")
