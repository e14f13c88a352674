"""Hold, patch or encode: by numbers, with limits of the test's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelpress.encode.base import Decision, Kind
from reelpress.encode.splice.policy import REFUSAL_FRAMES, Policy, PolicyLimits
from unchanged_makers import limits

REAL_ONES = (Kind.REAL, Kind.KEY)


class Run:
    """Drives a policy as the session does; every patch takes ``size`` bytes."""

    def __init__(self, goes_by: PolicyLimits) -> None:
        self.policy = Policy(goes_by)
        self.frame = -1
        self.patched_bytes: list[int] = []

    def next(self, changed: int | None, *, size: int = 100, hides_more: bool = False) -> Decision:
        self.frame += 1
        decision = self.policy.decide(self.frame, changed, hides_more=hides_more)
        if decision.kind is Kind.PATCH:
            decision = self.policy.accepts(self.frame, replace(decision, size_bytes=size))
        self.policy.did(self.frame, decision, changed)
        if decision.kind is Kind.PATCH:
            self.patched_bytes.append(size)
        return decision

    def kinds(self, *changed: int | None, size: int = 100) -> str:
        """First letters: k(ey), r(eal), h(old), p(atch), and R for a replay."""
        letters = {Kind.KEY: "k", Kind.REAL: "r", Kind.HOLD: "h", Kind.PATCH: "p", Kind.REPLAY: "R"}
        return "".join(letters[self.next(one, size=size).kind] for one in changed)


def test_the_first_picture_is_a_key_frame_whatever_is_said_of_it() -> None:
    for changed in (None, 0, 5):
        assert Run(limits()).kinds(changed) == "k"


def test_equal_is_held_a_little_is_patched_and_much_is_encoded() -> None:
    assert Run(limits(patch_area=8)).kinds(None, 0, 1, 8, 0, 9, None, 0) == "khpphrrh"


def test_key_frames_come_by_output_time_and_are_replayed_while_nothing_changes() -> None:
    assert Run(limits(gop=4)).kinds(*[0] * 13) == "khhhRhhhRhhhR"


def test_a_patch_does_not_hinder_a_replay_but_is_none_itself() -> None:
    """What is shown must be the key frame's own picture."""
    assert Run(limits(gop=4)).kinds(None, 0, 3, 0, 0, 3, 3, 3, 3) == "khphRpppk"


def test_after_a_real_picture_the_key_frame_is_coded() -> None:
    assert Run(limits(gop=4)).kinds(None, None, 0, 0, 0, 0, 0, 0, 0) == "krhhkhhhR"


def test_key_frames_of_the_encoder_itself_put_the_next_one_off() -> None:
    run = Run(limits(gop=4))
    assert run.kinds(None, 0, None) == "khr"
    run.policy.key_seen(2)
    assert run.kinds(0, 0, 0, 0, 0, 0) == "hhhkhh"
    run.policy.key_seen(2)  # told late: the one at 6 stays
    assert run.kinds(0, 0) == "hR"


@given(st.lists(st.sampled_from([None, 0, 1, 5, 100]), min_size=1, max_size=60), st.integers(1, 9))
def test_from_a_key_frame_to_the_next_it_is_never_more_than_the_gop(changed: list[int | None], gop: int) -> None:
    run = Run(limits(gop=gop))
    keys = [i for i, one in enumerate(changed) if run.next(one).kind in (Kind.KEY, Kind.REPLAY)]
    assert keys[0] == 0
    assert all(b - a <= gop for a, b in zip(keys, [*keys[1:], len(changed)], strict=True))


@pytest.mark.parametrize("changed", [None, 100, 1, 0])
def test_a_frame_in_which_a_mask_begins_is_one_that_no_player_leaves_out(changed: int | None) -> None:
    run = Run(limits())
    run.kinds(None, 0, 3)
    assert run.next(changed, hides_more=True).kind in REAL_ONES


def test_a_replay_is_no_picture_that_players_leave_out() -> None:
    run = Run(limits(gop=2))
    run.kinds(None, 0)
    assert run.next(0, hides_more=True).kind is Kind.REPLAY


def test_after_motion_one_picture_more_is_coded() -> None:
    run = Run(limits(motion_area=20, settle_after=3))
    assert run.kinds(None) == "k"
    assert run.kinds(0, 0, 0, 0, 0, 0) == "hhrhhh"
    assert run.kinds(21, 0, 0, 0, 0, 0) == "rhhrhh"
    assert run.kinds(20, 0, 0, 0, 0, 0) == "rhhhhh"  # little motion needs none


def test_still_means_held_and_nothing_else() -> None:
    assert Run(limits(motion_area=20, settle_after=3)).kinds(None, 0, 5, 0, 0, 5, 0, 0, 0, 0) == "khphhphhrh"


def test_a_patch_that_is_too_large_is_refused_and_not_tried_again_at_once() -> None:
    run = Run(limits(patch_area=8, patch_bytes=1000))
    assert run.kinds(None, 5, size=1000) == "kp"
    assert run.kinds(6, size=1001) == "r"
    asked = [run.policy.decide(run.frame + ahead, 6).kind for ahead in range(1, REFUSAL_FRAMES + 2)]
    assert asked.count(Kind.REAL) == REFUSAL_FRAMES - 1
    assert asked[REFUSAL_FRAMES - 1 :] == [Kind.PATCH] * 2
    assert run.policy.decide(run.frame + 1, 5).kind is Kind.PATCH  # a smaller one may be tried


def test_from_one_real_picture_to_the_next_patches_have_an_allowance() -> None:
    run = Run(limits(allowance=350))
    assert run.kinds(None, 1, 1, 1, 1, 1, 1, 1, 1) == "kppprpppr"


def test_over_a_still_screen_patches_have_a_larger_allowance() -> None:
    """The first picture counts as motion; the one that makes it crisp does not, and neither does one like it."""
    run = Run(limits(allowance=250, still_allowance=450, motion_area=20))
    assert run.kinds(None, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) == "kpprpppprppp"
    run = Run(limits(allowance=250, still_allowance=450, motion_area=20, patch_area=8))
    assert run.kinds(None, 21, 1, 1, 1, 20, 1, 1, 1, 1, 1) == "krpprrppppr"


def test_what_is_at_rest_is_said_to_last_longer() -> None:
    policy = Policy(limits(motion_area=20, rest_duration=12, little_duration=4))
    key, real = Decision(Kind.KEY, ""), Decision(Kind.REAL, "")
    assert [policy.duration(key, changed) for changed in (0, 1, 20, 21, None)] == [12, 4, 4, 1, 1]
    assert [policy.duration(real, changed) for changed in (0, 1, 20, 21, None)] == [12, 1, 1, 1, 1]


def test_over_time_patches_have_their_income() -> None:
    """100 bytes a patch at 10 bytes a frame: every tenth picture in the long run."""
    run = Run(limits(income=10.0, savings=400.0))
    kinds = run.kinds(None, *[1] * 1000)
    assert kinds.count("p") == pytest.approx(100, abs=4)


def test_without_income_patches_live_on_their_share_of_real_pictures() -> None:
    run = Run(limits(income=0.0, share=0.1, savings=1e6))
    assert run.kinds(None, 1) == "kr"
    run.policy.coded(2500)
    assert run.kinds(1, 1, 1) == "ppr"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([None, 0, 1, 4, 9]), st.integers(1, 900), st.booleans()), max_size=150),
    st.floats(0, 50),
    st.floats(0, 0.5),
    st.floats(0, 3000),
    st.integers(1, 4000),
)
def test_patches_never_take_more_than_their_bounds(
    frames: list[tuple[int | None, int, bool]], income: float, share: float, savings: float, allowance: int
) -> None:
    goes_by = limits(40, patch_area=8, patch_bytes=800, allowance=allowance)
    goes_by = replace(goes_by, income=income, share=share, savings=savings)
    run = Run(goes_by)
    since_real = total = 0
    for number, (changed, size, mask) in enumerate(frames):
        decision = run.next(changed, size=size, hides_more=mask)
        if decision.kind in REAL_ONES:
            since_real = 0
            run.policy.coded(2000)
            total += 2000
        elif decision.kind is Kind.PATCH:
            since_real += size
            assert size <= 800
            assert since_real <= allowance
        assert sum(run.patched_bytes) <= savings + income * number + share * total + 1e-6


def test_limits_follow_the_size_and_are_never_nothing() -> None:
    small, large = PolicyLimits.of(16, 16, 0, 0.0), PolicyLimits.of(3840, 2160, 120, 30_000.0)
    assert small.gop == 1
    assert min(small.patch_area, small.patch_bytes, small.allowance) > 0
    assert large.patch_area > PolicyLimits.of(1920, 1080, 120, 30_000.0).patch_area > small.patch_area
    assert PolicyLimits.of(1920, 1080, 120, 30_000.0, noisy=True).income == 0.0


def test_a_noisy_source_earns_what_the_encoder_spares() -> None:
    """3 bytes for 400 macroblocks: a hundred held pictures have 300 bytes ready, of which a quarter may go at once."""
    earned = PolicyLimits.of(320, 320, 1000, 0.0, noisy=True)
    assert earned.spared == pytest.approx(0.06 / 8 * 400)
    run = Run(replace(earned, savings=1e6, patch_area=8))
    assert run.kinds(None, *[0] * 100, 1) == "khhr" + 97 * "h" + "r"
    assert run.policy.countable(102) == 1
    run = Run(replace(earned, savings=1e6, patch_area=8))
    assert run.kinds(None, *[0] * 200, 1) == "khhr" + 197 * "h" + "p"


def test_a_noisy_source_counts_only_what_it_can_pay_for() -> None:
    run = Run(PolicyLimits.of(1920, 1080, 1000, 10_000.0, noisy=True))
    assert run.kinds(None) == "k"
    assert run.policy.countable(1) == 0
    run.policy.coded(22_858)  # 3200 bytes saved: 400 for a patch, of 40 bytes a macroblock at first
    assert run.policy.countable(1) == 10
    for _ in range(40):
        run.next(1, size=80)
        run.policy.coded(572)
    # what the real pictures bring is spent, 61 bytes a patch were spared, and a macroblock takes twice as much now
    assert run.policy.countable(41) == int((3200 + 40 * 0.06 / 8 * 8160) / 8 / 80)


def test_it_backs_off_where_all_pictures_are_real_ones_and_comes_back() -> None:
    run = Run(PolicyLimits.of(640, 480, 1000, 10_000.0, noisy=True))
    run.kinds(*[None] * 8)
    assert [run.policy.backs_off(frame) for frame in range(8, 17)] == [
        False,
        True,
        True,
        True,
        False,
        True,
        True,
        True,
        False,
    ]
    run.kinds(0)
    assert not any(run.policy.backs_off(frame) for frame in range(9, 17))
    exact = Run(PolicyLimits.of(640, 480, 1000, 10_000.0))
    exact.kinds(*[None] * 50)
    assert not any(exact.policy.backs_off(frame) for frame in range(50, 60))
