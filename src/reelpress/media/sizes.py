"""Sizes of a finished file's coded pictures, for estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reelpress.media._av import input_errors, open_input

if TYPE_CHECKING:
    from pathlib import Path


def picture_sizes(path: Path) -> tuple[list[int], list[int]]:
    """Bytes of the key frames and of all other pictures, in file order.

    Raises:
        InputError: It cannot be read.
    """
    keys: list[int] = []
    others: list[int] = []
    with open_input(path, header_only=True) as container, input_errors(path, "reading its packets"):
        track = next(stream for stream in container.streams if stream.type == "video")
        for packet in container.demux(track):
            if packet.size:
                # in a GIF every image counts as a key frame; only the first one is whole
                whole = packet.is_keyframe and (container.format.name != "gif" or not keys)
                (keys if whole else others).append(packet.size)
    return keys, others
