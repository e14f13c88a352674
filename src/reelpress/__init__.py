"""Reelpress: the export engine for screen recordings."""

from reelpress._version import __version__

__all__ = ["__version__"]
