"""Reelpress: the export engine for screen recordings.

>>> import reelpress
>>> report = reelpress.export("demo.cap", "demo.mp4")  # doctest: +SKIP

Everything heavy (PyAV, numpy, Pillow) is imported when a function is called, not with the package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from reelpress._version import __version__
from reelpress.errors import ReelpressError

# The subpackage ``reelpress.export`` and the function ``reelpress.export`` share a name. Importing the (empty)
# subpackage now, before the function is defined, makes the function the attribute for good: Python binds a
# subpackage to its parent only at its first import. Inside the project always write
# ``from reelpress.export.x import y``.
importlib.import_module("reelpress.export")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction
    from pathlib import Path

    from reelpress.events import Event
    from reelpress.export.plan import ExportPlan
    from reelpress.export.report import ExportReport
    from reelpress.export.settings import ExportSettings
    from reelpress.media.planes import Planes
    from reelpress.pipeline.cancel import CancelToken
    from reelpress.quality.report import ComparisonReport

__all__ = [
    "CancelToken",
    "ExportSettings",
    "ReelpressError",
    "__version__",
    "compare",
    "export",
    "plan",
    "probe",
    "render",
]

_LAZY = {
    "ExportSettings": "reelpress.export.settings",
    "CancelToken": "reelpress.pipeline.cancel",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'reelpress' has no attribute {name!r}")


def export(
    source: Path | str,
    output: Path | str | None = None,
    *,
    settings: ExportSettings | None = None,
    on_event: Callable[[Event], None] | None = None,
    cancel: CancelToken | None = None,
) -> ExportReport:
    """Export a recording to a finished, verified video file.

    Args:
        source: A ``.cap`` folder or any video file.
        output: The file to write; ``None`` is ``./<source stem>.mp4``.
        settings: Options by the names of the command line.
        on_event: Called with every event (``reelpress.events``), in the calling thread.
        cancel: Ends the export within a second, from any thread.

    Raises:
        ReelpressError: See ``reelpress.errors``. No partial output is left, and an existing file is untouched.
    """
    from reelpress.export.api import export as run

    return run(source, output, settings=settings, on_event=on_event, cancel=cancel)


def plan(source: Path | str, output: Path | str | None = None, *, settings: ExportSettings | None = None) -> ExportPlan:
    """Every choice that an export would make, with the reasons. Nothing is written."""
    from reelpress.export.api import plan as make

    return make(source, output, settings=settings)


def probe(source: Path | str) -> dict[str, Any]:
    """What is in a recording, as JSON types."""
    from reelpress.export.api import probe as look

    return look(source)


def render(source: Path | str, *, settings: ExportSettings | None = None) -> Iterator[Planes]:
    """The output frames as planes, in order. A picture that did not change is the same object again."""
    from reelpress.export.api import render as frames

    return frames(source, settings=settings)


def compare(
    a: Path | str,
    b: Path | str,
    *,
    min_ssim: float | None = None,
    worst: int = 3,
    pictures: Path | str | None = None,
    start: Fraction | None = None,
    end: Fraction | None = None,
    scale: bool = False,
    every: int = 1,
    cancel: CancelToken | None = None,
) -> ComparisonReport:
    """How much video ``b`` differs from video ``a``: PSNR, SSIM and XPSNR, text, sync of the sound, colour tags.

    Args:
        a: The reference.
        b: What is judged.
        min_ssim: The report's ``passed`` is false below this mean SSIM, or if ``b`` ends early.
        worst: How many of the worst moments to list.
        pictures: A folder for pictures of them.
        start, end: Seconds from the first picture of each; compare only between them.
        scale: Bring ``b`` to the size of ``a``; else different sizes are refused.
        every: Measure every Nth moment only.
        cancel: Ends it within a second, from any thread.

    Raises:
        ReelpressError: See ``reelpress.errors``.

    ``reelpress.quality.compare`` has more: callbacks, and comparing a file with pictures instead of a file.
    """
    from reelpress.quality.compare import compare as run

    return run(
        a,
        b,
        min_ssim=min_ssim,
        worst=worst,
        pictures=pictures,
        start=start,
        end=end,
        scale=scale,
        every=every,
        cancel=cancel,
    )
