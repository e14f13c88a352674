"""The table of all formats in docs/formats.md, made from the formats themselves.

``python tools/make_docs.py`` puts it into the page, and its ``--check`` compares; by itself this prints the table.
"""

from __future__ import annotations

from reelpress.convert.exact import PAIRS
from reelpress.encode.candidates import for_codec
from reelpress.export.outputs.mov import MovOutput
from reelpress.export.outputs.mp4 import Mp4Output
from reelpress.export.outputs.sound import SoundOutput
from reelpress.export.outputs.stills import StillOutput
from reelpress.export.outputs.table import OUTPUTS, WITH_ALPHA
from reelpress.export.settings import ExportSettings
from reelpress.media.verify.other import ENTRIES

PRORES_FORMATS = {False: "yuv422p10le", True: "yuva444p10le"}


def table() -> str:
    """A Markdown table: what each format holds, with what it is marked, and what pictures are converted for it."""
    lines = [
        "| `--format` | `--codec` (first: default) | software encoder | marked as | sound | alpha | unchanged pictures "
        "| converted for it |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, output in OUTPUTS.items():
        if isinstance(output, Mp4Output):
            lines += [_video(output, codec) for codec in output.codecs]
        elif isinstance(output, StillOutput):
            unchanged = output.unchanged(ExportSettings())[0]
            lines.append(_row(name, "–", "Pillow", "sRGB", "–", name, unchanged, _exact("rgb24", "rgba")))
        elif isinstance(output, SoundOutput):
            lines.append(_row(name, "–", output.audio_codec, "–", output.sound, "–", "–", "no picture is decoded"))
        else:
            used = output.unchanged(ExportSettings())
            lines.append(
                _row(name, "–", "own, or `gifski`", "–", "–", "on or off", used[0] if used else "–", "palettes")
            )
    return "\n".join(lines)


def _video(output: Mp4Output, codec: str) -> str:
    bound = output.of(ExportSettings(codec=codec))  # type: ignore[arg-type] # one of its own
    software = [each.name for each in for_codec(codec) if not each.hardware] or ["prores_ks"]
    entries = ENTRIES.get(codec, ()) if output.container != "webm" else ("V_VP9" if codec == "vp9" else "V_AV1",)
    prores = isinstance(output, MovOutput) and codec == "prores"
    unchanged = bound.unchanged(ExportSettings())
    kept = unchanged[0] if unchanged else "splice" if codec == "h264" else "vfr"
    conversion = _exact(*PRORES_FORMATS.values()) if prores else "nothing"
    alpha = output.name if prores else "–"
    marked = ", ".join(f"`{entry}`" for entry in entries) + "; BT.709 limited"
    return _row(output.name, f"`{codec}`", f"`{software[0]}`", marked, bound.sound, alpha, kept, conversion)


def _row(name: str, *cells: str) -> str:
    cells = (*cells[:4], "yes" if cells[4] in WITH_ALPHA else cells[4], *cells[5:])
    return f"| `{name}` | " + " | ".join(cells) + " |"


def _exact(*targets: str) -> str:
    return ", or with alpha ".join(
        f"`{source}` to `{target}`" for source, target in PAIRS for wanted in targets if target == wanted
    )


if __name__ == "__main__":
    print(table())
