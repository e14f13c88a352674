"""How the stream editor says no."""

from __future__ import annotations


class SpliceRefused(Exception):
    """The stream does not meet a condition of splicing, or is damaged; ``reason`` is a sentence that says which.

    It is no error that a user sees: whoever drives the editor turns it into a ``Fallback`` and goes on with the
    encoder alone. Nothing was written by the call that raised it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
