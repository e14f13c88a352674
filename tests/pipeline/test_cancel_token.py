from __future__ import annotations

import logging
import threading

import pytest

from reelpress.errors import Cancelled
from reelpress.pipeline.cancel import CancelToken


def test_a_fresh_token_lets_everything_pass():
    token = CancelToken()
    assert not token.cancelled
    token.raise_if_cancelled()


def test_cancel_runs_callbacks_once_and_names_the_first_reason():
    token = CancelToken()
    calls: list[str] = []
    token.on_cancel(lambda: calls.append("a"))
    removed = token.on_cancel(lambda: calls.append("b"))
    removed()
    removed()
    token.cancel("SIGINT")
    token.cancel("later")
    assert calls == ["a"]
    with pytest.raises(Cancelled, match="SIGINT"):
        token.raise_if_cancelled()


def test_request_only_raises_the_flag_as_a_signal_handler_must():
    token = CancelToken()
    calls: list[str] = []
    token.on_cancel(lambda: calls.append("a"))
    token.request("SIGTERM")
    assert token.cancelled
    assert calls == []
    token.dispatch()
    assert calls == ["a"]


def test_a_callback_registered_too_late_runs_at_once():
    token = CancelToken()
    token.cancel()
    calls: list[int] = []
    token.on_cancel(lambda: calls.append(1))
    assert calls == [1]


def test_a_failing_callback_does_not_stop_the_others(caplog):
    token = CancelToken()
    calls: list[int] = []
    token.on_cancel(lambda: 1 / 0)
    token.on_cancel(lambda: calls.append(1))
    with caplog.at_level(logging.ERROR):
        token.cancel()
    assert calls == [1]
    assert "a cancel callback failed" in caplog.text


def test_callbacks_run_once_however_many_threads_cancel():
    token = CancelToken()
    calls: list[int] = []
    for n in range(100):
        token.on_cancel(lambda n=n: calls.append(n))
    start = threading.Barrier(8)

    def cancel() -> None:
        start.wait(10)
        token.cancel()

    threads = [threading.Thread(target=cancel) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(calls) == list(range(100))
