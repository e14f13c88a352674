"""How long a thread may keep Python's lock (the GIL) from another that asks for it.

Stages run mostly in native code and need the lock for moments. But a thread that lets go of it for a short native call
often has it back before the one that waits is awake, again and again; only after ``sys.getswitchinterval()`` without a
change is it made to hand over. With Python's 5 ms the encoder's thread could stand still for milliseconds between two
pictures while the compositor's called numpy, and the encoder's own threads ran dry. On two cores it changes nothing.
"""

from __future__ import annotations

import sys
import threading

SWITCH_S = 0.0005
"""Of the order of what a stage does between two native calls."""

_lock = threading.Lock()
_users = 0
_before = 0.0


def begin() -> None:
    """A pipeline starts: threads hand over sooner, in the whole process."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = sys.getswitchinterval()
            sys.setswitchinterval(min(_before, SWITCH_S))
        _users += 1


def end() -> None:
    """A pipeline that had begun has ended; the last one puts back what there was."""
    global _users
    with _lock:
        _users -= 1
        if _users == 0:
            sys.setswitchinterval(_before)
