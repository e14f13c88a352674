"""Which packets can be taken over: pictures between two cuts as parts that are copied or re-encoded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reelpress.encode.splice.join import idr_pic_id
from reelpress.export.copy.job import Part

if TYPE_CHECKING:
    from reelpress.media.copy import VideoPackets
    from reelpress.recording.model import VideoTrack


def parts_of(track: VideoTrack, packets: VideoPackets, first: int, last: int, at: int) -> list[Part]:
    """Pictures ``first`` to ``last`` of a track as parts; the first is picture ``at`` of the output."""
    index = track.index
    found = np.searchsorted(index.pts, packets.pts)
    known = (found < len(index.pts)) & packets.shown
    ordinals = np.where(known & (index.pts[np.minimum(found, len(index.pts) - 1)] == packets.pts), found, -1)
    keys = _closed(ordinals, packets.idr)
    parts: list[Part] = []

    def add(ordinal: int, count: int, packet: int | None) -> None:
        if count <= 0:
            return
        before = parts[-1] if parts else None
        if before is not None and before.copied == (packet is not None):
            joins = packet is None or (before.packet is not None and before.packet + before.count == packet)
            if joins:
                parts[-1] = replace(before, count=before.count + count)
                return
        parts.append(Part(track, ordinal, count, at + ordinal - first, packet))

    bounds = [*keys, len(ordinals)]
    here = first
    for k, key in enumerate(keys):
        begins = int(ordinals[key])
        group = ordinals[key : bounds[k + 1]]
        if int(group.max()) < here or begins > last:
            continue
        if begins < here:  # the cut lies inside of this group
            upto = min(last, int(group.max()))
            add(here, upto - here + 1, None)
            here = upto + 1
            continue
        add(here, begins - here, None)  # before the first key frame, or between two
        kept = _kept(group, last)
        add(begins, kept, key if kept else None)
        here = begins + kept
        upto = min(last, int(group.max()))
        add(here, upto - here + 1, None)
        here = max(here, upto + 1)
    add(here, last - here + 1, None)
    return parts


def _closed(ordinals: np.ndarray[Any, Any], idr: np.ndarray[Any, Any]) -> list[int]:
    """Packet numbers of the IDR pictures from which on everything is shown later, and before which everything is
    shown earlier: places to cut at."""
    if not len(ordinals):
        return []
    later = np.where(ordinals < 0, np.iinfo(np.int64).max, ordinals)
    least_after = np.minimum.accumulate(later[::-1])[::-1]
    most_before = np.concatenate(([-1], np.maximum.accumulate(ordinals)[:-1]))
    return np.flatnonzero(idr & (ordinals >= 0) & (least_after == ordinals) & (most_before < ordinals)).tolist()


def _kept(group: np.ndarray[Any, Any], last: int) -> int:
    """How many packets of a group, in the order of decoding, can be kept: they show pictures in a row, none after
    ``last``. What is left out needs nothing that comes later, so nothing is missing to those that are kept."""
    bad = np.flatnonzero((group < 0) | (group > last))
    usable = group[: bad[0]] if len(bad) else group
    if not len(usable):
        return 0
    whole = np.flatnonzero(np.maximum.accumulate(usable) - group[0] == np.arange(len(usable)))
    return int(whole[-1]) + 1 if len(whole) else 0


def with_different_ids(parts: list[Part], packets: dict[str, VideoPackets], frame_num_bits: int) -> list[Part]:
    """Where two copied IDR pictures with one idr_pic_id would follow each other (7.4.3), the second is re-encoded."""
    result: list[Part] = []
    for part in parts:
        before = result[-1] if result else None
        if part.packet is not None and before is not None and before.packet is not None:
            own, other = packets[part.track.key], packets[before.track.key]
            ends = before.packet + before.count - 1
            if ends in other.idr_slices and idr_pic_id(other.idr_slices[ends], frame_num_bits) == idr_pic_id(
                own.idr_slices[part.packet], frame_num_bits
            ):
                following = [k for k in own.idr_slices if part.packet < k < part.packet + part.count]
                count = following[0] - part.packet if following else part.count
                result.append(Part(part.track, part.ordinal, count, part.at))
                if following:
                    result.append(
                        Part(part.track, part.ordinal + count, part.count - count, part.at + count, following[0])
                    )
                continue
        result.append(part)
    return result
