"""Export a recording and say how far it is: ``python examples/export_with_progress.py SOURCE TARGET``."""

from __future__ import annotations

import sys

import reelpress
from reelpress.events import Event, FallbackEvent, ProgressEvent, WarningEvent


def tell(event: Event) -> None:
    """Called in this thread, at most ten times a second."""
    if isinstance(event, ProgressEvent):
        print(f"{event.phase}: {event.frame} of {event.total_frames}", file=sys.stderr)
    elif isinstance(event, WarningEvent):
        print(f"warning: {event.warning}", file=sys.stderr)
    elif isinstance(event, FallbackEvent):
        print(f"{event.used} instead of {event.wanted}: {event.reason}", file=sys.stderr)


def main() -> int:
    source, target = sys.argv[1:3]
    settings = reelpress.ExportSettings(resolution="720p", quality="web")
    try:
        report = reelpress.export(source, target, settings=settings, on_event=tell)
    except reelpress.ReelpressError as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return error.exit_code
    frames = report.frames
    print(f"{frames.total} frames: {frames.composed} composed, {frames.patched} patched, {frames.held} held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
