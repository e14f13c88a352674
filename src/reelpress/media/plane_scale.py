"""One 8-bit plane at a time through swscale's bicubic.

A compositor needs each plane scaled from its own window (the chroma planes have their own siting), which no call on
a whole picture can express. A plane is handed over as ``gray``: samples in, samples out, no pixel format conversion
and no range change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from reelpress.errors import OutOfMemoryError
from reelpress.media.scale import plane_views

if TYPE_CHECKING:
    from reelpress.media.planes import Plane


class PlaneScaler:
    """Scales planes of samples: cubic a = -0.6, widened when reducing, edge samples repeated.

    One instance for each geometry in use at a time (its tables are kept), used from one thread; the GIL is released
    while it works.

    Args:
        threads: Of swscale. Starting them costs more than they win when the geometry changes with every frame.

    Attributes:
        scales: Planes scaled so far.
    """

    def __init__(self, threads: int = 1) -> None:
        self._reformatter = VideoReformatter()
        self._threads = max(1, threads)
        self.scales = 0

    def scale(self, plane: Plane, width: int, height: int) -> Plane:
        """``plane`` (rows, columns) as ``height`` rows of ``width`` samples.

        The mapping is swscale's: with ``inc = ((n << 16) + m // 2) // m`` for ``n`` samples made to ``m``, the centre
        of output sample i lies at ``(i + 0.5) * inc / 65536`` from the outer edge of the first input sample.

        Args:
            plane: Samples; rows may have any stride, but a row has to be contiguous.

        Returns:
            A view into memory that the array keeps alive; ``plane`` itself when the size is the same.

        Raises:
            OutOfMemoryError: There is no memory for the result.
        """
        if plane.shape == (height, width):
            return plane
        if not plane.flags.writeable or plane.strides[1] != 1 or plane.strides[0] < plane.shape[1]:
            plane = plane.copy()  # DLPack knows no read-only memory
        try:
            source = VideoFrame.from_dlpack([plane], format="gray", width=plane.shape[1], height=plane.shape[0])
            result = self._reformatter.reformat(
                source,
                width=width,
                height=height,
                interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND,
                threads=self._threads,
            )
        except MemoryError:
            raise OutOfMemoryError("scale", f"{width}x{height} samples") from None
        self.scales += 1
        return plane_views(result)[0]
