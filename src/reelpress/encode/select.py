"""Which encoder an export uses, and why not the others."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reelpress.encode.candidates import INSIDE, Candidate, for_codec, named
from reelpress.encode.verdicts import Verdicts, driver_version, key_of
from reelpress.errors import EncoderError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reelpress.media.encoder import EncoderSpec

    Trial = Callable[[EncoderSpec, str], str | None]


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


@dataclass(frozen=True, slots=True)
class EncoderChoice:
    """The encoder of an export."""

    candidate: Candidate
    pixel_format: str
    """What it is given."""
    choice: Choice
    wanted: str | None = None
    """The encoder that was asked for by name and cannot be used; its reason is the first of ``choice.rejected``."""
    device: str | None = None
    """In whose frames it is given them (``EncoderSpec.device``)."""
    inside: str | None = None
    """Why it does not convert by itself, as a sentence, where that was asked for."""
    broken: tuple[str, ...] = ()
    """Those of ``choice.rejected`` that are here, and made something wrong of the trial's pictures."""


def choose_encoder(
    spec: EncoderSpec,
    codec: str,
    wanted: str = "auto",
    *,
    formats: tuple[str, ...] = ("yuv420p",),
    verdicts: Verdicts | None = None,
    trial: Trial | None = None,
    system: str = sys.platform,
) -> EncoderChoice:
    """The first candidate for ``codec`` that proves itself at the size and rate of the export.

    Encoders on a chip are opened and have to bring a few pictures through unharmed; what was found is kept in
    ``verdicts``. Software encoders are the same everywhere and are taken without a trial; only one that was asked for
    by name, or that is the last hope, is looked up.

    Args:
        spec: As the export will open it; its ``codec`` and ``pixel_format`` are replaced.
        codec: ``h264``, ``hevc`` or ``av1``.
        wanted: ``auto``, or the name of one: then no other is tried before it.
        formats: What the compositor can give, the best first: an encoder that takes one of them needs no conversion.
            With ``bgra`` in front an encoder that converts it inside is given that.
        verdicts: What is known from before; ``None`` keeps nothing.
        trial: Tries an encoder; for tests. Default is :func:`reelpress.media.trial.trial`.
        system: As ``sys.platform``.

    Raises:
        SettingsError: ``wanted`` is no encoder, or one of another codec.
        EncoderError: There is none for this codec here.
    """
    if trial is None:
        from reelpress.media import trial as trials

        trial = trials.trial
    memory = verdicts or Verdicts(None)
    candidates = list(for_codec(codec))
    if wanted != "auto":
        asked = _asked(wanted, codec)
        candidates = [asked, *(each for each in candidates if each is not asked)]
    rejected: list[tuple[str, str]] = []
    broken: list[str] = []
    for candidate in candidates:
        if not system.startswith(candidate.platforms):
            rejected.append((candidate.name, f"exists on {_platforms(candidate)} only"))
            continue
        inside: str | None = None
        if (first := formats[0]) in INSIDE:
            if first in candidate.converts:
                opened = replace(spec, codec=candidate.name, pixel_format=first, device=candidate.device)
                inside, _ = _tried(opened, candidate, memory, trial)
                if inside is None:
                    choice = Choice(candidate.name, _why(candidate, wanted), tuple(rejected))
                    lost = _lost(candidate, wanted)
                    return EncoderChoice(candidate, first, choice, lost, candidate.device, broken=tuple(broken))
            else:
                inside = f"{candidate.name} does not convert {first} itself; {_takers(codec, first)}"
        pixel_format = next((each for each in formats if each in candidate.formats), candidate.formats[0])
        opened = replace(spec, codec=candidate.name, pixel_format=pixel_format)
        wrong, here = _tried(opened, candidate, memory, trial)
        if wrong is not None:
            rejected.append((candidate.name, wrong))
            broken += [candidate.name] if here else []
            continue
        choice = Choice(candidate.name, _why(candidate, wanted), tuple(rejected))
        lost = _lost(candidate, wanted)
        return EncoderChoice(candidate, pixel_format, choice, lost, inside=inside, broken=tuple(broken))
    tried = "; ".join(f"{name}: {reason}" for name, reason in rejected)
    raise EncoderError(f"No encoder for {codec} works here. Tried: {tried}")


def _takers(codec: str, pixel_format: str) -> str:
    """Which encoders convert a format by themselves, as a clause."""
    found = [each for each in for_codec(codec) if pixel_format in each.converts]
    return "; ".join(f"{each.name} does, on {_platforms(each)}" for each in found) or f"none for {codec} does"


def _lost(candidate: Candidate, wanted: str) -> str | None:
    return wanted if wanted not in ("auto", candidate.name) else None


def _asked(wanted: str, codec: str) -> Candidate:
    found = named(wanted)
    fitting = ", ".join(each.name for each in for_codec(codec))
    if found is None:
        raise SettingsError(f"--encoder {wanted!r} is not known. For {codec} there are: auto, {fitting}.")
    if found.codec != codec:
        raise SettingsError(
            f"--encoder {wanted} makes {found.codec}, but --codec is {codec}. "
            f"Give --codec {found.codec}, or one of: auto, {fitting}."
        )
    return found


def software_for(codec: str, formats: tuple[str, ...]) -> tuple[Candidate, str]:
    """The encoder without a chip that goes on where one with a chip fails, and which of ``formats`` it is given.

    Raises:
        EncoderError: There is none here.
    """
    for candidate in for_codec(codec):
        if not candidate.hardware and _exists(candidate.name):
            return candidate, next((each for each in formats if each in candidate.formats), candidate.formats[0])
    raise EncoderError(f"There is no encoder for {codec} that needs no chip.")


def _tried(spec: EncoderSpec, candidate: Candidate, verdicts: Verdicts, trial: Trial) -> tuple[str | None, bool]:
    """What is wrong with an encoder, and whether it is here at all."""
    if not candidate.hardware:
        here = _exists(candidate.name)
        return None if here else "is not in this installation's codec library", here
    key = key_of(spec, _library(), driver_version(candidate.name))
    known, wrong = verdicts.get(key)
    if known:
        return wrong, True
    try:
        wrong = trial(spec, candidate.codec)
    except EncoderError as error:
        return str(error).removeprefix(f"The video encoder {candidate.name} ").rstrip("."), False
    verdicts.put(key, wrong)
    return wrong, True


def _exists(name: str) -> bool:
    from reelpress.media.opening import has_encoder

    return has_encoder(name)


def _library() -> str:
    from reelpress.media.opening import library_version

    return library_version()


def _platforms(candidate: Candidate) -> str:
    names = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}
    return " and ".join(names[each] for each in candidate.platforms)


def _why(candidate: Candidate, wanted: str) -> str:
    if wanted == candidate.name:
        return "asked for with --encoder"
    if candidate.hardware:
        return f"on a chip ({candidate.note}), and its pictures were right in a trial"
    return f"{candidate.note}; takes planar YUV as it is composed"
