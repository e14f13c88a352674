"""``-`` as a target: stdout. Light: the command line asks before anything else is loaded."""

from __future__ import annotations

from pathlib import Path

STDOUT = Path("-")


def is_pipe(target: Path | None) -> bool:
    """Whether the target is stdout. A file of that name needs its whole path."""
    return target == STDOUT
