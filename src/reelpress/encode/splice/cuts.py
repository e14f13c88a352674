"""Where the scene changes: the better place for a key frame that is due soon.

The encoder looks for this too and starts anew there, but its answer comes with the packet, a dozen pictures later. A
key frame that falls due in between would be a second one of the same scene, for as many bytes as all the other pictures
of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from reelpress.media.planes import Plane

STEP = 8
"""Every eighth sample of every eighth row is looked at, of pictures beyond 1080p fewer."""
BLOCK = 4
"""Side of a block in those samples: 32 pixels."""
REACH = 256
"""Longest scroll that is looked for, in rows."""
_BAND = 256
"""Columns in the middle by which a scroll is found."""
_COARSE = 4

_Samples = np.ndarray[Any, np.dtype[np.int16]]
_Profile = np.ndarray[Any, np.dtype[np.float32]]


def novelty(new: Plane, old: Plane, enough: float = 0.0) -> float:
    """How little of ``new`` can be told from ``old``: 0 for the same picture, 1 for one that has nothing to do with it.

    The sum over blocks of what is left when each is predicted in its best way, against what is left when each is
    predicted by its own mean: from the same place, or from where a scroll by whole rows would have brought it.

    Args:
        new, old: Luma of the same size.
        enough: Below this the exact value does not matter, and no scroll is looked for.
    """
    step = STEP * max(1, round(new.shape[1] / 1920))
    rows, columns = (length // (step * BLOCK) * BLOCK for length in new.shape)
    if not rows or not columns:
        return 0.0
    at = np.arange(0, rows * step, step)
    across = slice(0, columns * step, step)
    a = _sampled(new, at, across)
    within = _sums(a - np.repeat(np.repeat(_means(a), BLOCK, axis=0), BLOCK, axis=1))
    total = float(within.sum())
    if total <= 0:
        return 0.0
    best = np.minimum(within, _sums(a - _sampled(old, at, across)))
    share = float(best.sum()) / total
    shift = _scroll(new, old) if share >= enough else 0
    if shift:
        moved = _sampled(old, np.clip(at - shift, 0, new.shape[0] - 1), across)
        share = float(np.minimum(best, _sums(a - moved)).sum()) / total
    return share


def _sampled(plane: Plane, rows: Any, columns: slice) -> _Samples:
    samples: _Samples = plane[:, columns][rows].astype(np.int16)
    return samples


def _blocks(samples: _Samples) -> _Samples:
    rows, columns = samples.shape
    return samples.reshape(rows // BLOCK, BLOCK, columns // BLOCK, BLOCK)


def _means(samples: _Samples) -> _Samples:
    sums = _blocks(samples).sum(axis=(1, 3))
    means: _Samples = (sums // (BLOCK * BLOCK)).astype(np.int16)
    return means


def _sums(samples: _Samples) -> Any:
    return _blocks(np.abs(samples)).sum(axis=(1, 3))


def _scroll(new: Plane, old: Plane) -> int:
    """By how many rows ``old`` would have to be moved down to look most like ``new``, judged by the rows' means."""
    left = max(0, (new.shape[1] - _BAND) // 2)
    now, then = (plane[:, left : left + _BAND].mean(axis=1, dtype=np.float32) for plane in (new, old))
    rough = _COARSE * _nearest(_thinned(now), _thinned(then), range(-REACH // _COARSE, REACH // _COARSE + 1))
    return _nearest(now, then, range(rough - _COARSE, rough + _COARSE + 1))


def _thinned(profile: _Profile) -> _Profile:
    rows = len(profile) // _COARSE * _COARSE
    thinned: _Profile = profile[:rows].reshape(-1, _COARSE).mean(axis=1)
    return thinned


def _nearest(now: _Profile, then: _Profile, shifts: range) -> int:
    """The shift of ``then`` that is most like ``now``; the smaller one of two as good."""
    found, least = 0, float("inf")
    for shift in sorted(shifts, key=abs):
        if 2 * abs(shift) > len(now):
            continue
        a, b = (now[shift:], then[: len(then) - shift]) if shift >= 0 else (now[:shift], then[-shift:])
        error = float(np.abs(a - b).mean())
        if error < least:
            found, least = shift, error
    return found
