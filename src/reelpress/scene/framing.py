"""Framing: the size of the output, what is shown of each screen, and where its card lies (cap-format 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from reelpress.recording.model import RecordingKind
from reelpress.scene import geometry

if TYPE_CHECKING:
    from reelpress.project.model import Project
    from reelpress.recording.model import Recording, RecordingSegment
    from reelpress.scene.chrome import ChromeStyle
    from reelpress.scene.geometry import Crop, Size
    from reelpress.scene.plan.rect import Rect


@dataclass(frozen=True, slots=True)
class Framing:
    """What the layout of a project comes to for one recording and one resolution."""

    size: Size
    """Of the output, in pixels."""
    scale: Fraction
    """Output pixels for one display pixel of the screen."""
    crops: tuple[Crop, ...]
    """What is shown of the screen, by recording segment."""
    card: Rect
    """Where the first segment's screen lies, with its frame if there is one, before edges are rounded."""

    @classmethod
    def of(cls, recording: Recording, project: Project, box: Size | None) -> Framing:
        """
        Args:
            box: What the output has to fit into (``geometry.parse_resolution``); ``None``: the screen keeps its pixels.

        Raises:
            SettingsError: The output would be too large, or too small where a larger ``box`` helps.
            UnsupportedInputError: The source is too small.
        """
        layout = _layout(project)
        crops = tuple(_crop(segment, project) for segment in recording.segments)
        natural = geometry.base_size(crops[0], layout)
        size, scale = geometry.output_size(natural, box, plain=_is_plain(recording, project))
        geometry.check_size(size, box, recording.segments[0].display.info.display_size)
        return cls(size, scale, crops, geometry.card_rect(crops[0], size, scale, layout))

    def cards(self, chrome: ChromeStyle | None) -> tuple[Rect, ...]:
        """Where each segment's screen lies, inside of ``chrome`` if that is drawn; of another shape: in the first's."""
        card = self.card if chrome is None else chrome.content(self.card)
        first = self.crops[0]
        return tuple(
            card if crop.w * first.h == first.w * crop.h else geometry.contain(crop.aspect, card) for crop in self.crops
        )


def _layout(project: Project) -> geometry.Frame:
    background, aspect = project.background, project.aspect_ratio
    position = background.display_position
    return geometry.Frame(
        padding=Fraction(repr(background.padding)),
        aspect=None if aspect is None else aspect.value_fraction,
        position=None if position is None else (position.x, position.y),
    )


def _is_plain(recording: Recording, project: Project) -> bool:
    """A single video that nothing is put around."""
    background = project.background
    return (
        recording.kind is not RecordingKind.CAP_STUDIO
        and background.padding == 0
        and project.aspect_ratio is None
        and background.display_position is None
    )


def _crop(segment: RecordingSegment, project: Project) -> Crop:
    crop, size = project.background.crop, segment.display.info.display_size
    if crop is None:
        return geometry.clamp_crop(size, None, None)
    return geometry.clamp_crop(size, (crop.position.x, crop.position.y), (crop.size.x, crop.size.y))
