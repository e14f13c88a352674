"""Time of the stream editor itself, in microseconds a call: ``python benchmarks/splice_bits.py``.

Streams are built from bits here, so no encoder and no decoder runs. Each figure is the median over rounds of a round's
mean, with the smallest beside it.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from statistics import median

from reelpress.encode.splice.bits import BitWriter, escape
from reelpress.encode.splice.stream import IntraRun, PcmRun, Splicer

ROUNDS = 15
START = b"\x00\x00\x00\x01"
WIDTH_MBS, HEIGHT_MBS = 120, 68


def extradata(cabac: bool) -> bytes:
    """SPS and PPS as x264 writes them for 1080p60 High at level 4.2."""
    sps = BitWriter()
    for value, count in ((100, 8), (0, 8), (42, 8)):
        sps.u(value, count)
    for value in (0, 1, 0, 0):
        sps.ue(value)
    sps.u(0, 2)
    sps.ue(0)  # frame_num of 4 bits
    sps.ue(2)  # order count type
    sps.ue(1)  # one reference
    sps.u(0, 1)
    sps.ue(WIDTH_MBS - 1)
    sps.ue(HEIGHT_MBS - 1)
    sps.u(0b1100, 4)  # progressive, 8x8 inference, no cropping, no VUI
    pps = BitWriter()
    pps.ue(0)
    pps.ue(0)
    pps.flag(cabac)
    pps.u(0, 1)
    for value in (0, 0, 0):
        pps.ue(value)
    pps.u(0, 3)
    for _ in range(3):
        pps.se(0)
    pps.u(0b100, 3)
    return START + b"\x67" + escape(sps.rbsp()) + START + b"\x68" + escape(pps.rbsp())


def packet(size: int, cabac: bool, *, idr: bool, frame_num: int = 0) -> bytes:
    """An access unit of ``size`` bytes with a true header and noise behind it."""
    bits = BitWriter()
    bits.ue(0)
    bits.ue(7 if idr else 5)
    bits.ue(0)
    bits.u(frame_num, 4)
    if idr:
        bits.ue(0)
        bits.u(0, 2)
    else:
        bits.u(0, 3)
        if cabac:
            bits.ue(0)
    bits.se(-2)
    bits.ue(1)
    if cabac:
        bits.align(1)
    bits.bits(random.Random(7).randbytes(size), 0, 8 * size)
    return START + (b"\x65" if idr else b"\x41") + escape(bits.rbsp())


def timed(call: Callable[[], object], count: int) -> tuple[float, float]:
    call()
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            call()
        rounds.append((time.perf_counter() - start) / count * 1e6)
    return median(rounds), min(rounds)


class Clock:
    """Display indices that rise, with a key frame in between before order counts run out."""

    def __init__(self, cabac: bool) -> None:
        self.splicer = Splicer(extradata(cabac))
        self.at = -1
        self.idr = packet(2000, cabac, idr=True)
        self.key()

    def next(self) -> int:
        self.at += 1
        if self.at % 8000 == 0:
            self.key()
        return self.at

    def key(self) -> None:
        self.at += 1
        self.splicer.real(self.idr, self.at)
        self.at += 1


def main() -> None:
    clock = Clock(cabac=True)
    splicer = clock.splicer
    noise = os.urandom(400)
    runs = [IntraRun(120 * row + 40, 3, noise, 5, 1755, 0) for row in (20, 21, 22, 23)]  # 12 macroblocks, 873 bytes
    wide = [IntraRun(120 * row + 40, 6, noise, 5, 3200, 0) for row in (20, 21)]
    pcm = [PcmRun(2000 + 3 * i, os.urandom(384)) for i in range(2)]
    lines: list[tuple[str, tuple[float, float]]] = [
        ("held", timed(lambda: splicer.held(clock.next()), 2000)),
        ("patched, 12 macroblocks in 4 runs", timed(lambda: splicer.patched(clock.next(), runs), 300)),
        ("patched, 12 macroblocks in 2 runs", timed(lambda: splicer.patched(clock.next(), wide), 300)),
        ("patched, 2 macroblocks as PCM", timed(lambda: splicer.patched(clock.next(), pcm), 300)),
    ]
    for cabac in (True, False):
        for size in (500, 20_000, 200_000):
            clock = Clock(cabac)
            units = [packet(size, cabac, idr=False, frame_num=n) for n in range(16)]
            counter = iter(range(1, 10**9))

            def real(clock: Clock = clock, units: list[bytes] = units, counter: object = counter) -> None:
                clock.at += 1
                clock.splicer.real(units[next(counter) % 16], clock.at)  # type: ignore[call-overload]

            name = f"real, {size / 1000:g} kB, {'CABAC' if cabac else 'CAVLC'}"
            lines.append((name, timed(real, 200 if size < 100_000 else 20)))
        clock = Clock(cabac)
        clock.idr = packet(200_000, cabac, idr=True)
        clock.key()

        def replay(clock: Clock = clock) -> None:
            clock.at += 1
            clock.splicer.replay(clock.at)

        lines.append((f"replay, 200 kB, {'CABAC' if cabac else 'CAVLC'}", timed(replay, 20)))
    print(f"{'microseconds a call':40} {'median':>8} {'best':>8}")
    for name, (middle, best) in lines:
        print(f"{name:40} {middle:8.1f} {best:8.1f}")


if __name__ == "__main__":
    main()
