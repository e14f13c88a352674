"""``keyboard.bin`` and ``keyboard.json``: key events (cap-format 1.5).

``keyboard.bin`` is the magic ``CPKB01`` and a list in bincode 2 standard encoding: little endian, lengths as
varints (one byte below 251; 251, 252, 253 announce 2, 4, 8 bytes), texts as length and UTF-8, f64, one byte for bool.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from reelpress.errors import ProjectError, UnreadableInputError
from reelpress.recording.jsonfile import MAX_BYTES, describe, parse_json
from reelpress.recording.model import KeyEvents, KeyPress

if TYPE_CHECKING:
    from pathlib import Path

MAGIC = b"CPKB01"
_SMALLEST_ENTRY = 11
"""Two empty texts, a float and a bool."""


def load_keys(path: Path) -> KeyEvents:
    """Read key events in any of their three forms.

    Raises:
        UnreadableInputError: The file cannot be read.
        ProjectError: It is none of the three.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableInputError(f"{path} is larger than {MAX_BYTES // 2**20} MB; it is no file of a recording.")
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableInputError(f"{path} cannot be read: {error.strerror or error}.") from error
    return parse_keys(raw, path)


def parse_keys(raw: bytes, path: Path) -> KeyEvents:
    """Key events out of the content of a file: bincode with magic, bincode without, JSON, tried in this order.

    Raises:
        ProjectError: It is none of the three.
    """
    if raw.startswith(MAGIC):
        try:
            presses, _ = _decode(raw, len(MAGIC))
        except _Broken as error:
            raise ProjectError(path, expected="key events after CPKB01", given=str(error)) from None
        return _sorted(presses)
    try:
        presses, end = _decode(raw, 0)
        if end == len(raw):  # without the magic only a file that is used up to its last byte is believed
            return _sorted(presses)
    except _Broken:
        pass
    data, _ = parse_json(path, raw)
    return _from_json(data, path)


def _sorted(presses: list[KeyPress]) -> KeyEvents:
    return KeyEvents(tuple(sorted(presses, key=lambda press: press.time_ms)))


class _Broken(Exception):
    pass


def _decode(raw: bytes, at: int) -> tuple[list[KeyPress], int]:
    count, at = _varint(raw, at)
    if count * _SMALLEST_ENTRY > len(raw) - at:
        raise _Broken(f"a list of {count} entries in {len(raw) - at} bytes")
    presses = []
    for _ in range(count):
        key, at = _text(raw, at)
        code, at = _text(raw, at)
        if at + 9 > len(raw):
            raise _Broken("an entry that is cut off")
        (time,) = struct.unpack_from("<d", raw, at)
        down = raw[at + 8]
        at += 9
        if down > 1:
            raise _Broken(f"{down} where 0 or 1 must be")
        if not math.isfinite(time):
            raise _Broken("a time that is not finite")
        presses.append(KeyPress(time, key, code, bool(down)))
    return presses, at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    if at >= len(raw):
        raise _Broken("a file that is cut off")
    first = raw[at]
    if first < 251:
        return first, at + 1
    size = {251: 2, 252: 4, 253: 8}.get(first)
    if size is None or at + 1 + size > len(raw):
        raise _Broken("a length that is cut off or too large")
    return int.from_bytes(raw[at + 1 : at + 1 + size], "little"), at + 1 + size


def _text(raw: bytes, at: int) -> tuple[str, int]:
    length, at = _varint(raw, at)
    if length > len(raw) - at:
        raise _Broken("a text that is cut off")
    try:
        return raw[at : at + length].decode("utf-8"), at + length
    except UnicodeDecodeError:
        raise _Broken("a text that is not UTF-8") from None


def _from_json(data: Any, path: Path) -> KeyEvents:
    rows = data.get("presses") if isinstance(data, dict) else data
    if not isinstance(rows, list):
        raise ProjectError(path, key="presses", expected="a list", given=describe(rows))
    presses = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ProjectError(path, key=f"presses[{index}]", expected="an object", given=describe(row))
        key = row.get("key", "")
        code = row.get("keyCode", row.get("key_code", ""))
        time = row.get("timeMs", row.get("time_ms"))
        down = row.get("down")
        for name, value, kinds, words in (
            ("key", key, str, "a text"),
            ("keyCode", code, str, "a text"),
            ("down", down, bool, "true or false"),
        ):
            if not isinstance(value, kinds):
                raise ProjectError(path, key=f"presses[{index}].{name}", expected=words, given=describe(value))
        if isinstance(time, bool) or not isinstance(time, int | float) or not abs(time) < 1e15:
            raise ProjectError(path, key=f"presses[{index}].timeMs", expected="a finite number", given=describe(time))
        presses.append(KeyPress(float(time), str(key), str(code), bool(down)))
    return _sorted(presses)
