"""Editing H.264 streams: held, patched and replayed pictures between those of the real encoder (docs/splice.md)."""
