"""``cursor.json``: pointer moves and clicks (cap-format 1.5).

Read without pydantic: an hour has more than 100,000 rows.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reelpress.errors import ProjectError
from reelpress.recording.jsonfile import describe, dotted, line_of_key, load_json
from reelpress.recording.model import PointerClick, PointerEvents, PointerMove

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reelpress.recording.model import PointerImage

# Recorders of early 2025 wrote process_time_ms and unix_time_ms instead of time_ms. process_time_ms is the one that
# means the same as time_ms, milliseconds since the recording began, by the clock that never jumps. Seen in a real
# project (483 gaps, 5.0 to 15.9 s): unix_time_ms - process_time_ms is one constant to within 1 ms,
# 1738632964180, which is 09:36:04.2 of the day and zone in the project's name, "2025-02-04 at 09.36.20": the zero of
# process_time_ms lies 16 s before the recording was named at its end, and the last event at 15.9 s. So its zero is
# the start of the recording, neither the start of the machine nor of the program. unix_time_ms is the same instant
# on the wall clock, rounded to whole milliseconds; without a start of the recording on that clock it is no use.
_TIME_KEYS = ("time_ms", "process_time_ms")


def load_pointer(path: Path) -> tuple[PointerEvents, tuple[str, ...]]:
    """Read a ``cursor.json``; returns the events and warnings.

    Raises:
        MissingInputError, UnreadableInputError: The file cannot be read.
        ProjectError: No JSON, or a row of another shape.
    """
    data, text = load_json(path)
    return parse_pointer(data, path, text)


def parse_pointer(data: Any, path: Path, text: str | None = None) -> tuple[PointerEvents, tuple[str, ...]]:
    """Events of the parsed ``cursor.json``, sorted by time (equal times stay in file order), and warnings.

    Moves whose position is ``null`` (how the recorder's JSON writer stores a number that is not finite) are left out.

    Raises:
        ProjectError: The shape is wrong; names the key.
    """
    if not isinstance(data, dict):
        raise ProjectError(path, line=1, expected="an object with clicks and moves", given=describe(data))
    dropped = 0
    try:
        moves = []
        for index, row in enumerate(_rows(data, "moves")):
            key = _time_key(row, "moves", index)
            if row.get("x") is None or row.get("y") is None or row[key] is None:
                if not ("x" in row and "y" in row):
                    raise _Bad(("moves", index, "x" if "x" not in row else "y"), "a number", None)
                dropped += 1
                continue
            at = ("moves", index)
            time, x, y = _number(row[key], (*at, key)), _number(row["x"], (*at, "x")), _number(row["y"], (*at, "y"))
            moves.append(PointerMove(time, x, y, _id(row.get("cursor_id", ""), (*at, "cursor_id"))))
        clicks = []
        for index, row in enumerate(_rows(data, "clicks")):
            key = _time_key(row, "clicks", index)
            if row[key] is None:
                dropped += 1
                continue
            at = ("clicks", index)
            down = row.get("down")
            if not isinstance(down, bool):
                raise _Bad((*at, "down"), "true or false", down)
            button = row.get("cursor_num", 0)
            if isinstance(button, bool) or not isinstance(button, int):
                raise _Bad((*at, "cursor_num"), "a whole number", button)
            time, name = _number(row[key], (*at, key)), _id(row.get("cursor_id", ""), (*at, "cursor_id"))
            clicks.append(PointerClick(time, down, button, name))
    except _Bad as bad:
        line = None if text is None else line_of_key(text, bad.key)
        raise ProjectError(
            path, key=dotted(bad.key), line=line, expected=bad.expected, given=describe(bad.given)
        ) from None
    moves.sort(key=lambda move: move.time_ms)
    clicks.sort(key=lambda click: click.time_ms)
    warnings = (f"{path}: {dropped} pointer events without a position or time were left out.",) if dropped else ()
    return PointerEvents(tuple(moves), tuple(clicks)), warnings


SHORT_RUN_MS = 1000.0
"""Pointer images that are shown for less than this are taken to be flicker."""
_ARROWS = ("Arrow", "TahoeArrow")


def stabilise(events: PointerEvents, images: Mapping[str, PointerImage] | None = None) -> PointerEvents:
    """Pointer events without image flicker (cap-format 1.5).

    A run of moves with one image lasts until the next run begins (the last one until the last move). Runs shorter
    than a second are given the usual pointer: the first image (ids in numerical order) that is an arrow, else the
    one that is shown longest. Clicks take the image of the run they fall in.

    Args:
        images: ``Recording.pointer_images``; only the shapes count.
    """
    moves = events.moves
    if not moves:
        return events
    firsts = [0, *(i for i in range(1, len(moves)) if moves[i].cursor_id != moves[i - 1].cursor_id)]
    times = [moves[i].time_ms for i in firsts]
    lengths = [b - a for a, b in pairwise([*times, moves[-1].time_ms])]
    usual = _arrow(images or {})
    if usual is None:
        shown: dict[str, float] = {}
        for first, length in zip(firsts, lengths, strict=True):
            name = moves[first].cursor_id
            shown[name] = shown.get(name, 0.0) + length
        usual = max(shown, key=lambda name: shown[name])  # of equals the one that came first
    names = [
        usual if length < SHORT_RUN_MS else moves[first].cursor_id
        for first, length in zip(firsts, lengths, strict=True)
    ]
    steady: list[PointerMove] = []
    for first, stop, name in zip(firsts, [*firsts[1:], len(moves)], names, strict=True):
        run = moves[first:stop]
        if name == run[0].cursor_id:
            steady.extend(run)
        else:
            steady.extend(PointerMove(move.time_ms, move.x, move.y, name) for move in run)
    clicks = tuple(
        click._replace(cursor_id=names[max(bisect_right(times, click.time_ms) - 1, 0)]) for click in events.clicks
    )
    return PointerEvents(tuple(steady), clicks)


def _arrow(images: Mapping[str, PointerImage]) -> str | None:
    arrows = [
        name for name, image in images.items() if image.shape is not None and image.shape.rpartition("|")[2] in _ARROWS
    ]
    return min(arrows, key=_numerical, default=None)


def _numerical(name: str) -> tuple[bool, int, str]:
    number = name.isascii() and name.isdigit()
    return not number, int(name) if number else 0, name


class _Bad(Exception):
    def __init__(self, key: tuple[str | int, ...], expected: str, given: Any) -> None:
        self.key, self.expected, self.given = key, expected, given


def _rows(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = data.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise _Bad((name,), "a list", rows)
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            raise _Bad((name, index), "an object", row)
    return rows


def _time_key(row: dict[str, Any], name: str, index: int) -> str:
    for key in _TIME_KEYS:
        if key in row:
            return key
    raise _Bad((name, index, "time_ms"), "a time in milliseconds", None)


def _number(value: Any, key: tuple[str | int, ...]) -> float:
    if type(value) is float or type(value) is int:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise _Bad(key, "a finite number", value)


def _id(value: Any, key: tuple[str | int, ...]) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _Bad(key, "a text", value)
