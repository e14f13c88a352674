"""The plan of a frame: everything a compositor needs to know to draw one output frame, and nothing else.

``frame`` holds :class:`FramePlan`, ``layers`` what it is made of, ``outline`` and ``fills`` what those look like,
``effects`` what is done to pictures, ``rect`` rectangles. Elsewhere ``scene.plan.Blur`` stands for the type of that
name, whichever of these holds it.

Coordinates are output pixels as floats: x to the right, y down, (0, 0) is the outer corner of the first pixel,
so its centre is (0.5, 0.5). Colours are gamma-coded sRGB 0..1. Layers are drawn in order, each over those
before it, blended in gamma-coded values (cap-format 3.2). Plans are frozen, hashable and cheap to compare:
two equal plans are the same picture.

Chroma. Everything is drawn on two grids: luma positions (pixel centres) and left-sited chroma positions, chroma sample
(i, j) at ``(2i + 0.5, 2j + 1)``. *Art* (fills, shadows, coverage, sprites, text) is defined at luma positions and
brought to a chroma position by ``[1 2 1]/4`` over columns 2i-1, 2i, 2i+1 (the frame's first column repeated) times
``[1 1]/2`` over rows 2j, 2j+1; premultiplied colour and coverage alike. The chroma of a video picture is resampled at
the chroma positions from the source's chroma by its siting. So at chroma positions a picture is blended with its
filtered coverage, and a group's picture there is its premultiplied chroma and its coverage *of the chroma grid*:
whatever is done to a finished picture (effects, motion blur of a picture, warp) is done to luma with the luma grid's
coverage and to chroma with the chroma grid's own, each sampled between the samples of its own grid.
"""
