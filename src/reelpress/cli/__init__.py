"""The command line. ``main`` is the entry point; everything heavy is imported inside the commands."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    from reelpress.cli.app import run

    raise SystemExit(run())
