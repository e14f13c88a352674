"""Turns of short work: one after the other, ended before what takes longer, and never in anybody's way for long."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from reelpress.media import turn

LONG_S = 30.0
"""A wait of this length is a test that failed."""


@pytest.fixture(autouse=True)
def locked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "_useful", lambda: True)
    monkeypatch.setattr(turn, "PATIENCE_S", LONG_S)


def beside(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def ended(thread: threading.Thread) -> bool:
    thread.join(LONG_S)
    return not thread.is_alive()


def test_one_after_the_other() -> None:
    done: list[str] = []
    tries = threading.Event()

    def other() -> None:
        tries.set()
        with turn.taken():
            done.append("other")

    with turn.taken():
        thread = beside(other)
        assert tries.wait(LONG_S)
        thread.join(0.05)  # it has all the time it needs to go wrong
        done.append("first")
    assert ended(thread)
    assert done == ["first", "other"]


def test_what_is_not_short_takes_no_turn() -> None:
    def other() -> None:
        with turn.taken():
            pass

    with turn.taken(wanted=False):
        assert ended(beside(other))


def test_it_ends_before_something_longer() -> None:
    done: list[str] = []

    def other() -> None:
        with turn.taken():
            done.append("other")

    with turn.taken():
        turn.end()
        assert ended(beside(other))
        done.append("first")
    assert done == ["other", "first"]


def test_the_end_of_what_was_not_begun_is_nothing() -> None:
    turn.end()
    with turn.taken():
        thread = beside(turn.end)  # of another thread
        assert ended(thread)
        tries = threading.Event()
        done: list[str] = []

        def other() -> None:
            tries.set()
            with turn.taken():
                done.append("other")

        thread = beside(other)
        assert tries.wait(LONG_S)
        thread.join(0.05)
        assert done == []
    assert ended(thread)


def test_a_turn_inside_of_a_turn_is_the_same_one() -> None:
    with turn.taken():
        with turn.taken():
            pass
        turn.end()  # gone with one step

        def other() -> None:
            with turn.taken():
                pass

        assert ended(beside(other))


def test_nobody_waits_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def other() -> None:
        with turn.taken():
            done.append("other")

    with turn.taken():
        monkeypatch.setattr(turn, "PATIENCE_S", 0.001)
        assert ended(beside(other))
        assert done == ["other"]


def test_an_error_ends_the_turn() -> None:
    with pytest.raises(KeyError), turn.taken():
        raise KeyError

    def ends_and_fails() -> None:
        with turn.taken():
            turn.end()
            raise KeyError

    with pytest.raises(KeyError):
        ends_and_fails()

    def other() -> None:
        with turn.taken():
            pass

    assert ended(beside(other))
