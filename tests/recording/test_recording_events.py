"""cursor.json and keyboard.bin."""

from __future__ import annotations

import json
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from reelpress.errors import ProjectError
from reelpress.recording.keys import parse_keys
from reelpress.recording.model import KeyPress, PointerClick, PointerEvents, PointerMove
from reelpress.recording.pointer import load_pointer, parse_pointer

FILE = Path("cursor.json")


def move(time: Any, x: Any = 0.5, y: Any = 0.5, name: Any = "0") -> dict[str, Any]:
    return {"active_modifiers": [], "cursor_id": name, "time_ms": time, "x": x, "y": y}


def click(time: Any, down: Any = True, button: Any = 0) -> dict[str, Any]:
    return {"active_modifiers": [], "cursor_id": "1", "cursor_num": button, "time_ms": time, "down": down}


def test_events_are_sorted_and_equal_times_stay_in_order() -> None:
    data = {"moves": [move(30), move(10, 0.1), move(10, 0.2, name=7), move(20)], "clicks": [click(9, False), click(8)]}
    events, warnings = parse_pointer(data, FILE)
    assert warnings == ()
    assert [(m.time_ms, m.x, m.cursor_id) for m in events.moves] == [
        (10, 0.1, "0"),
        (10, 0.2, "7"),
        (20, 0.5, "0"),
        (30, 0.5, "0"),
    ]
    assert events.clicks == (PointerClick(8, True, 0, "1"), PointerClick(9, False, 0, "1"))


def test_raw_position_is_the_last_move_at_or_before() -> None:
    moves = tuple(PointerMove(t, t / 100, 0, "0") for t in (10.0, 20.0, 30.0))
    events = PointerEvents(moves)
    assert events.raw_at(9.999) is None
    assert events.raw_at(10) == moves[0]
    assert events.raw_at(Fraction(19999, 1000)) == moves[0]
    assert events.raw_at(Fraction(20)) == moves[1]
    assert events.raw_at(1e9) == moves[2]
    assert PointerEvents().raw_at(5) is None


def test_positions_may_lie_outside_and_nulls_are_left_out() -> None:
    data = {"moves": [move(1, -0.5, 1.5), move(2, None, 0.5), move(None)], "clicks": [click(None)]}
    events, warnings = parse_pointer(data, FILE)
    assert [(m.x, m.y) for m in events.moves] == [(-0.5, 1.5)]
    assert len(warnings) == 1
    assert "3 pointer events" in warnings[0]


@pytest.mark.parametrize(
    ("data", "key"),
    [
        ({"moves": 5}, "moves"),
        ({"moves": [5]}, "moves[0]"),
        ({"moves": [move(1), move("1")]}, "moves[1].time_ms"),
        ({"moves": [move(1, "0.5")]}, "moves[0].x"),
        ({"moves": [move(1, 0.5, True)]}, "moves[0].y"),
        ({"moves": [move(1, 0.5, 1e999)]}, "moves[0].y"),
        ({"moves": [move(10**400)]}, "moves[0].time_ms"),
        ({"moves": [{"time_ms": 1, "x": 0.5, "cursor_id": "0"}]}, "moves[0].y"),
        ({"moves": [{"x": 0.5, "y": 0.5}]}, "moves[0].time_ms"),
        ({"moves": [move(1, name=[])]}, "moves[0].cursor_id"),
        ({"clicks": [click(1, "yes")]}, "clicks[0].down"),
        ({"clicks": [click(1, True, "left")]}, "clicks[0].cursor_num"),
        ([], None),
    ],
)
def test_wrong_rows_name_their_key(data: Any, key: str | None) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_pointer(data, FILE)
    assert caught.value.key == key


def test_wrong_row_of_a_file_has_a_line(tmp_path: Path) -> None:
    file = tmp_path / "cursor.json"
    file.write_text(json.dumps({"clicks": [], "moves": [move(1), move(2, "?")]}, indent=1))
    line = next(n for n, text in enumerate(file.read_text().splitlines(), 1) if '"?"' in text)
    with pytest.raises(ProjectError) as caught:
        load_pointer(file)
    assert caught.value.line == line


def test_hundred_thousand_moves_are_read(tmp_path: Path) -> None:
    file = tmp_path / "cursor.json"
    rows = [move(16.0 * n, n / 100_000, 0.5) for n in range(100_000)]
    file.write_text(json.dumps({"clicks": [], "moves": rows}))
    events, _ = load_pointer(file)
    assert len(events.moves) == 100_000
    found = events.raw_at(Fraction(16 * 77_777) + Fraction(1, 2))
    assert found is not None
    assert found.x == 0.77777


def varint(number: int) -> bytes:
    """bincode 2, standard configuration: https://docs.rs/bincode/2 (spec, varint encoding)."""
    if number < 251:
        return bytes([number])
    for marker, size in ((251, 2), (252, 4), (253, 8)):
        if number < 1 << (8 * size):
            return bytes([marker]) + number.to_bytes(size, "little")
    raise AssertionError


def encode(presses: list[KeyPress]) -> bytes:
    def text(value: str) -> bytes:
        raw = value.encode()
        return varint(len(raw)) + raw

    rows = (text(p.key) + text(p.key_code) + struct.pack("<d?", p.time_ms, p.down) for p in presses)
    return varint(len(presses)) + b"".join(rows)


PRESSES = [KeyPress(float(n), "ä" * (n % 3), f"Key{n}" + "x" * (300 if n == 7 else 0), n % 2 == 0) for n in range(300)]
KEYS = Path("keyboard.bin")


@pytest.mark.parametrize("magic", [b"CPKB01", b""])
def test_keyboard_bin(magic: bytes) -> None:
    assert list(parse_keys(magic + encode(PRESSES), KEYS).presses) == PRESSES


def test_keyboard_bin_by_hand() -> None:
    raw = b"CPKB01" + b"\x01" + b"\x01a" + b"\x04KeyA" + struct.pack("<d", 12.5) + b"\x01"
    assert parse_keys(raw, KEYS).presses == (KeyPress(12.5, "a", "KeyA", True),)


def test_keyboard_json_is_sorted() -> None:
    rows = [{"key": k, "keyCode": "K", "timeMs": t, "down": False} for k, t in (("b", 2), ("a", 1.5))]
    keys = parse_keys(json.dumps({"presses": rows}).encode(), Path("keyboard.json"))
    assert [(p.time_ms, p.key) for p in keys.presses] == [(1.5, "a"), (2.0, "b")]


@pytest.mark.parametrize(
    "raw",
    [
        b"CPKB01",
        b"CPKB01" + encode(PRESSES)[:-1],
        b"CPKB01\xfd" + b"\xff" * 8,
        b"CPKB01\xfe" + b"\0" * 16,
        b"CPKB01\x01\xfc\xff\xff\xff\xff" + bytes(20),
        b"CPKB01\x01\x01\xff\x00" + struct.pack("<d", 1) + b"\x01",
        b"CPKB01\x01\x00\x00" + struct.pack("<d", float("nan")) + b"\x01",
        b"CPKB01\x01\x00\x00" + struct.pack("<d", 1) + b"\x02",
        b"",
        b"{",
        b"[1]",
        b'{"presses": 1}',
        b'{"presses": [{"key": 1, "keyCode": "", "timeMs": 1, "down": true}]}',
        b'{"presses": [{"key": "", "keyCode": "", "timeMs": 1e999, "down": true}]}',
        b'{"presses": [{"key": "", "keyCode": "", "timeMs": 1}]}',
    ],
)
def test_broken_key_files(raw: bytes) -> None:
    with pytest.raises(ProjectError):
        parse_keys(raw, KEYS)
