"""Tiny recordings made with PyAV: what a recorder would leave on disk."""

from __future__ import annotations

import json
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}


class CapMaker:
    """Writes media files and ``.cap`` folders below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def video(
        self,
        name: str,
        *,
        frames: int = 6,
        fps: int = 30,
        size: tuple[int, int] = (64, 48),
        start: int = 0,
        fragmented: bool = False,
        gop: int = 2,
        audio_start: Fraction | None = None,
        audio_tracks: int = 1,
        seconds_of_audio: Fraction = Fraction(1, 2),
        format: str | None = None,
    ) -> Path:
        """A video whose frame n has luma level 16 + 10 n; optionally with sound that begins at ``audio_start``."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format=format, options=FRAGMENTED if fragmented else {}) as out:
            stream = out.add_stream("libx264", rate=fps)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.options = {"preset": "ultrafast", "g": str(gop), "crf": "10", "threads": "1"}
            sounds = (
                [out.add_stream("aac", rate=48000, layout="mono") for _ in range(audio_tracks)]
                if audio_start is not None
                else []
            )
            for sound in sounds:
                _mux_tone(out, sound, audio_start or Fraction(0), seconds_of_audio)
            for n in range(frames):
                picture = np.full((size[1] * 3 // 2, size[0]), 128, np.uint8)
                picture[: size[1]] = 16 + 10 * n % 220
                frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
                frame.pts = start + n
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        return path

    def audio(self, name: str, *, seconds: Fraction = Fraction(1, 2), codec: str = "libopus") -> Path:
        """A tone of 440 Hz."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as out:
            _mux_tone(out, out.add_stream(codec, rate=48000, layout="mono"), Fraction(0), seconds)
        return path

    def png(self, name: str, width: int, height: int) -> Path:
        """A transparent PNG, written by hand."""

        def chunk(kind: bytes, data: bytes) -> bytes:
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
        rows = zlib.compress(b"".join(b"\0" + b"\0\0\0\0" * width for _ in range(height)))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b""))
        return path

    def json(self, name: str, data: Any) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
        return path

    def meta(self, **keys: Any) -> Path:
        return self.json("recording-meta.json", {"pretty_name": "Test", **keys})

    def fragments(self, folder: str, *, frames: int = 12, gop: int = 3, name: str = "segment") -> list[Path]:
        """A fragmented track: init.mp4 and one media segment per group of pictures; returns the segments."""
        whole = self.video("whole.mp4", frames=frames, gop=gop, fragmented=True)
        raw = whole.read_bytes()
        whole.unlink()
        boxes = []
        at = 0
        while at < len(raw):
            size = int.from_bytes(raw[at : at + 4], "big")
            boxes.append((raw[at + 4 : at + 8], raw[at : at + size]))
            at += size
        place = self.root / folder
        place.mkdir(parents=True, exist_ok=True)
        (place / "init.mp4").write_bytes(b"".join(data for kind, data in boxes if kind in (b"ftyp", b"moov")))
        moofs = [data for kind, data in boxes if kind == b"moof"]
        mdats = [data for kind, data in boxes if kind == b"mdat"]
        paths = []
        for number, (moof, mdat) in enumerate(zip(moofs, mdats, strict=True), 1):
            path = place / f"{name}_{number:03d}.m4s"
            path.write_bytes(moof + mdat)
            paths.append(path)
        return paths


def _mux_tone(out: Any, stream: Any, start: Fraction, seconds: Fraction) -> None:
    total = int(48000 * seconds)
    at = 0
    while at < total:
        count = min(960, total - at)
        wave = 0.3 * np.sin(2 * np.pi * 440 * (np.arange(at, at + count)) / 48000)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None, :], format="fltp", layout="mono")
        frame.sample_rate = 48000
        frame.pts = int(start * 48000) + at
        frame.time_base = Fraction(1, 48000)
        out.mux(stream.encode(frame))
        at += count
    out.mux(stream.encode())


def tree_state(root: Path) -> dict[str, tuple[int, bytes]]:
    """Everything below ``root``: a source must look the same before and after."""
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in sorted(root.rglob("*"))
    }
