"""MD5 of every picture that PyAV decodes from a video file, in software or on an NVIDIA card.

``python tools/frame_hashes.py FILE [--decoder software|cuda|cuvid]`` prints one line a picture: its time in ticks and
the MD5 of its samples as planar yuv420p without padding. FFmpeg's messages from "warning" on go to stderr; a decoder
that finds a fault ends the program. Nothing of this repository is needed: only PyAV and numpy.

- ``software``: FFmpeg's own H.264 decoder.
- ``cuda``: the same demuxer and parser, with the pictures decoded by NVDEC (``hwaccel cuda``); no fallback.
- ``cuvid``: NVIDIA's parser and NVDEC (``h264_cuvid``).
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import av
import av.logging

DECODERS = ("software", "cuda", "cuvid")


def planar(frame: Any) -> bytes:
    """The samples as yuv420p: Y, then Cb, then Cr, rows without padding."""
    if frame.format.name == "yuv420p":
        return bytes(frame.to_ndarray().tobytes())
    if frame.format.name != "nv12":
        raise SystemExit(f"a picture came as {frame.format.name}")
    array = frame.to_ndarray()
    chroma = array[frame.height :].reshape(frame.height // 2, frame.width // 2, 2)
    return b"".join(part.tobytes() for part in (array[: frame.height], chroma[..., 0], chroma[..., 1]))


def frames(path: str, decoder: str) -> Iterator[Any]:
    """Decoded pictures in order."""
    if decoder == "cuda":
        from av.codec.hwaccel import HWAccel

        with av.open(path, hwaccel=HWAccel("cuda", allow_software_fallback=False)) as container:
            stream = container.streams.video[0]
            if not stream.codec_context.is_hwaccel:
                raise SystemExit("PyAV did not take the hardware decoder")
            yield from container.decode(stream)
        return
    with av.open(path) as container:
        stream = container.streams.video[0]
        if decoder == "software":
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
            yield from container.decode(stream)
            return
        context = av.CodecContext.create("h264_cuvid", "r")
        context.extradata = stream.codec_context.extradata
        for packet in container.demux(stream):
            yield from context.decode(packet if packet.size else None)


def main() -> int:
    parser = argparse.ArgumentParser(description="MD5 of every decoded picture.")
    parser.add_argument("file")
    parser.add_argument("--decoder", choices=DECODERS, default="software")
    options = parser.parse_args()
    # FFmpeg writes its messages itself: Python's logging would need the interpreter in the decoder's threads.
    av.logging.restore_default_callback()
    av.logging.set_libav_level(av.logging.WARNING)
    for frame in frames(options.file, options.decoder):
        if frame.is_corrupt:
            raise SystemExit(f"the picture at {frame.pts} is damaged")
        print(frame.pts, hashlib.md5(planar(frame)).hexdigest())
    return 0


if __name__ == "__main__":
    sys.exit(main())
