"""The background layer of a project (cap-format 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.project.background import ColorSource, GradientSource
from reelpress.project.load import resolve
from reelpress.scene.plan.fills import RGB, GradientFill, ImageFill, SolidFill
from reelpress.scene.plan.layers import BackgroundLayer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reelpress.project.background import Background
    from reelpress.scene.geometry import Size

WHITE = SolidFill((1.0, 1.0, 1.0))


def backdrop(
    background: Background,
    size: Size,
    base: Path,
    image_size: Callable[[str], tuple[int, int] | None],
    warnings: list[str],
) -> BackgroundLayer:
    """The background layer. A missing image gives white and adds a warning.

    Args:
        base: Folder that relative image paths start from.
        image_size: Absolute path of an image -> its upright width and height, or ``None`` when it cannot be read;
            the scene itself opens no files.
    """
    sigma = background.blur / 100 * size[1] * 0.025
    source = background.source
    if isinstance(source, ColorSource):
        return BackgroundLayer(SolidFill(_rgb(source.value)))  # a blur does not change one colour
    if isinstance(source, GradientSource):
        fill = GradientFill(
            _rgb(source.start), _rgb(source.end), source.angle, source.noise_intensity, source.noise_scale
        )
        return BackgroundLayer(fill, sigma)
    if not source.path:
        warnings.append(f"The background is an {source.type} without a path; it is white instead.")
        return BackgroundLayer(WHITE)
    path = str(resolve(base, source.path))
    found = image_size(path)
    if found is None:
        warnings.append(f"The background {source.type} {source.path!r} is missing or unreadable; it is white instead.")
        return BackgroundLayer(WHITE)
    return BackgroundLayer(ImageFill(path, found[0], found[1]), sigma)


def _rgb(color: tuple[int, int, int]) -> RGB:
    r, g, b = color
    return (r / 255, g / 255, b / 255)
