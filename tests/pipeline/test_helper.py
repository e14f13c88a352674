"""Two halves at once: both done at the return, faults told, nothing left behind."""

from __future__ import annotations

import queue
import threading

import pytest

from reelpress.errors import StallError
from reelpress.pipeline.helper import Helper
from reelpress.pipeline.stage import THREAD_PREFIX

LONG_S = 30.0


def threads(name: str) -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == THREAD_PREFIX + name]


def test_both_run_at_once_and_are_done_at_the_return() -> None:
    helper = Helper("at-once", LONG_S)
    names: list[str] = []
    meet = threading.Barrier(2, timeout=LONG_S)  # neither gets past it alone

    def half() -> None:
        meet.wait()
        names.append(threading.current_thread().name)

    for _ in range(50):
        names.clear()
        helper.both(half, half)
        assert sorted(names) == sorted([threading.current_thread().name, THREAD_PREFIX + "at-once"])
    helper.close()


def test_one_thread_for_all_its_life_and_none_after() -> None:
    helper = Helper("one")
    assert threads("one") == []
    for _ in range(3):
        helper.both(lambda: None, lambda: None)
        assert len(threads("one")) == 1
    helper.close()
    helper.close()
    assert threads("one") == []
    with pytest.raises(RuntimeError, match="closed"):
        helper.both(lambda: None, lambda: None)


def fails(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("where", ["here", "there", "both"])
def test_what_either_raises_is_raised_when_both_have_ended(where: str) -> None:
    helper = Helper("fails", LONG_S)
    ended: list[str] = []
    first, second = KeyError("here"), ValueError("there")

    def here() -> None:
        ended.append("here")
        if where != "there":
            raise first

    def there() -> None:
        ended.append("there")
        if where != "here":
            raise second

    with pytest.raises((KeyError, ValueError)) as caught:
        helper.both(here, there)
    assert sorted(ended) == ["here", "there"]
    assert caught.value is (second if where == "there" else first)
    helper.both(lambda: None, lambda: None)  # it goes on
    helper.close()


def test_it_does_not_wait_for_ever() -> None:
    helper = Helper("stuck", 0.01)
    free = threading.Event()

    def stuck() -> None:
        free.wait(LONG_S)

    with pytest.raises(StallError) as caught:
        helper.both(lambda: None, stuck)
    assert caught.value.stage == "stuck"
    with pytest.raises(RuntimeError, match="closed"):
        helper.both(lambda: None, lambda: None)
    free.set()
    helper.close()


def test_a_process_that_was_frozen_is_no_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after Ctrl-Z: a wait is over on the clock before the other thread could run."""
    helper = Helper("frozen", LONG_S)
    real, waits = helper._done, []

    class Frozen:
        def put(self, answer: BaseException | None) -> None:
            real.put(answer)

        def get(self, timeout: float) -> BaseException | None:
            waits.append(timeout)
            if len(waits) == 1:
                raise queue.Empty
            return real.get(timeout=timeout)

    monkeypatch.setattr(helper, "_done", Frozen())
    done: list[str] = []
    helper.both(lambda: done.append("here"), lambda: done.append("there"))
    assert sorted(done) == ["here", "there"]
    assert sum(waits) <= LONG_S
    helper.close()


def test_a_system_without_another_thread_has_it_done_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    helper = Helper("refused", LONG_S)
    done: list[str] = []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refused)
        helper.both(lambda: done.append("here"), lambda: done.append("there"))
        with pytest.raises(KeyError):
            helper.both(lambda: fails(KeyError("here")), lambda: done.append("there"))
    assert done == ["here", "there", "there"]
    helper.both(lambda: None, lambda: None)  # there is one now
    assert len(threads("refused")) == 1
    helper.close()
