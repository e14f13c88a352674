"""A finished file cut into an initialisation segment and media segments, as recorders write that save as they go.

By stream copy, for the benchmark's fragmented source; the way back is ``recording.fragments``.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av

from reelpress.media._av import input_errors, open_input
from reelpress.media.boxes import top_level_boxes

if TYPE_CHECKING:
    from pathlib import Path

INIT = "init.mp4"


def cut(source: Path, folder: Path) -> list[Path]:
    """Write ``init.mp4`` and ``segment_001.m4s``, ... into ``folder``, one for each key frame of the first video.

    Returns:
        The media segments, in order.

    Raises:
        InputError: The source cannot be read.
        OSError: The folder cannot be written.
    """
    memory = io.BytesIO()
    with open_input(source) as container, input_errors(source, "cutting it"):
        stream = container.streams.video[0]
        with av.open(
            memory, "w", format="mp4", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        ) as output:
            copy = output.add_stream_from_template(stream)
            for packet in container.demux(stream):
                if packet.dts is not None:
                    packet.stream = copy
                    output.mux(packet)
    data = memory.getvalue()
    folder.mkdir(parents=True, exist_ok=True)
    head = b""
    pieces: list[bytes] = []
    for kind, start, size in top_level_boxes(memory):
        box = data[start : start + size]
        if kind in (b"ftyp", b"moov"):
            head += box
        elif kind == b"moof":
            pieces.append(box)
        elif kind == b"mdat":
            pieces[-1] += box
    (folder / INIT).write_bytes(head)
    paths = []
    for number, piece in enumerate(pieces, 1):
        path = folder / f"segment_{number:03}.m4s"
        path.write_bytes(piece)
        paths.append(path)
    return paths
