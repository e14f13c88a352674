"""What follows from measured rows: ratios to the baseline, sentences, noise, and what measuring costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reelpress.bench import paths, targets
from reelpress.bench.metrics import spread

if TYPE_CHECKING:
    from collections.abc import Sequence


def complete(result: dict[str, Any]) -> None:
    """Fill in what follows from the measured rows: comparisons, ratios, sentences, targets."""
    rows = [row for row in result["results"] if row["missing"] is None]
    for row in rows:
        base = _baseline_of(row, rows)
        row["against_baseline"] = None if base is None or base is row else against(row, base)
    result["ratios"] = [
        {
            "scenario": row["scenario"],
            "path": row["path"],
            "encoder": row["encoder"],
            "speed": row["against_baseline"]["speed_ratio"],
            "size": row["against_baseline"]["size_ratio"],
            "rss": row["against_baseline"]["rss_ratio"],
            "ssim": _ssim(row),
        }
        for row in rows
        if row["against_baseline"] is not None
    ]
    sentences = [row["profile"]["sentence"] for row in rows]
    sentences += [row["profile"]["swscale"]["sentence"] for row in rows if row["profile"]["swscale"] is not None]
    result["sentences"] = list(dict.fromkeys(sentences))
    result["targets"] = targets.filled(result)


def against(row: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """``against_baseline``: the medians of two rows of the same scenario and encoder."""
    mine, theirs = row["summary"], base["summary"]

    def ratio(name: str) -> float | None:
        other = theirs[name]["median"]
        return round(mine[name]["median"] / other, 4) if other else None

    speed = ratio("fps") or 0.0
    one, two = _ssim(row), _ssim(base)
    overlap: bool | None = mine["fps"]["min"] <= theirs["fps"]["max"] and theirs["fps"]["min"] <= mine["fps"]["max"]
    if mine["fps"]["runs"] < 2 or theirs["fps"]["runs"] < 2:
        overlap = None
    note = unequal(row, base)
    return {
        "path": base["path"],
        "speed_ratio": speed,
        "fps_percent": round(100 * (speed - 1), 2),
        "size_ratio": ratio("size_bytes"),
        "rss_ratio": ratio("peak_rss_bytes") or 0.0,
        "rss_difference_bytes": int(mine["peak_rss_bytes"]["median"] - theirs["peak_rss_bytes"]["median"]),
        "ssim_difference": None if one is None or two is None or note is not None else round(one - two, 6),
        "within_spread": overlap,
        "equal_pictures": note is None,
        "note": note,
    }


def unequal(row: dict[str, Any], base: dict[str, Any]) -> str | None:
    """Why the pictures of two rows are not the same pictures, in a sentence; ``None`` where they are."""
    mine, theirs = (list(dict.fromkeys(r.get("not_drawn", ()))) for r in (row, base))
    only_mine = [what for what in theirs if what not in mine]
    only_theirs = [what for what in mine if what not in theirs]
    said = []
    if only_mine:
        said.append(f"the baseline path does not draw {_listed(only_mine)}, which makes it faster, never slower")
    if only_theirs:
        said.append(f"this path does not draw {_listed(only_theirs)}")
    if not said:
        return None
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}: size and SSIM are of different pictures and are not compared."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _ssim(row: dict[str, Any]) -> float | None:
    if row["quality"]["missing"] is not None:
        return None
    value = row["quality"]["ssim"]["y"]
    return None if value is None else float(value)


def _baseline_of(row: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    key = (row["scenario"], paths.BASELINE, row["encoder"])
    return next((r for r in rows if (r["scenario"], r["path"], r["encoder"]) == key), None)


def aa_of(a: Sequence[float], b: Sequence[float]) -> dict[str, Any]:
    """``aa``: whether two series of the same thing differ by less than their spread."""
    one, two = spread(a), spread(b)
    difference = abs(one["median"] - two["median"])
    width = max(max(a) - min(a), max(b) - min(b))
    ok = difference <= width
    return {
        "a": one,
        "b": two,
        "difference_s": round(difference, 4),
        "spread_s": round(width, 4),
        "ok": ok,
        "sentence": (
            f"Two series of the same runs differ by {1000 * difference:.0f} ms, "
            f"{'less' if ok else 'more'} than the spread of {1000 * width:.0f} ms."
        ),
    }


def self_cost_of(on: Sequence[float], off: Sequence[float]) -> dict[str, Any]:
    """``self_cost``: CPU seconds with the hooks against those without."""
    one, two = spread(on), spread(off)
    percent = 100 * (one["median"] / two["median"] - 1)
    return {
        "with": one,
        "without": two,
        "percent": round(percent, 2),
        "ok": percent < 2,
        "sentence": f"The harness costs {max(0.0, percent):.1f} % of the export's CPU time.",
    }
