"""Which font draws which character: the shipped typefaces first, then those of the machine.

A :class:`FontBook` is made of folders; what it answers depends on their files alone. The machine's fonts are listed
only when the shipped ones lack a character or a family is asked for by name (their headers are read once per
process, about 0.2 ms a face); their character tables are read one by one until one has the character.

Thread-safe: what is cached is written under a lock.
"""

from __future__ import annotations

import sys
import threading
import unicodedata
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.text.segment import is_ignorable, wants_color
from reelpress.text.sfnt import Coverage, FaceInfo, FontFileError, read_coverage, read_faces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHIPPED_FOLDER = Path(__file__).parent / "typefaces"
_SUFFIXES = frozenset({".ttf", ".otf", ".ttc", ".otc"})
MAX_FILES = 20_000
"""Font files of the machine that are looked at."""

_SANS, _SERIF, _MONO = "inter", "noto serif", "noto sans mono"
GENERIC_FAMILIES = {
    **dict.fromkeys(("", "system sans-serif", "sans-serif", "system-ui", "-apple-system", "ui-sans-serif"), _SANS),
    **dict.fromkeys(("sans", "helvetica", "helvetica neue", "arial"), _SANS),
    **dict.fromkeys(("system serif", "serif", "ui-serif", "times", "times new roman"), _SERIF),
    **dict.fromkeys(("system monospace", "system mono", "monospace", "ui-monospace", "courier"), _MONO),
    **dict.fromkeys(("courier new", "consolas", "menlo", "sf mono"), _MONO),
}
"""Names that mean a shipped family, lower case."""

_PREFERRED = (
    "noto sans", "dejavu sans", "segoe ui", "arial", "helvetica", "pingfang", "hiragino", "apple sd gothic",
    "geeza pro", "yu gothic", "microsoft yahei", "malgun gothic", "wenquanyi micro hei", "noto", "dejavu",
)  # fmt: skip
"""How fallback fonts are tried; after these every other, serif and monospace last."""


@dataclass(frozen=True, slots=True)
class Face:
    """A face in one cut: everything needed to open it."""

    info: FaceInfo
    weight: int | None = None
    """For the ``wght`` axis of a variable font."""
    slanted: bool = False
    """Slanted by us, because an italic was asked for and the family has none."""

    def axis_values(self) -> list[float] | None:
        """One value per axis, ``None`` for a font without axes."""
        if not self.info.axes:
            return None
        return [
            min(high, max(low, self.weight)) if tag == "wght" and self.weight is not None else default
            for tag, low, default, high in self.info.axes
        ]


def system_folders() -> tuple[Path, ...]:
    """Where this kind of machine keeps its fonts; those that do not exist included."""
    home = Path.home()
    if sys.platform == "darwin":
        library = Path("/System/Library/Fonts")
        return (library, library / "Supplemental", Path("/Library/Fonts"), home / "Library/Fonts")
    if sys.platform == "win32":
        return (Path("C:/Windows/Fonts"), home / "AppData/Local/Microsoft/Windows/Fonts")
    return (
        Path("/usr/share/fonts"),
        Path("/usr/local/share/fonts"),
        home / ".local/share/fonts",
        home / ".fonts",
    )


@lru_cache(maxsize=MAX_FILES)
def _coverage(info: FaceInfo) -> Coverage:
    try:
        return read_coverage(info)
    except FontFileError:
        return frozenset()


@lru_cache(maxsize=1024)
def _opens(info: FaceInfo) -> bool:
    """Whether FreeType takes it: its tables may be sound where its glyphs are not."""
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(info.path, info.strike or 16, index=info.index)
        font.getlength("a")
    except (OSError, ValueError):
        return False
    return True


def _faces_in(folders: Iterable[Path]) -> list[FaceInfo]:
    """Every readable face, in the order of the folders and then of the paths."""
    faces: list[FaceInfo] = []
    seen: set[Path] = set()
    for folder in folders:
        try:
            files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
        except OSError:
            continue
        for path in files:
            if path in seen or len(seen) >= MAX_FILES:
                continue
            seen.add(path)
            try:
                faces.extend(read_faces(path))
            except FontFileError:
                continue
    return faces


def _tier(face: FaceInfo) -> int:
    family = face.family.lower()
    if any(word in family for word in ("last resort", "lastresort", "blank")):
        return 99
    tier = next((i for i, name in enumerate(_PREFERRED) if family.startswith(name)), len(_PREFERRED))
    if "sans" not in family and "serif" in family:
        tier += 20
    if any(word in family for word in ("mono", "condensed", "narrow", "display", "light")):
        tier += 30
    return tier


def families_of(style_family: str) -> list[str]:
    """The names in a family list, lower case, generic ones replaced by the shipped family."""
    names = [part.strip().strip("'\"").strip().lower() for part in style_family.split(",")]
    return [GENERIC_FAMILIES.get(name, name) for name in names]


class FontBook:
    """All fonts that may be used.

    Args:
        shipped: Folder of the typefaces that come first.
        folders: Folders of other fonts, searched with everything below them; default: the machine's.
    """

    def __init__(self, shipped: Path = SHIPPED_FOLDER, folders: Sequence[Path] | None = None) -> None:
        self._shipped_folder = shipped
        self._folders = tuple(system_folders() if folders is None else folders)
        self._lock = threading.Lock()
        self._shipped: list[FaceInfo] | None = None
        self._others: list[FaceInfo] | None = None
        self._chosen: dict[tuple[str, str, int, bool], Face | None] = {}
        self._primary: dict[tuple[str, int, bool], tuple[Face, bool]] = {}

    @property
    def shipped(self) -> list[FaceInfo]:
        """The shipped faces."""
        if self._shipped is None:
            self._shipped = _faces_in([self._shipped_folder])
            if not any(_SANS in face.names for face in self._shipped):
                raise FileNotFoundError(
                    f"{self._shipped_folder.name}/ lacks the typefaces that come with Reelpress. Install it again."
                )
        return self._shipped

    @property
    def others(self) -> list[FaceInfo]:
        """The other faces, best first."""
        if self._others is None:
            found = _faces_in(self._folders)
            self._others = sorted(found, key=lambda f: (_tier(f), f.family.lower(), f.path, f.index))
        return self._others

    def primary(self, family: str, weight: int, italic: bool) -> tuple[Face, bool]:
        """The face of a style, and whether the wanted family was found."""
        key = (family, weight, italic)
        with self._lock:
            if key not in self._primary:
                self._primary[key] = self._find_family(family, weight, italic)
            return self._primary[key]

    def _find_family(self, family: str, weight: int, italic: bool) -> tuple[Face, bool]:
        for name in families_of(family):
            for faces in (self.shipped, self.others):
                members = [f for f in faces if name in f.names and not f.color and _opens(f)]
                if members:
                    return self._cut(members, weight, italic), True
        return self._cut([f for f in self.shipped if _SANS in f.names], weight, italic), False

    @staticmethod
    def _cut(members: list[FaceInfo], weight: int, italic: bool) -> Face:
        """The member nearest to weight and slant; the first of equals."""

        def distance(face: FaceInfo) -> tuple[bool, float]:
            reach = next(((low, high) for tag, low, _, high in face.axes if tag == "wght"), (face.weight, face.weight))
            return face.italic != italic, abs(weight - min(reach[1], max(reach[0], weight)))

        best = min(members, key=distance)
        variable = any(tag == "wght" for tag, *_ in best.axes)
        return Face(best, weight if variable else None, italic and not best.italic and not best.color)

    def face_for(self, cluster: str, family: str, weight: int, italic: bool) -> Face | None:
        """The face that draws a character (a grapheme cluster), ``None`` when no font has it."""
        primary, _ = self.primary(family, weight, italic)
        if cluster.isascii() and ord(cluster[0]) in _coverage(primary.info):
            return primary
        key = (cluster, family, weight, italic)
        with self._lock:
            if key not in self._chosen:
                if len(self._chosen) > 50_000:
                    self._chosen.clear()
                self._chosen[key] = self._find_face(cluster, primary, weight, italic)
            return self._chosen[key]

    def _find_face(self, cluster: str, primary: Face, weight: int, italic: bool) -> Face | None:
        wanted = [c for c in cluster if not is_ignorable(c)] or [cluster[0]]
        forms = {tuple(ord(c) for c in unicodedata.normalize(form, "".join(wanted))) for form in ("NFC", "NFD")}
        forms.add(tuple(ord(c) for c in wanted))

        def has(info: FaceInfo) -> bool:
            coverage = _coverage(info)
            return any(all(code in coverage for code in form) for form in forms) and _opens(info)

        color = wants_color(cluster)
        if not color and has(primary.info):
            return primary
        if color:
            for info in self.others:
                if info.color and has(info):
                    return self._cut([info], weight, italic)
            if has(primary.info):
                return primary
        for faces in (self.shipped, self.others):
            # All cuts of the best family that has it, so that a bold text falls back to a bold face.
            first = next((f for f in faces if not f.color and has(f)), None) or next((f for f in faces if has(f)), None)
            if first is not None:
                members = [f for f in faces if f.family == first.family and f.color == first.color and has(f)]
                return self._cut(members, weight, italic)
        if len(wanted) > 1:  # the base alone is better than nothing: the mark will be missing
            return self._find_face(wanted[0], primary, weight, italic)
        return None

    def covers(self, face: Face, cluster: str) -> bool:
        """Whether ``face`` has a glyph for every visible code point of ``cluster`` (composed or not)."""
        coverage = _coverage(face.info)
        return any(
            all(ord(c) in coverage or is_ignorable(c) for c in unicodedata.normalize(form, cluster))
            for form in ("NFC", "NFD")
        )


@lru_cache(maxsize=1)
def default_book() -> FontBook:
    """The shipped typefaces and the machine's fonts, shared by the process."""
    return FontBook()


def unslanted(face: Face) -> Face:
    """The same face without our slant (widths do not depend on it)."""
    return replace(face, slanted=False) if face.slanted else face
