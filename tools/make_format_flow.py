"""Make docs/format-flow.md: which pixel format travels between the stages, for sources of every kind.

``python tools/make_format_flow.py`` writes it; ``--check`` says (exit 1) whether it is what the plans say. The sources
are made on the spot by the makers of the tests, and each is put through what ``reelpress plan --json`` prints. Siting
is the one fact that a plan's edges do not carry: of a source it is what the probe reads, behind the decode stage it is
that of ``color.BT709_LIMITED``, to which everything is brought.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from bench_tables import rows

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "format-flow.md"

TAGGED = {"colorspace": 1, "color_range": 1, "primaries": 1, "transfer": 1}
"""BT.709 limited, in FFmpeg's numbers."""


@dataclass(frozen=True)
class Case:
    """A source and what is asked for."""

    title: str
    name: str
    """File name of the source."""
    video: dict[str, Any] = field(default_factory=dict)
    """How the tests' maker makes it; nothing for a ``.cap``."""
    options: dict[str, str] = field(default_factory=dict)
    """Options of the command line."""
    output: str = "out.mp4"

    @property
    def command(self) -> str:
        """What is asked for, as on the command line."""
        words = [f"--{name} {value}" for name, value in self.options.items()]
        if self.output != "out.mp4":
            words.insert(0, f"-o {self.output}")
        return " ".join(words)


CASES = (
    Case("`.cap` project with camera", "studio.cap"),
    Case("H.264, BT.709", "plain709.mp4", {**TAGGED}),
    Case("H.264, BT.709, with a look", "plain709.mp4", {**TAGGED}, {"preset": "card"}),
    Case("H.264, BT.601", "plain601.mp4", {"colorspace": 6, "color_range": 1, "primaries": 6, "transfer": 6}),
    Case("NV12 (raw; by its size BT.709)", "nv12.nut", {"codec": "rawvideo", "pix_fmt": "nv12", "size": (1280, 720)}),
    Case("10 bit", "ten.mp4", {**TAGGED, "pix_fmt": "yuv420p10le"}),
    Case("4:4:4", "full444.mp4", {**TAGGED, "pix_fmt": "yuv444p"}),
    Case("RGB", "rgb.mkv", {"codec": "ffv1", "pix_fmt": "bgr0"}),
    Case("full range", "fullrange.mp4", {**TAGGED, "color_range": 2}),
    Case("MJPEG: full range, centre-sited", "mjpeg.mkv", {"codec": "mjpeg", "pix_fmt": "yuvj420p"}),
    Case("odd size, 65x49", "odd.mkv", {**TAGGED, "codec": "ffv1", "size": (65, 49)}),
    Case("HDR, HLG", "hlg.mp4", {"pix_fmt": "yuv420p10le", "colorspace": 9, "primaries": 9, "transfer": 18,
                                 "color_range": 1}),
    Case("HDR, PQ", "pq.mp4", {"pix_fmt": "yuv420p10le", "colorspace": 9, "primaries": 9, "transfer": 16,
                               "color_range": 1}),
    Case("plain trim, nothing drawn", "plain709.mp4", {**TAGGED}, {"start": "0.5", "end": "1.5"}),
    Case("every frame encoded", "plain709.mp4", {**TAGGED}, {"unchanged": "encode"}),
    Case("variable rate", "plain709.mp4", {**TAGGED}, {"unchanged": "vfr"}),
    Case("GIF", "plain709.mp4", {**TAGGED}, output="out.gif"),
)  # fmt: skip
FRAMES = 60


@dataclass(frozen=True)
class Found:
    """What came of a case: a plan, or the sentence with which it was refused."""

    case: Case
    plan: dict[str, Any] | None
    refused: str = ""
    siting: dict[str, str] = field(default_factory=dict)
    """Of the sources, by track."""


def by_path(path: Path) -> ModuleType:
    """Import a maker of the tests, which belongs to no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def found() -> list[Found]:
    """Make the sources, plan every case."""
    with tempfile.TemporaryDirectory(prefix="reelpress-flow-") as name:
        folder = Path(name)
        make_video: Callable[..., Path] = by_path(ROOT / "tests" / "media" / "videos.py").make_video
        make_cap: Callable[..., Path] = by_path(ROOT / "tests" / "make_tiny_cap.py").make_tiny_cap
        for case in CASES:
            path = folder / case.name
            if path.exists():
                continue
            if case.video:
                few = case.video.get("codec") == "rawvideo"
                make_video(path, frames=3 if few else FRAMES, **case.video)
            else:
                make_cap(path)
        return [planned(case, folder) for case in CASES]


def planned(case: Case, folder: Path) -> Found:
    """The plan of one case, as ``plan --json`` prints it."""
    import reelpress
    from reelpress.errors import ReelpressError
    from reelpress.events import PlanEvent
    from reelpress.export.settings import ExportSettings
    from reelpress.flags import Setting

    values = {name.replace("-", "_"): Setting(value, "the command line") for name, value in case.options.items()}
    try:
        settings = ExportSettings.from_mapping(values)
        plan = reelpress.plan(folder / case.name, folder / case.output, settings=settings)
    except ReelpressError as error:
        return Found(case, None, str(error))
    data: dict[str, Any] = json.loads(PlanEvent(plan.to_dict()).to_json())
    return Found(case, data, siting=sitings(folder / case.name))


def sitings(source: Path) -> dict[str, str]:
    """Chroma siting of every picture track of a source, by the track's name."""
    from reelpress.recording.load import load

    recording = load(source)
    try:
        tracks = [t for segment in recording.segments for t in (segment.display, segment.camera) if t is not None]
        return {t.key: str(t.info.color.siting) for t in tracks}
    finally:
        recording.close()


def siting(edge: dict[str, Any], sources: dict[str, str]) -> str:
    """Where the chroma samples of an edge lie; a dash where there are as many as luma samples."""
    from reelpress.color import BT709_LIMITED

    if "444" in edge["format"] or edge["format"] in ("bgr0", "rgb24", "gbrp"):
        return "–"
    if "siting" in edge:
        return str(edge["siting"])
    track, _, at = str(edge["edge"]).partition(" ")
    return sources[track] if at == "decoded" else str(BT709_LIMITED.siting)


def overview(all_found: list[Found]) -> str:
    """One line a case: what is converted, whether it is copied, what becomes of unchanged pictures."""
    body = []
    for one in all_found:
        case, plan = one.case, one.plan
        asked = f" (`{case.command}`)" if case.command else ""
        if plan is None:
            body.append([case.title + asked, "–", "–", f"refused: {one.refused}", "–"])
            continue
        converted = "; ".join(c["reason"] for c in plan["conversions"]) or "**none**"
        copied = f"{'yes' if plan['copy']['used'] else 'no'}: {plan['copy']['reason']}"
        size = f"{plan['width']}x{plan['height']}"
        body.append([case.title + asked, size, converted, copied, plan["unchanged"]["used"]])
    return rows(["source", "output", "conversions", "copied", "unchanged pictures"], body)


def edges(all_found: list[Found]) -> str:
    """Every edge of every case. Cases whose edges are those of an earlier one are named there."""
    seen: dict[str, list[str]] = {}
    tables: dict[str, list[list[str]]] = {}
    for one in all_found:
        if one.plan is None:
            continue
        table = [
            [e["edge"], e["format"], e["matrix"], e["range"], siting(e, one.siting), e["by"]]
            for e in one.plan["formats"]
        ]
        key = json.dumps(table)
        seen.setdefault(key, []).append(one.case.title)
        tables[key] = table
    body = []
    for key, titles in seen.items():
        for n, row in enumerate(tables[key]):
            body.append(["; ".join(titles) if n == 0 else "", *row])
    return rows(["source", "edge", "format", "matrix", "range", "siting", "made by"], body)


def page(all_found: list[Found]) -> str:
    """The whole file."""
    by_title = {one.case.title: one for one in all_found}
    plans = [one.plan for one in all_found if one.plan is not None]
    most = max(Counter(c["edge"] for c in plan["conversions"]).most_common(1)[0][1] for plan in plans
               if plan["conversions"])  # fmt: skip
    kinds = sorted({e["format"] for p in plans for e in p["formats"] if e["edge"] == "compose->encode"})
    native = [t.case.title for t in all_found if t.plan and not t.plan["conversions"] and not t.case.command]
    trim = by_title["plain trim, nothing drawn"].plan
    assert trim is not None
    copied = f"{'copied' if trim['copy']['used'] else 'not copied'}, {trim['copy']['reason']}"
    nv12 = by_title["NV12 (raw; by its size BT.709)"].plan
    assert nv12 is not None
    passes = "passes" if not nv12["conversions"] else "is converted"
    return f"""# What travels between the stages

<!-- Made by tools/make_format_flow.py from the plans of {len(CASES)} cases: change that. -->

Format, matrix, range, chroma siting and owner of the pictures on every edge between two stages, as
`reelpress plan --json` says it before an export. `python tools/make_format_flow.py` makes the sources and this page; a
test compares it with what the plans say now. Siting of a source is read from the file; from the decode stage on it is
that of BT.709 (left).

No source goes through more than {most} conversion here, always before composing, and what goes into the encoder is
always {", ".join(kinds)}. Without any conversion: {"; ".join(native)}.

## The seed's four questions (S02)

1. **What does the decoder give out?** The software decoder gives what is in the file: yuv420p for 8 bit H.264, and
   whatever the table below says for others. AVAssetReader and VideoToolbox give NV12; they were never run here, but an
   NV12 source {passes} as it is: the compositor reads NV12 and yuv420p alike.
2. **Does the renderer always need RGBA?** No. YUV is an affine image of RGB and alpha blending commutes with an affine
   map, so the compositor blends in the decoder's planes and hands on {", ".join(kinds)}
   ([ADR 1](adr/0001-planar-yuv.md)). Only art (pointers, text, wallpapers) is RGBA, and it is brought to YUV once.
3. **Can a source with no effects skip RGBA?** Every source skips it. With nothing drawn the planes go from the decoder
   to the encoder as they are; and of the plain trim below the plan says: {copied}.
4. **What does the encoder want?** x264 takes yuv420p or NV12 as they are; it gets yuv420p. h264_videotoolbox prefers
   NV12; it is not built and was never run here. Giving it BGRA hides a conversion by swscale inside FFmpeg, as the seed
   found out later (its section 15): `EncoderSpec.external_conversion` makes any other format an error, so that nothing
   is ever converted unseen.

## The cases

{overview(all_found)}

## Every edge

Cases with the same edges share their rows.

{edges(all_found)}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    text = page(found())
    if check:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        print("docs/format-flow.md is what the plans say" if same else "stale: docs/format-flow.md")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
