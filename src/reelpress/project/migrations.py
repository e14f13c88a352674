"""Bringing an older ``project-config.json`` up to date, in memory (cap-format 2.1). The file is never written.

They work on the parsed JSON, because they depend on keys being absent. Values of a wrong type are left alone: the
validation that follows names them better.
"""

from __future__ import annotations

import copy
import math
from typing import Any

_UNSET = object()
_SPELLINGS = {
    "screenMotionBlur": ("screen_motion_blur",),
    "motionBlur": ("motion_blur",),
    "textSizeVersion": ("text_size_version",),
    "textAnimVersion": ("text_anim_version",),
    "textSegments": ("text_segments",),
    "fontSize": ("font_size",),
    "fadeDuration": ("fade_duration",),
}


def migrate(data: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A migrated copy of ``data``, and a line for each change."""
    data = copy.deepcopy(data)
    notes: list[str] = []
    _motion_blur(data, notes)
    texts = _texts(data)
    if _version(data, "textSizeVersion") == 0:
        if sum(_text_size(text) for text in texts):
            notes.append("text sizes are those of version 0: fontSize was scaled by the height of the box")
        data["textSizeVersion"] = 1
    if _version(data, "textAnimVersion") == 0:
        if sum(_text_animation(text) for text in texts):
            notes.append("text animations are those of version 0: in and out take fadeDuration")
        data["textAnimVersion"] = 1
    return data, tuple(notes)


def _get(data: dict[str, Any], key: str) -> Any:
    for spelling in (key, *_SPELLINGS.get(key, ())):
        if data.get(spelling) is not None:
            return data[spelling]
    return _UNSET


def _set(data: dict[str, Any], key: str, value: Any) -> None:
    for spelling in _SPELLINGS.get(key, ()):
        data.pop(spelling, None)
    data[key] = value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _version(data: dict[str, Any], key: str) -> Any:
    """0 when absent."""
    value = _get(data, key)
    return 0 if value is _UNSET else value


def _motion_blur(data: dict[str, Any], notes: list[str]) -> None:
    """Both blurs into 0..1, then the screen's set equal to the pointer's."""
    cursor = data.get("cursor")
    pointer: Any = _get(cursor, "motionBlur") if isinstance(cursor, dict) else _UNSET
    if pointer is not _UNSET and not _is_number(pointer):
        return
    blur = 1.0 if pointer is _UNSET else min(1.0, max(0.0, pointer))
    if pointer is not _UNSET and blur != pointer and isinstance(cursor, dict):
        _set(cursor, "motionBlur", blur)
        notes.append(f"cursor.motionBlur {pointer:g} was moved into 0 to 1")
    screen = _get(data, "screenMotionBlur")
    if screen is not _UNSET and not _is_number(screen):
        return
    if screen is _UNSET or screen != blur:
        if screen is not _UNSET:
            notes.append(f"screenMotionBlur {screen:g} was set to cursor.motionBlur, {blur:g}")
        _set(data, "screenMotionBlur", blur)


def _texts(data: dict[str, Any]) -> list[dict[str, Any]]:
    timeline = data.get("timeline")
    texts = _get(timeline, "textSegments") if isinstance(timeline, dict) else None
    return [text for text in texts if isinstance(text, dict)] if isinstance(texts, list) else []


def _text_size(text: dict[str, Any]) -> bool:
    """Version 0: the font size was for a box of height 0.2 and grew with the box."""
    size = text.get("size")
    height: Any = size.get("y") if isinstance(size, dict) else 0.2
    font = _get(text, "fontSize")
    font = 48 if font is _UNSET else font
    if not _is_number(height) or not _is_number(font):
        return False
    new = min(480.0, max(1.0, font * min(4.0, max(0.25, height / 0.2))))
    if new == font:
        return False
    _set(text, "fontSize", new)
    return True


def _text_animation(text: dict[str, Any]) -> bool:
    """Version 0: one fadeDuration for both ends; 0 meant no animation."""
    fade = _get(text, "fadeDuration")
    if fade is _UNSET or not _is_number(fade):
        return False
    for end in ("In", "Out"):
        text[f"animation{end}Duration"] = fade
        if fade <= 0:
            text[f"animation{end}"] = "none"
    return True
