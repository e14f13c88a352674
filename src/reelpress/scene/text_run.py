"""What a text layer says: spans of text, their style, how to wrap or shrink, how much of it is shown.

Pure data: nothing here measures. ``text.layout`` turns a :class:`TextRun` into positions and ``text.raster`` into
pixels. Lengths are output pixels, colours gamma-coded sRGB 0..1, opacities 0..1.

Two runs with equal :meth:`TextRun.layout_key` have the same positions, so a word highlight that only changes
colours, or a typewriter that only reveals more, moves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from reelpress.scene.plan.outline import CornerKind
from reelpress.scene.plan.rect import Rect

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reelpress.scene.plan.fills import RGB

LINE_HEIGHT = 1.2
"""Cap's, in font sizes (cap-format 2.4 and 3.9)."""
OUTLINE_WIDTH = 1.2
"""Pixels at output height 1080 (cap-format 3.9)."""
CAPTION_MIN_SCALE = 0.35
"""A caption is never shrunk below this (cap-format 3.9)."""


class Align(StrEnum):
    """Where lines stand within the widest one, and the text within its layer's box: physical, also for RTL text."""

    LEFT = "left"
    CENTER = "center"
    RIGHT = "right"


class VerticalAlign(StrEnum):
    TOP = "top"
    MIDDLE = "middle"
    BOTTOM = "bottom"


class Direction(StrEnum):
    """Base direction of every paragraph; ``auto`` is that of its first strong character."""

    AUTO = "auto"
    LTR = "ltr"
    RTL = "rtl"


@dataclass(frozen=True, slots=True)
class Outline:
    """A line around the letters, drawn under their fill."""

    width: float
    """Pixels outside the letter's edge."""
    color: RGB = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class TextStyle:
    size: float
    """Font size in pixels."""
    family: str = "System Sans-Serif"
    """A family's name, or several with commas. Generic names (``System Sans-Serif``, ``System Serif``, ``System
    Monospace``, ``Helvetica``, ``Times New Roman``, ``Courier New``...) are the shipped fonts; others are looked for
    among the fonts of the machine; one that is not found becomes the shipped sans serif."""
    weight: int = 400
    """100..900."""
    italic: bool = False
    color: RGB = (1.0, 1.0, 1.0)
    letter_spacing: float = 0.0
    """Pixels after each character but the last of a line; scripts that join letters get it between words only."""
    line_height: float = LINE_HEIGHT
    """In font sizes."""
    outline: Outline | None = None
    shadow: float = 0.0
    """Strength 0..1: black, offset (.02, .055) font sizes, alpha .85 times this (cap-format 3.8)."""
    language: str = ""
    """BCP 47 tag for fonts that draw a letter by language (``ja``, ``zh-Hans``, ``sr``); empty: none."""
    direction: Direction = Direction.AUTO


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A piece of the text with its own paint: one word of a caption, one key of an overlay."""

    text: str
    color: RGB | None = None
    """Instead of the style's."""
    opacity: float = 1.0
    """Of fill, outline, shadow and colour emoji of this span."""


@dataclass(frozen=True, slots=True)
class Fit:
    """Instead of wrapping, the font is shrunk until the widest line fits; it overflows below ``min_scale``."""

    max_width: float
    """Pixels."""
    min_scale: float = CAPTION_MIN_SCALE


@dataclass(frozen=True, slots=True)
class Backing:
    """A filled box behind the whole text: its laid-out size and ``padding`` around."""

    color: RGB
    opacity: float
    padding: float
    """Pixels of the unshrunk font; it shrinks with the text, as ``radius`` does."""
    radius: float = 0.0
    kind: CornerKind = CornerKind.SQUIRCLE


@dataclass(frozen=True, slots=True)
class Pill:
    """A box behind one span that moves to another, between the backing and the letters.

    Its rectangle is ``lerp(box(start_span), box(end_span), progress)`` grown by the paddings, where the box of a span
    is its first piece: as wide as its letters, as high as its line.
    """

    start_span: int
    end_span: int
    progress: float
    """0..1."""
    color: RGB
    opacity: float = 1.0
    padding_x: float = 0.0
    padding_y: float = 0.0
    radius: float = 0.0
    kind: CornerKind = CornerKind.SQUIRCLE


@dataclass(frozen=True, slots=True)
class TextRun:
    spans: tuple[TextSpan, ...]
    style: TextStyle
    align: Align = Align.CENTER
    vertical_align: VerticalAlign = VerticalAlign.MIDDLE
    wrap_width: float | None = None
    """Pixels; ``None`` breaks only at line feeds."""
    fit: Fit | None = None
    """Not together with ``wrap_width``: with it lines are broken only at line feeds."""
    reveal: int | None = None
    """How many characters (code points of :attr:`text`) are shown; ``None`` shows all. Those not shown keep their
    place. An emoji or accented letter made of several code points appears when all of them are due."""
    backing: Backing | None = None
    pill: Pill | None = None

    @property
    def text(self) -> str:
        return "".join(span.text for span in self.spans)

    def layout_key(self) -> Hashable:
        """Everything that positions depend on."""
        style = self.style
        return (
            tuple(span.text for span in self.spans),
            (style.family, style.size, style.weight, style.italic, style.letter_spacing, style.line_height),
            (style.language, style.direction),
            self.align,
            self.wrap_width,
            self.fit,
        )


@dataclass(frozen=True, slots=True)
class TextMetrics:
    """What a plan may need to know about a laid-out run. Origin: upper left corner of the block of lines."""

    width: float
    """Of the widest line, pixels, after shrinking."""
    height: float
    """Number of lines times the line height."""
    scale: float
    """1, or what the text was shrunk to."""
    span_boxes: tuple[Rect | None, ...]
    """Per span the box of its first piece, ``None`` when it has no visible character."""


def ink_bounds(run: TextRun, metrics: TextMetrics, x: float, y: float, scale: float = 1.0) -> Rect:
    """Output pixels that hold everything that is drawn of a run at (x, y): boxes, shadow, outline and letters.

    Letters may stand out of their block by up to a font size on each side; only stacks of marks reach further.
    """
    style, unit = run.style, metrics.scale * scale
    outline = style.outline.width if style.outline is not None else 0.0
    reach = (style.size * (1.06 if style.shadow > 0 else 1.0) + outline) * unit
    if run.backing is not None:
        reach = max(reach, run.backing.padding * unit)
    if run.pill is not None:
        reach = max(reach, run.pill.padding_x * unit, run.pill.padding_y * unit)
    return Rect(x, y, metrics.width * scale, metrics.height * scale).outset(reach + 3.0)


class TextMeasure(Protocol):
    """How ``scene`` asks for sizes without knowing fonts: ``text.layout.measure`` is handed to it."""

    def __call__(self, run: TextRun, /) -> TextMetrics: ...
