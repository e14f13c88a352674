"""Which encoder an export uses, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend that was chosen, with the reason, and those that were not."""

    used: str
    reason: str
    rejected: tuple[tuple[str, str], ...] = ()
    """Pairs of name and reason."""

    def to_dict(self) -> dict[str, object]:
        """As in ``ExportPlan``: ``{used, reason, rejected: [{name, reason}]}``."""
        return {
            "used": self.used,
            "reason": self.reason,
            "rejected": [{"name": name, "reason": reason} for name, reason in self.rejected],
        }


def choose_encoder(codec: str, wanted: str) -> Choice:
    """The encoder for ``codec``; ``wanted`` is ``auto`` or a name that the settings already validated."""
    if wanted == "libx264":
        return Choice("libx264", "asked for with --encoder")
    return Choice(
        "libx264",
        f"the {codec} encoder that runs everywhere and takes planar YUV as it is composed",
        (("hardware encoders", "not built in this version of Reelpress"),),
    )
