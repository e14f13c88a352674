from __future__ import annotations

import threading

from reelpress.pipeline.clocks import COUNTED_GAP_S, AwakeClock


class Manual:
    def __init__(self) -> None:
        self.time = 50.0

    def monotonic(self) -> float:
        return self.time

    def wait(self, condition: threading.Condition, timeout_s: float) -> None:
        raise AssertionError("nobody waits here")


def test_ordinary_time_is_counted_in_full():
    manual = Manual()
    awake = AwakeClock(manual)
    for _ in range(100):
        manual.time += 0.05
        awake.now()
    assert abs(awake.now() - 5.0) < 1e-9
    assert awake.jumps == 0


def test_a_frozen_hour_counts_a_quarter_of_a_second():
    manual = Manual()
    awake = AwakeClock(manual)
    manual.time += 0.9
    before = awake.now()
    manual.time += 3600
    assert abs(awake.now() - before - COUNTED_GAP_S) < 1e-9
    assert awake.jumps == 1


def test_an_overloaded_machine_still_reaches_deadlines():
    manual = Manual()
    awake = AwakeClock(manual)
    for _ in range(20):  # never scheduled more often than every two seconds
        manual.time += 2.0
        awake.now()
    assert awake.now() >= 5.0 - 1e-9
