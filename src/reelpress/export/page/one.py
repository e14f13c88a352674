"""The page about one export."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelpress import __version__
from reelpress.export.page import over_time, parts
from reelpress.export.page.facts import StageTime, limiting, limiting_sentence
from reelpress.export.page.html import Child, Markup, el, join
from reelpress.export.page.parts import Column, Row
from reelpress.export.page.privacy import Names
from reelpress.export.page.shell import page
from reelpress.export.page.units import number, percent, seconds, size
from reelpress.export.plan import said_of_rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reelpress.pipeline.samples import Sample

FRAME_KINDS = {
    "composed": "drawn anew as a whole",
    "patched": "only the damaged rectangles drawn",
    "held": "the last picture used again, nothing drawn",
    "encoded": "given to the encoder",
    "copied": "taken over as packets",
    "repeated_after_error": "source frames that could not be decoded and show the last good one",
}


def render(
    plan: Mapping[str, Any],
    report: Mapping[str, Any],
    samples: Sequence[Sample],
    *,
    files: Iterable[Path] = (),
    machine: Mapping[str, str] | None = None,
) -> str:
    """The page as HTML.

    Args:
        plan: ``ExportPlan.to_dict()``.
        report: ``ExportReport.to_dict()``.
        samples: What changed over time; may be empty.
        files: What was read and written: their folders are kept out of the page.
        machine: Names and values for the last section, e.g. ``cores``.
    """
    names = Names([*files, Path(plan["source"]), Path(plan["output"])])
    plan, report = names.all(dict(plan)), names.all(dict(report))
    source, output = Path(plan["source"]).name, Path(plan["output"]).name
    stages = [
        StageTime(name, s["busy_s"], s["wait_in_s"], s["wait_out_s"], s["frames"])
        for name, s in report["stages"].items()
    ]
    # The stages run side by side from the same moment on, so the longest of them is how long the pipeline ran.
    wall = max((s.total_s for s in stages), default=0.0)
    sections = [
        ("time", "Time", _time(stages, wall, samples, report)),
        ("frames", "Frames", _frames(report, samples)),
        ("memory", "Memory and queues", _memory(plan, report, samples)),
        ("choices", "Choices", _choices(plan)),
        ("notes", "Fallbacks and warnings", _notes(plan, report)),
        ("file", "File", _file(plan, report, machine or {})),
    ]
    return page(f"{output}: export report", _header(source, output, plan, report), sections, _footer())


def _header(source: str, output: str, plan: Mapping[str, Any], report: Mapping[str, Any]) -> Markup:
    out, frames = report["output"], report["frames"]
    real = out["duration_s"] / report["wall_s"] if report["wall_s"] else 0.0
    drawn = frames["composed"] + frames["patched"]
    return join(
        [
            el("h1", output),
            el(
                "p",
                f"Exported from {source}: {out['width']} × {out['height']} at {out['fps']:g} fps, "
                f"{number(frames['total'])} frames, {seconds(out['duration_s'])}, {out['video_codec']}"
                + (f" with {out['audio_codec']} sound." if out["audio_codec"] else ", no sound."),
            ),
            parts.tiles(
                [
                    ("Time", seconds(report["wall_s"]), f"{seconds(report['cpu_s'])} of processor time"),
                    ("Speed", f"{number(report['fps'], 1)} fps", f"{number(real, 1)} × as fast as it plays"),
                    ("Peak memory", size(report["peak_rss_bytes"]), f"budget {size(plan['memory_bytes'])}"),
                    ("File", size(out["size_bytes"]), _bit_rate(out)),
                    ("Frames drawn", number(drawn), f"of {number(frames['total'])}; {number(frames['held'])} held"),
                ]
            ),
        ]
    )


def _bit_rate(out: Mapping[str, Any]) -> str:
    if not out["duration_s"]:
        return ""
    return f"{number(out['size_bytes'] * 8 / out['duration_s'] / 1e6, 2)} Mbit/s"


def _time(stages: Sequence[StageTime], wall: float, samples: Sequence[Sample], report: Mapping[str, Any]) -> Markup:
    first = limiting(stages, wall)
    columns = [
        Column("Stage"),
        Column("Busy", "s", number=True),
        Column("Waits for input", "s", number=True),
        Column("Waits to hand on", "s", number=True),
        Column("Busy", "% of the time", number=True),
        Column("Frames", number=True),
        Column("Busy a frame", "ms", number=True),
    ]
    rows = [
        Row(
            [
                s.name,
                number(s.busy_s, 3),
                number(s.wait_in_s, 3),
                number(s.wait_out_s, 3),
                percent(s.busy_s / wall, 1) if wall else "",
                number(s.frames),
                number(1000 * s.busy_s / s.frames, 2) if s.frames else "–",
            ],
            "limit" if s is first else "",
        )
        for s in stages
    ]
    outside = report["wall_s"] - wall
    return parts.section(
        "Where the time went",
        parts.lead(limiting_sentence(stages, wall)),
        parts.table(f"Stages, side by side in {seconds(wall)}. The busiest is marked.", columns, rows),
        over_time.timeline(samples, [s.name for s in stages]),
        parts.note(f"Before and after the stages ran (opening, verifying, writing to the disk): {seconds(outside)}.")
        if outside > 0
        else None,
        id_="time",
    )


def _frames(report: Mapping[str, Any], samples: Sequence[Sample]) -> Markup:
    frames = report["frames"]
    total = frames["total"]
    columns = [Column("Frames"), Column("Count", number=True), Column("Share", "%", number=True), Column("", wide=True)]
    rows = [Row(["in the output", number(total), percent(1.0, 1), ""], "total")]
    for name, count in frames.items():
        if name != "total" and isinstance(count, int) and (count or name in ("composed", "patched", "held")):
            said = FRAME_KINDS.get(name, "")
            rows.append(Row([name.replace("_", " "), number(count), percent(count / total, 1) if total else "", said]))
    return parts.section(
        "Frames",
        parts.table("What each output frame cost.", columns, rows),
        over_time.frames(samples),
        id_="frames",
    )


def _memory(plan: Mapping[str, Any], report: Mapping[str, Any], samples: Sequence[Sample]) -> Markup:
    buffers = report["buffers"]
    rows = [
        [
            name,
            number(buffers[name]),
            number(buffers[f"{name}_peak"]),
            number(buffers.get(f"{name}_peak_bytes", 0) / 1e6, 1),
        ]
        for name in ("rendered", "encoder")
        if f"{name}_peak" in buffers
    ]
    return parts.section(
        "Memory and queues",
        parts.lead(
            f"The process needed at most {size(report['peak_rss_bytes'])}; the budget is {size(plan['memory_bytes'])}."
        ),
        over_time.memory(samples, report["peak_rss_bytes"]),
        parts.table(
            f"Channels between the stages. The rendered pictures may also keep at most {size(buffers['bytes'])}.",
            [
                Column("Channel"),
                Column("Bound", "items", number=True),
                Column("Most", "items", number=True),
                Column("Most", "MB", number=True),
            ],
            rows,
        ),
        over_time.queues(samples, {name: buffers[name] for name in ("rendered", "encoder") if name in buffers}),
        id_="memory",
    )


def _choices(plan: Mapping[str, Any]) -> Markup:
    rows: list[list[Child]] = []
    for name in ("decoder", "renderer", "converter", "encoder"):
        choice = plan[name]
        rejected = [f"Not {r['name']}: {r['reason']}." for r in choice["rejected"]]
        rows.append([name, el("span", choice["used"]), join([_sentence(choice["reason"]), _small(rejected)])])
    for name in ("audio", "copy", "subtitles"):
        said = plan.get(name) or {}
        if "used" in said:
            rows.append([name, "yes" if said["used"] else "no", _sentence(said["reason"])])
    rate = plan["rate_control"]
    formats = [[edge["edge"], edge["format"], edge["matrix"], edge["range"], edge["by"]] for edge in plan["formats"]]
    converted = [
        f"{c['edge']}: {c['source']} to {c['target']} by {c['by']}, because {c['reason']}." for c in plan["conversions"]
    ]
    return parts.section(
        "What was chosen, and why",
        parts.table("Made before the first frame.", [Column("What"), Column("Used"), Column("Why", wide=True)], rows),
        el("h3", "Rate control"),
        el(
            "p",
            f"{said_of_rate(rate)[:1].upper()}{said_of_rate(rate)[1:]}.",
        ),
        el("h3", "Formats on the way"),
        parts.table(
            "Each edge of the flow.",
            [Column("Edge"), Column("Format"), Column("Matrix"), Column("Range"), Column("Made by", wide=True)],
            formats,
        ),
        parts.lines(converted) if converted else parts.note("No picture was converted to another format."),
        id_="choices",
    )


def _small(sentences: Sequence[str]) -> list[Markup]:
    return [parts.note(sentence) for sentence in sentences]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def _notes(plan: Mapping[str, Any], report: Mapping[str, Any]) -> Markup:
    fallbacks = [
        join([el("strong", f"{f['used']} instead of {f['wanted']}"), f" ({f['stage']}): {f['reason']}."])
        for f in report["fallbacks"]
    ]
    not_drawn = [f"Not drawn: {line}" for line in plan["not_drawn"]]
    found: list[Child] = [*fallbacks, *report["warnings"], *not_drawn]
    return parts.section(
        "Fallbacks and warnings",
        parts.lines(found, kind="warn")
        if found
        else el("p", "None: everything was done the way it was meant to, and everything was drawn."),
        id_="notes",
    )


def _file(plan: Mapping[str, Any], report: Mapping[str, Any], machine: Mapping[str, str]) -> Markup:
    out, guess = report["output"], plan["estimate"]
    pairs: list[tuple[str, Child]] = [
        ("Picture", f"{out['width']} × {out['height']}, {float(Fraction(plan['fps'])):g} fps, {out['video_codec']}"),
        ("Colour", out["color"]),
        ("Sound", out["audio_codec"] or "none"),
        ("Duration", seconds(out["duration_s"])),
        ("Size", f"{size(out['size_bytes'])} (expected about {size(guess['size_bytes'])})"),
        ("Took", f"{seconds(report['wall_s'])} (expected about {seconds(guess['wall_s'])})"),
    ]
    if report.get("subtitles"):
        subtitles = report["subtitles"]
        pairs.append(("Subtitles", f"{subtitles['file']}, {subtitles['cues']} cues, {subtitles['language']}"))
    gpu = report.get("gpu")
    if gpu:
        told = f"{number(gpu['frames'])} pictures drawn, {size(gpu['uploaded_bytes'])} sent to it"
        pairs.append(("GPU", f"{told}, {size(gpu['read_back_bytes'])} read back"))
    if report.get("verified"):
        pairs.append(("Checked", ", ".join(report["verified"])))
    pairs += [(name, value) for name, value in machine.items()]
    return parts.section("The finished file", parts.facts(pairs), id_="file")


def _footer() -> Markup:
    return el("p", f"Made by reelpress {__version__}. This page is one file and loads nothing from anywhere.")
