"""Named looks as data: parts of a ``project-config.json`` that are laid over another one."""

from __future__ import annotations

import copy
from typing import Any

from reelpress.errors import SettingsError

PLAIN_LOOK: dict[str, Any] = {
    "background": {"source": {"type": "color", "value": [0, 0, 0]}, "padding": 0, "rounding": 0, "shadow": 0},
    "cursor": {"motionBlur": 0},
    "screenMotionBlur": 0,
}
"""No decoration: the picture passes through untouched."""

PRESETS: dict[str, dict[str, Any]] = {
    "plain": PLAIN_LOOK,
    "card": {
        "background": {
            "source": {"type": "gradient", "from": [71, 133, 255], "to": [255, 71, 102], "angle": 135},
            "padding": 12,
            "rounding": 8,
            "shadow": 73.6,
        }
    },
    "card-dark": {
        "background": {
            "source": {"type": "gradient", "from": [32, 36, 48], "to": [12, 14, 20], "angle": 180},
            "padding": 12,
            "rounding": 8,
            "shadow": 73.6,
        }
    },
}


def preset(name: str) -> dict[str, Any]:
    """The look called ``name``, a new object.

    Raises:
        SettingsError: There is no such look; lists those that there are.
    """
    if name not in PRESETS:
        raise SettingsError(f"There is no preset {name!r}. Allowed are {', '.join(sorted(PRESETS))}, or a JSON file.")
    return copy.deepcopy(PRESETS[name])


def overlay(base: dict[str, Any], look: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``look`` laid over it: objects are merged, anything else is replaced. A new object.

    An object with another ``type`` (a background of another kind) is replaced as a whole.
    """
    merged = dict(base)
    for key, value in look.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and value.get("type", old.get("type")) == old.get("type"):
            merged[key] = overlay(old, value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged
