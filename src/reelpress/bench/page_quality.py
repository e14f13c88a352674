"""Sections of the benchmark's page about pictures: quality against size, worst frames, peers."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any

from reelpress.bench.page_result import median
from reelpress.export.page import charts, parts
from reelpress.export.page.charts import Point
from reelpress.export.page.html import Child, Markup, el, join
from reelpress.export.page.parts import Column, Row
from reelpress.export.page.units import DASH, megabytes, number

if TYPE_CHECKING:
    from pathlib import Path

    from reelpress.bench.page_result import Result

MAX_PICTURE_BYTES = 8 << 20
SHOWN_SIDE = 560
"""Smaller pictures are enlarged to about this width, without smoothing: one wants to see the pixels."""

_DATA_URI = re.compile(r"data:image/(?:png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}")
_MAGIC = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"))


def quality(data: Result) -> Markup:
    """Tables of PSNR, SSIM and XPSNR, and quality against size."""
    blocks: list[Child] = []
    columns = [
        Column("Path"),
        Column("File", "MB", number=True),
        Column("PSNR Y / U / V", "dB", number=True),
        Column("SSIM Y / U / V", number=True),
        Column("XPSNR Y / U / V", "dB", number=True),
        Column("Worst SSIM", number=True),
        Column("in frame", number=True),
        Column("Text: SSIM", number=True),
        Column("Text: PSNR", "dB", number=True),
    ]
    for scenario in data.scenarios():
        rows: list[Row] = []
        points: list[Point] = []
        for result in data.of(scenario["id"]):
            found = result.get("quality")
            why = result["missing"] or (found or {}).get("missing") or (None if found else "It was not measured.")
            if why or found is None:
                rows.append(Row([data.row(result), f"Missing: {why}"], "missing"))
                continue
            size = median(result, "size_bytes")
            text = found.get("text_region") or {}
            ssim = found["ssim"]
            rows.append(
                Row(
                    [
                        data.row(result),
                        megabytes(size, 2),
                        _planes(found["psnr_db"], 1),
                        _planes(ssim, 4),
                        _planes(found["xpsnr_db"], 1),
                        number(ssim["worst"], 4),
                        number(ssim["worst_frame"]),
                        number(text.get("ssim"), 4),
                        number(text.get("psnr_db"), 1),
                    ]
                )
            )
            if size is not None and ssim["y"] is not None:
                points.append(Point(size / 1e6, ssim["y"], data.row(result), data.colour(result)))
        points += _peer_points(data, scenario["id"])
        blocks.append(el("h3", scenario["title"]))
        if points:
            blocks.append(
                charts.scatter(f"SSIM against size in {scenario['title']}", points, x_unit="MB", y_unit="SSIM (Y)")
            )
        blocks.append(
            parts.table(f"{scenario['title']}: output against the frames composed for it.", columns, rows, dense=True)
        )
        blocks += [parts.note(note) for note in data.notes(scenario["id"])]
    remark = parts.note("Up and to the left is better. Circles are paths of Reelpress, squares are peers.")
    return parts.section("Quality against size", *(blocks or [el("p", "Nothing was measured.")]), remark, id_="quality")


def _planes(found: dict[str, Any], digits: int) -> str:
    return " / ".join(number(found[plane], digits) for plane in "yuv")


def _peer_points(data: Result, scenario: str) -> list[Point]:
    points = []
    for result in data.raw["peer_results"]:
        if result["scenario"] != scenario or result["missing"]:
            continue
        for point in result.get("points", ()):
            if point["ssim"] is not None:
                name = data.title("peers", result["peer"])
                crf = "" if point["crf"] is None else f" CRF {point['crf']:g}"
                points.append(Point(point["size_bytes"] / 1e6, point["ssim"], name + crf, "c6", "square"))
    return points


def worst(data: Result, folder: Path | None) -> Markup:
    """The worst frame of each result, to be looked at."""
    figures: list[Child] = []
    number_of = 0
    for result in data.results:
        found = (result.get("quality") or {}).get("worst_pictures")
        if result["missing"] or not found:
            continue
        reference, output = picture(found["reference"], folder), picture(found["output"], folder)
        title = f"{data.label(result)}, frame {found['frame']}"
        if reference is None or output is None:
            figures.append(parts.note(f"{title}: the pictures are not there."))
            continue
        number_of += 1
        figures += [el("h3", title), compare(reference, output, f"compare-{number_of}")]
    return parts.section(
        "Worst frames",
        el("p", "The frame with the lowest SSIM of each: what was composed, and what came out of the encoder."),
        *(figures or [el("p", "No pictures were kept.")]),
        id_="worst",
    )


def picture(given: str, folder: Path | None) -> str | None:
    """A ``data:`` URI of a picture that is given as one or by its name in ``folder``; ``None`` if it is neither."""
    if _DATA_URI.fullmatch(given):
        return given
    if folder is None or given.startswith("data:"):
        return None
    root = folder.resolve()
    try:
        path = (root / given).resolve()
        if not path.is_relative_to(root) or path.stat().st_size > MAX_PICTURE_BYTES:
            return None
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    kind = next((kind for magic, kind in _MAGIC if content.startswith(magic)), None)
    return None if kind is None else f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def compare(reference: str, output: str, name: str) -> Markup:
    """Two pictures of the same size behind each other, with a slider and a difference view.

    Args:
        reference: ``data:`` URI; shown to the left.
        output: ``data:`` URI; shown to the right.
        name: Of this place on the page, unique.
    """
    modes = (
        ("slider", "slider"),
        ("difference", "difference × 8"),
        ("reference", "composed"),
        ("output", "encoded"),
    )
    wide, high = _size(reference)
    factor = max(1, min(8, SHOWN_SIDE // wide))
    wide, high = wide * factor, high * factor
    choices = [
        el("label", el("input", type="radio", name=name, value=value, checked=value == "slider"), title)
        for value, title in modes
    ]
    return el(
        "figure",
        el(
            "div",
            el(
                "div",
                el("img", src=reference, alt="as composed", width=wide, height=high),
                el("img", src=output, alt="as encoded", class_="over", width=wide, height=high),
                class_="pictures",
            ),
            el("div", class_="edge"),
            el("span", "composed", class_="badge left"),
            el("span", "encoded", class_="badge right"),
            class_="stage",
        ),
        el(
            "div",
            el("fieldset", el("legend", "Show"), choices),
            el("input", type="range", min=0, max=100, value=50, step="any", aria_label="edge between the two pictures"),
            class_="tools",
        ),
        class_="compare small" if factor > 1 else "compare",
        id=name,
        data_mode="slider",
    )


def _size(uri: str) -> tuple[int, int]:
    """Width and height of the picture in a ``data:`` URI; 1 x 1 when it cannot be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
            return max(1, image.width), max(1, image.height)
    except (OSError, ValueError):
        return 1, 1


def peers(data: Result) -> Markup:
    """Others doing the same, at equal quality or size."""
    blocks: list[Child] = []
    columns = [
        Column("Peer"),
        Column("CRF", number=True),
        Column("Time", "s", number=True),
        Column("Speed", "fps", number=True),
        Column("Processor", "s", number=True),
        Column("Peak RSS", "MB", number=True),
        Column("File", "MB", number=True),
        Column("SSIM", number=True),
        Column("PSNR", "dB", number=True),
    ]
    for scenario in data.raw["scenarios"]:
        found = [r for r in data.raw["peer_results"] if r["scenario"] == scenario["id"]]
        if not found:
            continue
        rows: list[Row] = []
        sentences: list[Child] = []
        ours = next((r["ours"] for r in found if r.get("ours")), None)
        if ours:
            rows.append(
                Row(
                    [
                        "Reelpress, planar",
                        DASH,
                        number(ours["wall_s"], 2),
                        number(ours["fps"], 1),
                        DASH,
                        DASH,
                        megabytes(ours["size_bytes"], 2),
                        number(ours.get("ssim"), 4),
                        DASH,
                    ],
                    "limit",
                )
            )
        for result in found:
            name = data.title("peers", result["peer"])
            if result["missing"]:
                rows.append(Row([name, f"Missing: {result['missing']}"], "missing"))
                continue
            rows += [Row(_point(name, point)) for point in result.get("points", ())]
            if result.get("sentence"):
                sentences.append(result["sentence"])
        blocks += [
            el("h3", scenario["title"]),
            parts.lines(sentences) if sentences else None,
            parts.table(f"{scenario['title']}: whole processes, start to end.", columns, rows, dense=True),
        ]
    commands: list[tuple[str, Child]] = [
        (peer["title"], join([el("code", peer["command"]), f" ({peer['missing']})" if peer["missing"] else ""]))
        for peer in data.raw["peers"]
    ]
    if commands:
        blocks.append(el("details", el("summary", "Their commands"), parts.facts(commands)))
    return parts.section(
        "Peers side by side",
        *(blocks or [el("p", "No peers were asked for in this run.")]),
        id_="peers",
    )


def _point(name: str, point: dict[str, Any]) -> list[Child]:
    return [
        name,
        number(point["crf"]),
        number(point["wall_s"], 2),
        number(point["fps"], 1),
        number(point["cpu_s"], 1),
        megabytes(point["peak_rss_bytes"], 0),
        megabytes(point["size_bytes"], 2),
        number(point["ssim"], 4),
        number(point["psnr_db"], 1),
    ]
