"""Hold, patch or encode: what becomes of each output picture.

A patch costs bytes for as long as it is shown, a real picture costs the encoder's time once and makes the patches
after it small again. Two bounds keep the bytes down and still leave most pictures to patches:

- from one real picture to the next patches may take ``allowance`` bytes: a pointer that has come to rest, or a line
  that is being typed, is paid for that long and then coded once; more over a screen that was not coded in motion;
- over time they may take ``income`` bytes a frame, a small part of what the quality's bit rate stands for, and
  ``share`` of the real pictures' bytes; what is not spent is saved up to ``savings``.

Recordings that were encoded before hardly ever stand still to the bit: what is left after the tolerance is noise here
and there, which a patch codes dearly and the encoder for next to nothing. For them there is no income, only a share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelpress.encode.base import Decision, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST_PATCH = 60
"""Bytes that the smallest patch takes, about."""

REFUSAL_FRAMES = 30
"""Output frames for which patches as large as a refused one are not tried again: making one costs time."""

PATCH_SHARE = 0.04
"""Of the quality's bit rate, for patches: 0.6 Mbit/s for 1080p60 at ``social``."""

NOISY_SHARE = 0.14
"""Of the real pictures' bytes, for patches in sources that were encoded before."""

STILL_ALLOWANCE = 4.0
"""``still_allowance``, in pictures of the quality's bit rate: a pointer over a still screen is patched from one key
frame to the next, since a real picture takes as long as a dozen patches and makes nothing else better."""

MOVING_DURATION = 1
"""Frames that a real picture in motion is said to last.

The encoder spends more on pictures that are shown longer: with their true durations a few real pictures become larger
than all frames together would have been. Told that each lasts one frame it leaves text as it would if every frame were
encoded, at the same CRF. Of 6 s of the sample, luma PSNR and size against every frame encoded: 1: +0.2 dB, 1.09x; 2:
+1.8 dB, 1.26x; 4: +3.1 dB, 1.41x (one run each, by hand)."""

STILL_LITTLE = 4
"""``little_duration``: of a pointer that moves over a still screen mean SSIM is then as if every frame were encoded."""

STILL_REST, NOISY_REST = 12, 2
"""``rest_duration``: so that text at rest and mean SSIM are as if every frame were encoded (docs/splice.md). The noise
of a source that was encoded before keeps the encoder from spending as much there."""

AT_ONCE = 1 / 8
"""Of what is saved up, what one patch of a noisy source should take: the less there is, the cheaper a patch must be."""

FIRST_GUESS = 40.0
"""Bytes of a macroblock in a patch, before there was one."""

SKIP_BITS = 0.06
"""Of a macroblock that x264 skips: its pictures without any change take this and a header (CABAC, any size)."""

SMALL_PICTURE, SMALL_PATCH = 2500, 4
"""Macroblocks of a picture for which x264 takes about as long as a patch of several runs does where encoders for their
widths have to be opened (2 ms each), and of what is still patched in smaller ones of a noisy source."""

BACK_OFF_AFTER, LOOK_EVERY = 8, 4
"""After so many real pictures in a row of a noisy source, only every so manyth is compared."""

EARLIEST_KEY = 0.25
"""Part of the distance of key frames after which a new scene may bring the next one."""

NEW_SCENE = (0.95, 0.6)
"""Novelty from which on a picture is a new scene: just after a key frame, and just before the next one is due."""


@dataclass(frozen=True, slots=True)
class PolicyLimits:
    """What the policy goes by. Areas in macroblocks, times in output frames."""

    gop: int
    """Frames from a key frame to the next at most."""
    patch_area: int
    """Macroblocks of a patch at most."""
    patch_bytes: int
    """Bytes of one patched picture at most."""
    allowance: int
    """Bytes of patches from one real picture to the next."""
    income: float
    """Bytes of patches for each output frame, whatever that became."""
    share: float
    """Bytes of patches for each byte of a real picture."""
    savings: float
    """Bytes that can be saved up."""
    motion_area: int
    """A real picture that differs in more macroblocks than this from the one before is motion."""
    rest_duration: int = 12
    """Frames that a picture coded at rest is said to last: a key frame of a still scene, or one that settles.

    The encoder spends more on pictures that are shown longer. If every frame were encoded, its look-ahead would see
    that nothing changes and spend bits here for all that follow; of real pictures alone it sees too few for that."""
    little_duration: int = MOVING_DURATION
    """Of a key frame of a screen on which little moves."""
    still_allowance: int = 0
    """``allowance`` where that is more and the last real picture differed little from the one before it: else it was
    coded in motion, and the next real one makes it crisp."""
    settle_after: int = 3
    """Frames that a picture must stand still after motion before it is coded once more."""
    noisy: bool = False
    """The source was encoded before: patches by their price, and less looking where nothing is found."""
    spared: float = 0.0
    """Bytes that are earned by each picture that is inserted: what the encoder would have taken for it at least."""

    @classmethod
    def of(cls, width: int, height: int, gop: int, bytes_per_frame: float, *, noisy: bool = False) -> PolicyLimits:
        """The limits of an export.

        Args:
            width, height: Of the picture.
            gop: Frames from key to key.
            bytes_per_frame: What the quality's bit rate gives to a picture.
            noisy: The source was encoded before; unchanged parts are only about equal.
        """
        area = -(-width // 16) * -(-height // 16)
        return cls(
            gop=max(1, gop),
            patch_area=SMALL_PATCH if noisy and area < SMALL_PICTURE else max(2, round(area * 0.03)),
            patch_bytes=max(2000, round(0.3 * bytes_per_frame)),
            allowance=max(4000, round(bytes_per_frame / 2)),
            still_allowance=0 if noisy else round(STILL_ALLOWANCE * bytes_per_frame),
            income=0.0 if noisy else PATCH_SHARE * bytes_per_frame,
            share=NOISY_SHARE if noisy else 0.0,
            savings=PATCH_SHARE * bytes_per_frame * gop,
            motion_area=max(2, round(area * 0.03)),
            rest_duration=NOISY_REST if noisy else STILL_REST,
            little_duration=MOVING_DURATION if noisy else STILL_LITTLE,
            noisy=noisy,
            spared=SKIP_BITS / 8 * area if noisy else 0.0,
        )


class Policy:
    """Decides about one picture after the other. Pure bookkeeping: it sees numbers, never pixels.

    For each picture: :meth:`decide`; where that says patch, the patch is made and :meth:`accepts` has the last word;
    then :meth:`did`.
    """

    def __init__(self, limits: PolicyLimits) -> None:
        self.limits = limits
        self._key: int | None = None
        self._key_is_last = False
        self._spent = 0
        self._saved = limits.savings / 4 if limits.income else 0.0
        self._per_macroblock = FIRST_GUESS
        self._in_a_row = 0
        self._paid_until = 0
        self._refused = (0, 0)
        self._moved = False
        self._still = 0

    def decide(
        self,
        frame: int,
        changed: int | None,
        *,
        hides_more: bool = False,
        novelty: Callable[[float], float] | None = None,
    ) -> Decision:
        """What becomes of a picture.

        Args:
            frame: Number of the output frame.
            changed: Macroblocks that differ from the last real picture; ``None``: too many to count, or no real one.
            hides_more: A mask begins or grows.
            novelty: How little of the picture can be told from the last real one (0..1), worth knowing from its
                argument on; asked only where it matters.
        """
        if self._key is None:
            return Decision(Kind.KEY, "the first picture")
        if frame - self._key >= self.limits.gop:
            if changed == 0 and self._key_is_last:
                return Decision(Kind.REPLAY, "a key frame is due and nothing changed since the last one")
            return Decision(Kind.KEY, "a key frame is due", changed or 0)
        if hides_more:
            # also where the last real picture shows just this: a player that leaves this one out keeps the one before
            return Decision(Kind.REAL, "a mask begins or grows", changed or 0)
        if changed == 0:
            if self._moved and self._still + 1 >= self.limits.settle_after:
                return Decision(Kind.REAL, "coded once more after motion")
            return Decision(Kind.HOLD, "shows the last real picture")
        if changed is None or changed > self.limits.patch_area:
            if novelty is not None and self._is_new_scene(frame, novelty):
                return Decision(Kind.KEY, "a new scene, and a key frame is due soon", changed or 0)
            return Decision(Kind.REAL, "too much changed for a patch", changed or 0)
        until, area = self._refused
        if frame < until and changed >= area:
            return Decision(Kind.REAL, "a patch as large was refused just before", changed)
        return Decision(Kind.PATCH, "little changed", changed)

    def _is_new_scene(self, frame: int, novelty: Callable[[float], float]) -> bool:
        """Whether a key frame is better here than a little later: the nearer the next one, the less it takes."""
        waited = (frame - (self._key or 0)) / self.limits.gop
        if waited < EARLIEST_KEY:
            return False
        limit = NEW_SCENE[0] + (NEW_SCENE[1] - NEW_SCENE[0]) * waited
        return novelty(limit) >= limit

    def countable(self, frame: int) -> int:
        """Macroblocks up to which it is worth counting what changed: with more, the picture is a real one anyhow."""
        savings = self._savings(frame)
        if self._key is None or savings < LEAST_PATCH:
            return 0
        if not self.limits.noisy:
            return self.limits.patch_area
        return min(self.limits.patch_area, int(max(LEAST_PATCH, savings * AT_ONCE) / self._per_macroblock))

    def backs_off(self, frame: int) -> bool:
        """Whether this picture is not worth a look: for a while all were real ones, as in a film."""
        return self.limits.noisy and self._in_a_row >= BACK_OFF_AFTER and frame % LOOK_EVERY != 0

    def refuse(self, frame: int, changed: int) -> None:
        """A patch of so many macroblocks could not be made; do not try one as large for a while."""
        self._refused = (frame + REFUSAL_FRAMES, changed)

    def _savings(self, frame: int) -> float:
        earned = self.limits.income * (frame - self._paid_until)
        return min(self.limits.savings, self._saved + earned)

    def accepts(self, frame: int, patch: Decision) -> Decision:
        """The patch itself, or a real picture in its place; ``patch.size_bytes`` is what it would take."""
        if patch.size_bytes > self.limits.patch_bytes:
            self.refuse(frame, patch.macroblocks)
            return Decision(Kind.REAL, "the patch would take too many bytes", patch.macroblocks)
        allowance = self.limits.allowance
        if not self._moved:
            allowance = max(allowance, self.limits.still_allowance)
        if self._spent + patch.size_bytes > allowance:
            return Decision(Kind.REAL, "patches since the last real picture took their allowance", patch.macroblocks)
        self._saved, self._paid_until = self._savings(frame), frame
        if self.limits.noisy:
            self._per_macroblock += (patch.size_bytes / max(1, patch.macroblocks) - self._per_macroblock) / 8
        if patch.size_bytes > self._saved * (2 * AT_ONCE if self.limits.noisy else 1):
            return Decision(Kind.REAL, "patches took their part of the bit rate", patch.macroblocks)
        return patch

    def did(self, frame: int, decision: Decision, changed: int | None) -> None:
        """What the frame became.

        Args:
            frame: Its number.
            decision: As taken.
            changed: Macroblocks that differ from the last real picture; ``None``: more than ``limits.motion_area``, or
                no real one was there. Of real pictures that is wanted even where :meth:`decide` had no use for it.
        """
        self._in_a_row = self._in_a_row + 1 if decision.kind in (Kind.REAL, Kind.KEY) else 0
        match decision.kind:
            case Kind.HOLD:
                self._still += 1
                self._saved += self.limits.spared
            case Kind.PATCH:
                self._saved += self.limits.spared
                self._spent += decision.size_bytes
                self._saved -= decision.size_bytes
                self._still = 0
            case Kind.REPLAY:
                self._key = frame
            case Kind.REAL | Kind.KEY:
                self._moved = changed is None or changed > self.limits.motion_area
                self._still = self._spent = 0
                self._key_is_last = decision.kind is Kind.KEY
                if self._key_is_last:
                    self._key = frame

    def duration(self, decision: Decision, changed: int | None) -> int:
        """Frames that a real picture is said to last: more of one at rest."""
        if changed == 0:
            return self.limits.rest_duration
        little = changed is not None and changed <= self.limits.motion_area
        return self.limits.little_duration if decision.kind is Kind.KEY and little else MOVING_DURATION

    def coded(self, size_bytes: int) -> None:
        """A real picture came out of the encoder."""
        self._saved = min(self.limits.savings, self._saved + self.limits.share * size_bytes)

    def restart(self) -> None:
        """The next picture is a key frame, as the first one is."""
        self._key = None

    def key_seen(self, frame: int) -> None:
        """The encoder made a key frame of its own accord at ``frame``: the next one is due that much later.

        It is told when its packet comes out, some pictures later; a key frame asked for meanwhile stays.
        """
        if self._key is not None:
            self._key = max(self._key, frame)
