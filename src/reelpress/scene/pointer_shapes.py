"""Which of our own drawn pointers stands for a recorded shape, and where its hotspot is (cap-format 1.2).

The drawings themselves are in ``compose.pointers``; here is what placing them needs. All fill a square as Cap's do,
with empty margins, so that a pointer of a given size is about as large on screen whoever drew it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reelpress.recording.model import PointerImage

if TYPE_CHECKING:
    from reelpress.project.cursor import Cursor

PREFIX = "builtin:"
"""A sprite's ``image`` that begins so is one of ours; the rest is its name."""
RASTER = 200
"""Pixels a side at which drawn pointers are rasterised before they are scaled (cap-format 3.6)."""
CIRCLE_RASTER = 256
LIGHT = ".light"
"""Ending of the variant that is white with a black outline, as on Windows."""
CIRCLE = "circle"

_CENTRE = (0.5, 0.5)

HOTSPOTS: dict[str, tuple[float, float]] = {
    "arrow": (0.30, 0.22),
    "context-menu": (0.30, 0.22),
    "drag-copy": (0.30, 0.22),
    "drag-link": (0.30, 0.22),
    "disappear": (0.30, 0.22),
    "arrow-no": (0.30, 0.22),
    "arrow-busy": (0.30, 0.22),
    "arrow-pin": (0.30, 0.22),
    "arrow-person": (0.30, 0.22),
    "help": (0.30, 0.22),
    "hand": (0.40, 0.16),
    "open-hand": (0.5, 0.5),
    "closed-hand": (0.5, 0.5),
    "ibeam": _CENTRE,
    "ibeam-vertical": _CENTRE,
    "crosshair": _CENTRE,
    "no": _CENTRE,
    "resize-left": _CENTRE,
    "resize-right": _CENTRE,
    "resize-up": _CENTRE,
    "resize-down": _CENTRE,
    "resize-we": _CENTRE,
    "resize-ns": _CENTRE,
    "resize-nwse": _CENTRE,
    "resize-nesw": _CENTRE,
    "move": _CENTRE,
    "wait": _CENTRE,
    "up-arrow": (0.5, 0.18),
    "pen": (0.24, 0.76),
    "zoom-in": (0.44, 0.44),
    "zoom-out": (0.44, 0.44),
    CIRCLE: _CENTRE,
}
"""Fractions of the square by name of the drawing."""

_MACOS = {
    "Arrow": "arrow",
    "ContextualMenu": "context-menu",
    "ClosedHand": "closed-hand",
    "Crosshair": "crosshair",
    "DisappearingItem": "disappear",
    "DragCopy": "drag-copy",
    "DragLink": "drag-link",
    "IBeam": "ibeam",
    "OpenHand": "open-hand",
    "OperationNotAllowed": "arrow-no",
    "PointingHand": "hand",
    "ResizeDown": "resize-down",
    "ResizeLeft": "resize-left",
    "ResizeLeftRight": "resize-we",
    "ResizeRight": "resize-right",
    "ResizeUp": "resize-up",
    "ResizeUpDown": "resize-ns",
    "IBeamVerticalForVerticalLayout": "ibeam-vertical",
    "ZoomIn": "zoom-in",
    "ZoomOut": "zoom-out",
}
_WINDOWS = {
    "Arrow": "arrow",
    "IBeam": "ibeam",
    "Wait": "wait",
    "Cross": "crosshair",
    "UpArrow": "up-arrow",
    "SizeNWSE": "resize-nwse",
    "SizeNESW": "resize-nesw",
    "SizeWE": "resize-we",
    "SizeNS": "resize-ns",
    "SizeAll": "move",
    "No": "no",
    "Hand": "hand",
    "AppStarting": "arrow-busy",
    "Help": "help",
    "Pin": "arrow-pin",
    "Person": "arrow-person",
    "Pen": "pen",
}
_TAHOE = "Tahoe"


def drawing(shape: str | None) -> str | None:
    """Name of the drawing for ``"<OS>|<Name>"``; ``None`` when we have none."""
    system, bar, name = (shape or "").partition("|")
    if not bar:
        return None
    if system == "MacOS":
        return _MACOS.get(name.removeprefix(_TAHOE))
    if system == "Windows":
        found = _WINDOWS.get(name)
        return None if found is None else found + LIGHT
    return None


def builtin(name: str) -> PointerImage:
    """The drawing of this name (with or without ``.light``) as an image to be placed like a captured one.

    Raises:
        KeyError: There is no such drawing.
    """
    hotspot = HOTSPOTS[name.removesuffix(LIGHT)]
    side = CIRCLE_RASTER if name == CIRCLE else RASTER
    return PointerImage(Path(PREFIX + name), side, side, hotspot, None)


def shown_image(captured: PointerImage | None, cursor: Cursor) -> PointerImage | None:
    """What to draw for a captured image, by ``cursor.type`` and ``cursor.useSvg``; ``None`` when there is nothing.

    ``auto`` and ``pointer`` both show the recorded pointer: as a drawing where its shape is known and ``useSvg`` is
    on, else as captured.
    """
    if cursor.type.value == "circle":
        return builtin(CIRCLE)
    if captured is None:
        return None
    name = drawing(captured.shape) if cursor.use_svg else None
    return captured if name is None else builtin(name)
