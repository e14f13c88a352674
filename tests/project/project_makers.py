"""Recordings without media: projects only look at their shape."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from reelpress.recording.model import (
    AudioTrack,
    LazyIndex,
    Recording,
    RecordingKind,
    RecordingSegment,
    VideoTrack,
)

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = cast("Any", None)


def video(key: str, start: Fraction | None, latest: Fraction | None, root: Path) -> VideoTrack:
    offset = latest - start if latest is not None and start is not None else Fraction(0)
    return VideoTrack(key, root / "v.mp4", Fraction(30), start, offset, NOTHING, root, LazyIndex(lambda: NOTHING))


def audio(key: str, start: Fraction | None, latest: Fraction | None, root: Path) -> AudioTrack:
    offset = latest - start if latest is not None and start is not None else Fraction(0)
    return AudioTrack(key, root / "a.ogg", 0, start, offset, NOTHING, root)


def recording(
    root: Path,
    *,
    kind: RecordingKind = RecordingKind.CAP_STUDIO,
    segments: int = 1,
    display: str | None = None,
    camera: str | None = None,
    mic: str | None = None,
    lost: tuple[int, ...] = (),
) -> Recording:
    """A recording whose tracks start at the given times (seconds as text)."""
    starts = {name: Fraction(at) for name, at in (("d", display), ("c", camera), ("m", mic)) if at is not None}
    latest = max(starts.values(), default=None)
    parts = tuple(
        RecordingSegment(
            index=n,
            display=video(f"display:{n}", starts.get("d"), latest, root),
            camera=video(f"camera:{n}", starts.get("c"), latest, root) if camera is not None else None,
            mic=audio(f"mic:{n}", starts.get("m"), latest, root) if mic is not None else None,
            latest=latest,
        )
        for n in range(segments)
    )
    config, captions = root / "project-config.json", root / "captions.json"
    return Recording(
        kind=kind,
        name="x",
        root=root,
        source=root,
        segments=parts,
        project_file=config if config.is_file() else None,
        captions_file=captions if captions.is_file() else None,
        lost_segments=lost,
    )
