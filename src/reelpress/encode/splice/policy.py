"""Hold, patch or encode: what becomes of each output picture.

A patch costs bytes for as long as it is shown, a real picture costs the encoder's time once and makes the patches
after it small again. Two bounds keep the bytes down and still leave most pictures to patches:

- from one real picture to the next patches may take ``allowance`` bytes: a pointer that has come to rest, or a line
  that is being typed, is paid for that long and then coded once;
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

NOISY_SHARE = 0.08
"""Of the real pictures' bytes, for patches in sources that were encoded before."""

STILL_REST, NOISY_REST = 12, 4
"""``rest_duration``: so that text at rest and mean SSIM are as if every frame were encoded (docs/splice.md). The noise
of a source that was encoded before keeps the encoder from spending as much there."""

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
    settle_after: int = 3
    """Frames that a picture must stand still after motion before it is coded once more."""

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
            patch_area=max(2, round(area * 0.03)),
            patch_bytes=max(2000, round(0.3 * bytes_per_frame)),
            allowance=max(4000, round(bytes_per_frame / 2)),
            income=0.0 if noisy else PATCH_SHARE * bytes_per_frame,
            share=NOISY_SHARE if noisy else 0.0,
            savings=PATCH_SHARE * bytes_per_frame * gop,
            motion_area=max(2, round(area * 0.03)),
            rest_duration=NOISY_REST if noisy else STILL_REST,
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

    def affords_patches(self, frame: int) -> bool:
        """Whether it is worth counting what changed: else anything but an equal picture is a real one."""
        return self._key is not None and self._savings(frame) >= LEAST_PATCH

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
        if self._spent + patch.size_bytes > self.limits.allowance:
            return Decision(Kind.REAL, "patches since the last real picture took their allowance", patch.macroblocks)
        self._saved, self._paid_until = self._savings(frame), frame
        if patch.size_bytes > self._saved:
            return Decision(Kind.REAL, "patches took their part of the bit rate", patch.macroblocks)
        return patch

    def did(self, frame: int, decision: Decision, changed: int | None) -> None:
        """What the frame became.

        Args:
            frame: Its number.
            decision: As taken.
            changed: As given to :meth:`decide`.
        """
        match decision.kind:
            case Kind.HOLD:
                self._still += 1
            case Kind.PATCH:
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

    def coded(self, size_bytes: int) -> None:
        """A real picture came out of the encoder."""
        self._saved = min(self.limits.savings, self._saved + self.limits.share * size_bytes)

    def key_seen(self, frame: int) -> None:
        """The encoder made a key frame of its own accord at ``frame``: the next one is due that much later.

        It is told when its packet comes out, some pictures later; a key frame asked for meanwhile stays.
        """
        if self._key is not None:
            self._key = max(self._key, frame)
