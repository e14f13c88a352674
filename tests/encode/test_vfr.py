"""Longer durations in the place of held pictures: the same picture at every time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reelpress.encode.base import UNKNOWN, Change, Decision, Kind
from reelpress.encode.every import EveryFrame
from reelpress.encode.vfr import VariableRate
from reelpress.media.encoder import EncoderSpec
from reelpress.media.mux import Mp4Writer
from reelpress.media.packets import EncodedPacket
from reelpress.media.planes import Planes
from reelpress.scene.plan.rect import IntRect
from unchanged_makers import (
    KEEPING_ORDER,
    Picture,
    copied,
    decoded,
    fed,
    page,
    painted,
    planar,
    psnr,
    same,
    spec_of,
    unit_type,
)

WIDTH, HEIGHT = 96, 80
STILL = Change(())
IDR = 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.mp4"


class Run:
    """All pictures through the variable-rate encoder, and what is seen at the time of each."""

    def __init__(self, path: Path, pictures: Sequence[tuple[Planes, Change]], gop: int, spec: EncoderSpec) -> None:
        writer = Mp4Writer(path, video=replace(spec, extra={**spec.extra, **KEEPING_ORDER}))
        try:
            encoder = VariableRate(writer.video, gop)
            self.decisions: list[Decision]
            self.packets: list[EncodedPacket]
            self.decisions, self.packets, _ = fed(encoder, pictures)
            self.numbers = list(encoder.shown)
            header = writer.video.extradata
        finally:
            writer.abort()
        self.given = pictures
        self.pictures = decoded(header, [packet.data for packet in self.packets])

    def at(self, frame: int) -> Picture:
        """What a player shows at the time of a frame."""
        (index,) = [n for n, p in enumerate(self.packets) if p.pts <= frame < p.pts + p.duration]
        return self.pictures[index]

    def check(self, gop: int) -> None:
        packets, count = self.packets, len(self.given)
        assert len(packets) == len(self.pictures)
        assert packets[0].pts == 0
        assert all(a.pts + a.duration == b.pts for a, b in pairwise(packets))
        assert packets[-1].pts + packets[-1].duration == count
        assert sum(packet.duration for packet in packets) == count
        assert all(packet.dts == packet.pts for packet in packets)
        assert [packet.pts for packet in packets] == self.numbers
        kinds = [decision.kind for decision in self.decisions]
        assert [n for n, kind in enumerate(kinds) if kind is not Kind.HOLD] == self.numbers
        key = 0
        for packet in packets:
            assert packet.is_key == (unit_type(packet.data) == IDR)
            assert kinds[packet.pts] is not Kind.KEY or packet.is_key
            if packet.pts - key >= gop:
                assert packet.is_key, f"no key frame at {packet.pts} after that at {key}"
            key = packet.pts if packet.is_key else key
        last = 0
        for frame, kind in enumerate(kinds):
            last = frame if kind is not Kind.HOLD else last
            # the picture that stays is exactly the one that was composed for this time
            assert same(planar(self.given[frame][0]), planar(self.given[last][0]))


def test_a_held_picture_lasts_longer(path: Path) -> None:
    one, two = page(WIDTH, HEIGHT, 1), page(WIDTH, HEIGHT, 2)
    pictures = [(one, UNKNOWN), *[(one, STILL)] * 4, (two, UNKNOWN), (copied(two), UNKNOWN), (one, UNKNOWN)]
    run = Run(path, pictures, 100, spec_of())
    assert [(packet.pts, packet.duration) for packet in run.packets] == [(0, 5), (5, 2), (7, 1)]
    run.check(100)


def test_a_still_minute_is_one_packet(path: Path) -> None:
    still = page(WIDTH, HEIGHT, 3)
    run = Run(path, [(still, UNKNOWN), *[(still, STILL)] * 3599], 60, spec_of(preset="veryfast"))
    assert [(packet.pts, packet.duration) for packet in run.packets] == [(0, 3600)]
    run.check(60)


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("preset", ["ultrafast", "veryfast"])
def test_one_and_two_frames(path: Path, frames: int, preset: str) -> None:
    run = Run(path, [(page(WIDTH, HEIGHT, n), UNKNOWN) for n in range(frames)], 60, spec_of(preset=preset))
    assert [(packet.pts, packet.duration) for packet in run.packets] == [(n, 1) for n in range(frames)]
    run.check(60)


def test_a_single_sample_is_a_new_picture(path: Path) -> None:
    one = page(WIDTH, HEIGHT, 4)
    two = copied(one)
    two.planes[2][39, 47] += 1
    run = Run(path, [(one, UNKNOWN), (two, Change((IntRect(90, 70, 6, 10),))), (two, STILL)], 100, spec_of())
    assert run.numbers == [0, 1]
    run.check(100)


def test_key_frames_come_at_the_first_picture_after_they_are_due(path: Path) -> None:
    pictures: list[tuple[Planes, Change]] = []
    for n in range(40):
        moved = n in (0, 3, 9, 11, 12, 24, 36)
        pictures.append((page(WIDTH, HEIGHT, n), UNKNOWN) if moved else (pictures[-1][0], STILL))
    run = Run(path, pictures, 10, spec_of())
    run.check(10)
    asked = [n for n, decision in enumerate(run.decisions) if decision.kind is Kind.KEY]
    assert asked == [0, 11, 24, 36]
    assert set(asked) <= {packet.pts for packet in run.packets if packet.is_key}


def test_it_shows_at_every_time_what_the_constant_rate_shows(path: Path) -> None:
    """Both against each other; whoever shows the neighbouring picture instead is 20 dB worse."""
    pictures: list[tuple[Planes, Change]] = []
    for n in range(30):
        if n % 4 == 0:
            pictures.append((page(WIDTH, HEIGHT, n), UNKNOWN))
        elif n % 4 == 2:
            rect = IntRect(8, 8, 48, 48)
            pictures.append((painted(pictures[-1][0], rect, 8 * n), Change((rect,))))
        else:
            pictures.append((pictures[-1][0], STILL))
    spec = spec_of(preset="veryfast", crf=12.0)
    variable = Run(path, pictures, 100, spec)
    variable.check(100)
    assert len(variable.packets) == 15
    writer = Mp4Writer(path, video=replace(spec, extra=KEEPING_ORDER))
    try:
        encoder = EveryFrame(writer.video)
        _, packets, _ = fed(encoder, pictures)
        assert encoder.shown is None
        constant = decoded(writer.video.extradata, [packet.data for packet in packets])
    finally:
        writer.abort()
    assert len(constant) == 30
    for n in range(30):
        assert psnr(variable.at(n)[0], constant[n][0]) >= 33
        other = constant[(n + 4) % 30][0]
        assert psnr(variable.at(n)[0], other) < 25


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.sampled_from("sscpnb"), st.integers(0, 40)), max_size=40),
    st.sampled_from(["ultrafast", "veryfast"]),
    st.integers(1, 12),
)
def test_any_sequence(path: Path, script: list[tuple[str, int]], preset: str, gop: int) -> None:
    first = picture = page(WIDTH, HEIGHT, 1)
    pictures = [(picture, UNKNOWN)]
    full = IntRect(0, 0, WIDTH, HEIGHT)
    for what, value in script:
        rect = IntRect(2 * value, value // 2 * 2, 6, 8)
        match what:
            case "s":
                change = STILL
            case "c":
                picture, change = copied(picture), UNKNOWN
            case "p":
                picture, change = painted(picture, rect, 3 * value), Change((rect,))
            case "b":
                picture, change = first, Change((full,))
            case _:
                picture, change = page(WIDTH, HEIGHT, value), UNKNOWN
        pictures.append((picture, change))
    run = Run(path, pictures, gop, spec_of(preset=preset))
    run.check(gop)
    assert all(psnr(run.at(n)[0], np.asarray(one.planes[0])) > 25 for n, (one, _) in enumerate(pictures))
