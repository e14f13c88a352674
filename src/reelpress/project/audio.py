"""``audio``: volumes of the recorded tracks (cap-format 2.3)."""

from __future__ import annotations

from enum import StrEnum

from reelpress.recording.fields import Bool, JsonModel, Number


class StereoMode(StrEnum):
    """How the microphone's channels are used."""

    STEREO = "stereo"
    MONO_LEFT = "monoL"
    MONO_RIGHT = "monoR"


class Audio(JsonModel):
    """``audio``. Volumes at or below -30 dB mute (cap-format 4)."""

    mute: Bool = False
    """Recorded tracks only; music plays on."""
    improve: Bool = False
    """Has no effect on an export."""
    mic_volume_db: Number = 0.0
    mic_stereo_mode: StereoMode = StereoMode.STEREO
    system_volume_db: Number = 0.0
