"""Sections of the benchmark's page about time and memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelpress.bench.page_result import median, spread
from reelpress.export.page import charts, parts
from reelpress.export.page.charts import Mark, Series
from reelpress.export.page.html import Child, Markup, el, join
from reelpress.export.page.parts import Column, Row
from reelpress.export.page.scale import about_time
from reelpress.export.page.units import DASH, megabytes, number, percent, seconds, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reelpress.bench.page_result import Result

LIMIT_BYTES = 250_000_000
"""The seed's "acceptable bounds": peak RSS above that of its 8-frame baseline path."""
TARGET_MB, STRETCH_MB = 450.0, 400.0
"""The seed's memory budget of an export and its stretch."""

MEMORY_PARTS = (
    ("base_bytes", "interpreter and libraries", "rest"),
    ("channels_bytes", "channels", "c1"),
    ("readback_bytes", "read-back ring", "c4"),
    ("decoder_bytes", "decoder", "c2"),
    ("encoder_bytes", "encoder", "c3"),
    ("rest_bytes", "not counted", "c5"),
)


def targets(data: Result) -> Markup:
    """The seed's success tables, filled."""
    columns = [
        Column("Target of the seed"),
        Column("Section"),
        Column("Baseline", number=True),
        Column("Target", number=True),
        Column("Result", number=True),
        Column("Met"),
        Column("Scenario and path; remarks", wide=True),
    ]
    rows: list[Row] = []
    for target in data.raw["targets"]:
        show, unit = _in_unit(target["unit"])
        where = []
        if target["scenario"]:
            where.append(data.title("scenarios", target["scenario"]))
        if target["path"]:
            where.append(data.title("paths", target["path"]))
        remark = join([f"{', '.join(where)}. " if where else "", target["note"]])
        bounds = _bounds(target, show, unit)
        base = DASH if target["baseline"] is None else f"{show(target['baseline'])}{_base_unit(target, unit)}"
        result = DASH if target["result"] is None else f"{show(target['result'])} {unit}"
        rows.append(
            Row(
                [target["text"], target["where"], base, bounds, result, _verdict(target["met"]), remark],
                "" if target["met"] is not None else "missing",
            )
        )
    return parts.section(
        "The seed's targets",
        parts.table(
            "What the task set out to reach, against the baseline path of the same machine where it says so.",
            columns,
            rows,
            dense=True,
        ),
        id_="targets",
    )


def _in_unit(unit: str) -> tuple[Any, str]:
    if unit == "bytes":
        return (lambda value: number(value / 1e6, 0)), "MB"
    if unit == "bytes/s":
        return (lambda value: number(value / 1e9, 2)), "GB/s"
    if unit == "%":
        return (lambda value: number(value, 1 if value % 1 else 0)), "%"
    return (lambda value: number(value, _digits(value))), unit


def _digits(value: float) -> int:
    if value % 1 == 0 or abs(value) >= 100:
        return 0
    return 4 if abs(value) < 1 else 2


def _base_unit(target: dict[str, Any], unit: str) -> str:
    # a gain in per cent has a baseline in frames a second
    return " fps" if target["unit"] == "%" and target["metric"] == "fps_percent" else f" {unit}"


def _bounds(target: dict[str, Any], show: Any, unit: str) -> str:
    low, high = target["low"], target["high"]
    sign = "+" if target["metric"].endswith(("percent", "difference_bytes")) else ""
    if low is not None and high is not None:
        return f"{sign}{show(low)} to {show(high)} {unit}"
    if low is not None:
        return f"at least {sign}{show(low)} {unit}"
    if high is not None:
        return f"at most {sign}{show(high)} {unit}"
    return DASH


def _verdict(met: bool | None) -> Markup:
    if met is None:
        return el("span", "not measured", class_="open")
    return el("span", "✓ met", class_="good") if met else el("span", "✗ missed", class_="bad")


def against_baseline(data: Result) -> Markup:
    """Of each scenario a table of the paths, and bars."""
    blocks: list[Child] = []
    columns = [
        Column("Path"),
        Column("Speed", "fps", number=True),
        Column("Gain", "% fps", number=True),
        Column("CPU", "%", number=True),
        Column("Peak RSS", "MB", number=True),
        Column("over baseline", "MB", number=True),
        Column("File", "MB", number=True),
        Column("SSIM", number=True),
        Column("Read back", "MB", number=True),
        Column("Conversions", number=True),
        Column("Copies", number=True),
    ]
    for scenario in data.scenarios():
        rows: list[Row] = []
        drawn: list[tuple[str, Sequence[tuple[float, str]], str]] = []
        for result in data.of(scenario["id"]):
            if result["missing"]:
                rows.append(Row([data.row(result), f"Missing: {result['missing']}"], "missing"))
                continue
            rows.append(Row(_cells(data, result), "limit" if data.is_baseline(result) else ""))
            fps = median(result, "fps") or 0.0
            drawn.append((data.row(result), [(fps, data.colour(result))], _gain(result, fps)))
        rows += [Row([title, f"Missing: {why}"], "missing") for title, why in data.unmeasured(scenario["id"])]
        blocks.append(el("h3", _scenario(scenario)))
        if drawn:
            blocks.append(charts.bars(f"Speed in {scenario['title']}", drawn, x_unit="fps"))
        blocks.append(
            parts.table(
                f"{scenario['title']}: medians, below them smallest–largest; the baseline path is marked.",
                columns,
                rows,
                dense=True,
            )
        )
        blocks += [parts.note(f"* {note}") for note in data.notes(scenario["id"])]
    cuts = data.raw["settings"]["cuts"]
    if cuts:
        blocks.insert(0, parts.note("This is a shortened run. ", " ".join(cuts)))
    remark = (
        f"Allowed is at most {number(LIMIT_BYTES / 1e6)} MB of peak RSS over the 8-frame baseline path. CPU: 100 % is "
        "one core. A gain in brackets is within the spread of the two, so it is no difference; of one run no spread is "
        "known. A gain with a star is between pictures that are not the same."
    )
    return parts.section(
        "Against the baseline", *(blocks or [el("p", "Nothing was measured.")]), parts.note(remark), id_="baseline"
    )


def _scenario(scenario: dict[str, Any]) -> str:
    said = scenario["title"]
    if "width" in scenario:
        said += (
            f": {scenario['width']} × {scenario['height']} at {scenario['fps']:g} fps, {seconds(scenario['seconds'])}"
        )
        if abs(scenario["seconds"] - scenario["full_seconds"]) > 0.01:
            said += f" (in full {seconds(scenario['full_seconds'])})"
    return str(said)


def _gain(result: dict[str, Any], fps: float) -> str:
    against = result.get("against_baseline")
    shown = f"{number(fps, 1)} fps"
    return f"{shown} ({signed(against['fps_percent'])} %)" if against else shown


def _cells(data: Result, result: dict[str, Any]) -> list[Child]:
    against = result.get("against_baseline")
    runs = result.get("runs") or [{}]
    over: Child = DASH
    gain: Child = "baseline" if data.is_baseline(result) else DASH
    if against:
        difference = against["rss_difference_bytes"]
        over = el(
            "span", signed(difference / 1e6), class_="bad" if difference > LIMIT_BYTES else None, title="limit +250 MB"
        )
        gain = signed(against["fps_percent"], 1)
        if against["within_spread"]:
            gain = f"({gain})"
        if not against["equal_pictures"]:
            gain = f"{gain} *"
    quality = result.get("quality") or {}
    ssim = (quality.get("ssim") or {}).get("y")
    size = median(result, "size_bytes")
    return [
        data.row(result),
        join([number(median(result, "fps"), 1), el("span", spread(result, "fps"), class_="spread")]),
        gain,
        number(median(result, "cpu_percent")),
        megabytes(median(result, "peak_rss_bytes"), 0),
        over,
        megabytes(size, 2) if size and size > 1000 else DASH,  # the encoder that costs nothing writes next to nothing
        number(ssim, 4),
        megabytes(runs[0].get("readback_bytes"), 0),
        number(runs[0].get("conversions")),
        number(runs[0].get("copies")),
    ]


def time(data: Result) -> Markup:
    """The limiting stage of every scenario and path, and what swscale costs."""
    blocks: list[Child] = [parts.lines(data.raw["sentences"])] if data.raw["sentences"] else []
    swscale = [
        (result, result["profile"]["swscale"])
        for result in data.results
        if (result.get("profile") or {}).get("swscale")
    ]
    if swscale:
        columns = [
            Column("Scenario and path"),
            Column("Wall time", "%", number=True),
            Column("CPU time", "%", number=True),
            Column("Calls", number=True),
            Column("Bottleneck", wide=True),
        ]
        rows = [
            [
                data.label(result),
                percent(found["wall_share"], 1),
                percent(found["cpu_share"], 1),
                number(found["calls"]),
                f"{'Yes' if found['is_bottleneck'] else 'No'}: {found['sentence']}",
            ]
            for result, found in swscale
        ]
        blocks += [
            el("h3", "Is swscale the bottleneck of the baseline path?"),
            parts.table("The conversion RGBA to NV12 of the baseline.", columns, rows, dense=True),
        ]
    for scenario in data.scenarios():
        drawn: list[tuple[str, Sequence[tuple[float, str]], str]] = []
        for result in data.of(scenario["id"]):
            profile = result.get("profile")
            if result["missing"] or not profile:
                continue
            for stage in profile["stages"]:
                busy = stage["busy_share"] * 100
                wait_in, wait_out = stage["wait_in_share"] * 100, stage["wait_out_share"] * 100
                mark = "  ◂ limits" if stage["stage"] == profile["limiting"] else ""
                drawn.append(
                    (
                        f"{data.row(result)}: {stage['stage']}",
                        [(busy, "c1"), (wait_in, "wait-in"), (wait_out, "wait-out")],
                        f"{number(busy)} %{mark}",
                    )
                )
        if drawn:
            blocks += [
                el("h3", f"Stages: {scenario['title']}"),
                parts.legend([("c1", "busy"), ("wait-in", "waits for input"), ("wait-out", "waits to hand on")]),
                charts.bars(f"Share of the time by stage in {scenario['title']}", drawn, x_unit="%", high=100),
            ]
    return parts.section("Where the time goes", *(blocks or [el("p", "No profile was taken.")]), id_="time")


def memory(data: Result) -> Markup:
    """Peak memory by what it is for, from counted bytes."""
    blocks: list[Child] = []
    columns = [Column("Scenario and path"), Column("Peak RSS", "MB", number=True)]
    columns += [Column(name[:1].upper() + name[1:], "MB", number=True) for _, name, _ in MEMORY_PARTS]
    columns += [Column("Python objects", "MB", number=True)]
    rows: list[Row] = []
    for scenario in data.scenarios():
        drawn: list[tuple[str, Sequence[tuple[float, str]], str]] = []
        for result in data.of(scenario["id"]):
            found = result.get("memory")
            if result["missing"] or not found:
                continue
            pieces = [(max(0, found[key]) / 1e6, colour) for key, _, colour in MEMORY_PARTS]
            drawn.append((data.row(result), pieces, f"{megabytes(found['peak_rss_bytes'], 0)} MB"))
            cells = [data.label(result), megabytes(found["peak_rss_bytes"], 0)]
            cells += [megabytes(found[key]) for key, _, _ in MEMORY_PARTS]
            rows.append(Row([*cells, megabytes(found["python_bytes"])]))
        if drawn:
            marks = [
                Mark(STRETCH_MB, f"stretch {STRETCH_MB:.0f} MB", "bound"),
                Mark(TARGET_MB, f"target {TARGET_MB:.0f} MB"),
            ]
            blocks += [
                el("h3", scenario["title"]),
                parts.legend([(colour, name) for _, name, colour in MEMORY_PARTS]),
                charts.bars(f"Memory in {scenario['title']}", drawn, x_unit="MB", marks=marks),
            ]
    blocks.append(
        parts.table("Peaks, counted where they arise, next to what the system says.", columns, rows, dense=True)
    )
    blocks.append(
        parts.note(
            "Not counted: peak RSS minus all that is counted; negative where the parts did not peak together. Python "
            "objects are measured in a run of their own and overlap with the others."
        )
    )
    return parts.section("Where the memory goes", *blocks, id_="memory")


def over_time(data: Result) -> Markup:
    """Memory and queues during one run of each."""
    blocks: list[Child] = []
    for scenario in data.scenarios():
        found = [r for r in data.of(scenario["id"]) if not r["missing"] and r.get("series")]
        found = [r for r in found if len(r["series"]["t_s"]) > 1]
        if not found:
            continue
        divisor, unit = about_time(max(r["series"]["t_s"][-1] for r in found))
        series = [
            Series(
                data.row(r),
                [t / divisor for t in r["series"]["t_s"]],
                [b / 1e6 for b in r["series"]["rss_bytes"]],
                data.colour(r),
            )
            for r in found
        ]
        key = parts.legend([(s.kind, s.name) for s in series])
        blocks += [
            el("h3", f"Memory over time: {scenario['title']}"),
            key,
            charts.lines(f"Memory over time in {scenario['title']}", series, x_unit=unit, y_unit="MB"),
        ]
        drawn: list[Child] = []
        for name in dict.fromkeys(name for r in found for name in r["series"]["queues"]):
            depth = [
                Series(
                    data.row(r),
                    [t / divisor for t in r["series"]["t_s"]],
                    [float(n) for n in r["series"]["queues"][name]],
                    data.colour(r),
                )
                for r in found
                if name in r["series"]["queues"]
            ]
            chart = charts.lines(
                f"Items in {name} over time in {scenario['title']}",
                depth,
                x_unit=unit,
                y_unit="items",
                stepped=True,
                width=500,
                height=190,
            )
            drawn.append(el("div", el("h3", f"Queue: {name}"), chart))
        blocks += [el("div", drawn, class_="two")]
    return parts.section("Over the time of a run", *(blocks or [el("p", "No samples were taken.")]), id_="over-time")
