"""Which font draws what; reading font files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_makers import SHIPPED, make_run, needs

from reelpress.text.fonts import SHIPPED_FOLDER, FontBook, default_book
from reelpress.text.layout import layout
from reelpress.text.sfnt import FontFileError, read_coverage, read_faces

INTER = SHIPPED_FOLDER / "inter-roman-wght.ttf"
KEYS = "⌃⌥⇧⌘⇥↩⌫⌦⎋↑↓←→⏎␣⇪↵⇞⇟↖↘⏏"


def test_the_shipped_fonts_are_small_and_have_their_licence() -> None:
    files = list(SHIPPED_FOLDER.iterdir())
    assert sum(f.stat().st_size for f in files) < 1_200_000
    assert "SIL OPEN FONT LICENSE Version 1.1" in (SHIPPED_FOLDER / "OFL.txt").read_text()
    readme = (SHIPPED_FOLDER / "README.md").read_text()
    for font in SHIPPED_FOLDER.glob("*.ttf"):
        assert font.stem.removesuffix("-bold").removesuffix("-regular") in readme


def test_headers() -> None:
    (face,) = read_faces(INTER)
    assert (face.family, face.units_per_em, face.italic, face.strike, face.color) == ("Inter", 2816, False, None, False)
    assert face.axes == (("wght", 100.0, 400.0, 900.0),)
    bold = read_faces(SHIPPED_FOLDER / "noto-serif-bold.ttf")[0]
    assert bold.weight == 700 and "noto serif" in bold.names


def test_coverage_is_that_of_the_characters_we_kept() -> None:
    coverage = read_coverage(read_faces(INTER)[0])
    for char in "Aaß€Ωжệ…•" + KEYS:
        assert ord(char) in coverage, char
    for code in (0x4E00, 0x627, 0x1F600, 0xE000, 0xFFFF, 0x10FFFF, 0):
        assert code not in coverage


@pytest.mark.parametrize("text", ["Hello", "Ελληνικά", "Кириллица", "Tiếng Việt", KEYS, "e\u0301", "“…—”"])
@pytest.mark.parametrize("family", ["System Sans-Serif", "Times New Roman", "System Monospace"])
def test_shipped_fonts_have_everything_european(text: str, family: str) -> None:
    assert layout(make_run(text, family=family), SHIPPED).missing == ()


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("System Sans-Serif", "Inter"),
        ("Helvetica", "Inter"),
        ("'Times New Roman', serif", "Noto Serif"),
        ("Courier New", "Noto Sans Mono"),
        ("", "Inter"),
    ],
)
def test_family_names(family: str, expected: str) -> None:
    face, found = SHIPPED.primary(family, 400, False)
    assert (face.info.family, found) == (expected, True)


def test_an_unknown_family_is_told_and_replaced() -> None:
    laid = layout(make_run("a", family="No Such Family"), SHIPPED)
    assert not laid.family_found and laid.glyphs[0].face.info.family == "Inter"
    assert layout(make_run("a", family="No Such Family, serif"), SHIPPED).family_found


def test_weights() -> None:
    assert SHIPPED.primary("", 700, False)[0].axis_values() == [700]
    assert SHIPPED.primary("", 5000, False)[0].axis_values() == [900]
    assert SHIPPED.primary("serif", 800, False)[0].info.weight == 700
    assert SHIPPED.primary("serif", 300, False)[0].info.weight == 400
    assert SHIPPED.primary("serif", 400, True)[0].slanted


def test_widths_grow_with_weight() -> None:
    widths = [layout(make_run("Hamburg", weight=w), SHIPPED).width for w in (100, 400, 700, 900)]
    assert widths == sorted(widths) and widths[0] < widths[-1]


def test_missing_characters_are_reported_once_and_take_room() -> None:
    laid = layout(make_run("a\u4e00b\u4e00\U0001f600"), SHIPPED)
    assert laid.missing == ("\u4e00", "\U0001f600")
    assert all(g.advance > 0 for g in laid.glyphs)


def test_fallback_prefers_the_style_then_the_shipped_then_the_machine(tmp_path: Path) -> None:
    laid = layout(make_run("a⌘", family="System Monospace"), SHIPPED)
    assert [g.face.info.family for g in laid.glyphs] == ["Noto Sans Mono", "Inter"]
    book = needs("\u4e2d")
    laid = layout(make_run("a\u4e2d"), book)
    assert laid.glyphs[0].face.info.family == "Inter" and laid.glyphs[1].face.info.family != "Inter"


def test_a_family_of_the_machine_is_found_by_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "X.TTF").write_bytes(_renamed(INTER.read_bytes()))
    book = FontBook(folders=[tmp_path])
    face, found = book.primary("xnter", 400, False)
    assert found and face.info.family == "Xnter"


def _renamed(data: bytes) -> bytes:
    return data.replace("Inter".encode("utf-16-be"), "Xnter".encode("utf-16-be"))


def test_files_that_are_no_fonts_are_left_out(tmp_path: Path) -> None:
    good = INTER.read_bytes()
    (tmp_path / "empty.ttf").write_bytes(b"")
    (tmp_path / "text.otf").write_text("not a font")
    (tmp_path / "short.ttf").write_bytes(good[:700])
    (tmp_path / "many.ttc").write_bytes(b"ttcf" + struct.pack(">LL", 0x10000, 0xFFFFFFFF))
    (tmp_path / "good.ttf").write_bytes(_renamed(good))
    assert [f.family for f in FontBook(folders=[tmp_path]).others] == ["Xnter"]
    with pytest.raises(FontFileError, match=r"text\.otf"):
        read_faces(tmp_path / "text.otf")


def test_without_shipped_fonts_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Install it again"):
        FontBook(shipped=tmp_path, folders=[]).primary("", 400, False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=12))
def test_damaged_headers_never_crash(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    data = bytearray((SHIPPED_FOLDER / "noto-sans-mono-bold.ttf").read_bytes())
    for at, value in changes:
        data[at] = value
    path = tmp_path_factory.mktemp("broken") / "broken.ttf"
    path.write_bytes(data)
    try:
        for face in read_faces(path):
            coverage = read_coverage(face)
            assert isinstance(0x41 in coverage, bool) and isinstance(0x1F600 in coverage, bool)
        if FontBook(folders=[path.parent]).face_for("\u4e00", "", 400, False) is not None:
            layout(make_run("\u4e00"), FontBook(folders=[path.parent]))
    except FontFileError:
        pass
    path.unlink()


def _cmap_font(subtable: bytes) -> bytes:
    """The smallest file that our reader takes: head, hhea and one cmap subtable."""
    head = bytearray(54)
    struct.pack_into(">H", head, 18, 1000)
    cmap = struct.pack(">HHHHL", 0, 1, 3, 10, 12) + subtable
    tables = {b"cmap": cmap, b"head": bytes(head), b"hhea": struct.pack(">Lhh", 0x10000, 800, -200) + bytes(28)}
    directory, body, at = b"", b"", 12 + 16 * len(tables)
    for tag, data in tables.items():
        directory += struct.pack(">4sLLL", tag, 0, at + len(body), len(data))
        body += data
    return struct.pack(">LHHHH", 0x10000, len(tables), 0, 0, 0) + directory + body


def test_cmap_formats(tmp_path: Path) -> None:
    # Format 12: 'A'..'C' to glyphs 0..2 (so 'A' is .notdef), U+1F600 to 5.
    groups = struct.pack(">LLL", 65, 67, 0) + struct.pack(">LLL", 0x1F600, 0x1F600, 5)
    twelve = struct.pack(">HHLLL", 12, 0, 16 + len(groups), 0, 2) + groups
    # Format 4: segment 'A'..'C' through a glyph array [7, 0, 9], then the closing segment 0xFFFF -> glyph 0 by delta 1.
    four = struct.pack(">7H", 4, 0, 0, 4, 0, 0, 0) + struct.pack(">HH", 67, 0xFFFF) + b"\0\0"
    four += (
        struct.pack(">HH", 65, 0xFFFF)
        + struct.pack(">HH", 0, 1)
        + struct.pack(">HH", 4, 0)
        + struct.pack(">3H", 7, 0, 9)
    )
    six = struct.pack(">HHHHH", 6, 0, 0, 65, 3) + struct.pack(">3H", 7, 0, 9)
    for name, table, expected in (("12", twelve, "BC\U0001f600"), ("4", four, "AC"), ("6", six, "AC")):
        path = tmp_path / f"{name}.ttf"
        path.write_bytes(_cmap_font(table))
        coverage = read_coverage(read_faces(path)[0])
        assert "".join(c for c in "@ABCD\uffff\U0001f600" if ord(c) in coverage) == expected


def test_the_default_book_is_one() -> None:
    assert default_book() is default_book()
