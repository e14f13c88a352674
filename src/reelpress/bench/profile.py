"""Where the time goes, in shares and in one sentence. Pure arithmetic on a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WAITS = 0.25
"""A stage that spends this share of the time waiting is named in the sentence."""


def shares(stages: Mapping[str, Mapping[str, float]], wall_s: float) -> list[dict[str, Any]]:
    """Each stage's times as shares of the pipeline's wall time, in the order of the flow."""
    wall = wall_s if wall_s > 0 else 1.0
    return [
        {
            "stage": name,
            "busy_share": round(s["busy_s"] / wall, 4),
            "wait_in_share": round(s["wait_in_s"] / wall, 4),
            "wait_out_share": round(s["wait_out_s"] / wall, 4),
        }
        for name, s in stages.items()
    ]


def limiting(rows: Sequence[Mapping[str, Any]]) -> str:
    """The stage that is busy for the greatest share; all others wait for it in the end."""
    return str(max(rows, key=lambda row: row["busy_share"])["stage"]) if rows else ""


def sentence(rows: Sequence[Mapping[str, Any]], label: str = "") -> str:
    """``label: encode 71 %, compose waits``.

    The limiting stage with its share, then every stage before it that waits to give out and every stage behind it that
    waits to get something, for more than a quarter of the time. The last stage (which writes) and sources that are
    waited for are named only if they limit.
    """
    if not rows:
        return f"{label}: nothing ran" if label else "nothing ran"
    first = limiting(rows)
    names = [str(row["stage"]) for row in rows]
    place = names.index(first)
    idle = []
    for index, row in enumerate(rows):
        if index == place or row["stage"] == "mux":
            continue
        share = row["wait_out_share"] if index < place else row["wait_in_share"]
        if share >= WAITS:
            idle.append(str(row["stage"]))
    busy = rows[place]["busy_share"]
    text = f"{first} {round(100 * busy)} %"
    if idle:
        joined = idle[0] if len(idle) == 1 else f"{', '.join(idle[:-1])} and {idle[-1]}"
        text += f", {joined} {'waits' if len(idle) == 1 else 'wait'}"
    else:
        near = max((r for r in rows if r["stage"] != first), key=lambda r: r["busy_share"], default=None)
        if near is not None:
            text += f", then {near['stage']} {round(100 * near['busy_share'])} %"
    return f"{label}: {text}" if label else text


def swscale_share(
    *,
    wall_s: float,
    cpu_s: float,
    calls: int,
    run_wall_s: float,
    run_cpu_s: float,
    stages: Mapping[str, Mapping[str, float]],
    null: bool,
) -> dict[str, Any]:
    """What the conversion RGBA to NV12 takes, and whether it is the bottleneck.

    It runs in the encode stage. It counts as the bottleneck when, seen as a stage of its own, it is busy for longer
    than any other stage and than the rest of the encode stage.
    """
    rest = max(0.0, stages.get("encode", {}).get("busy_s", 0.0) - wall_s)
    others = {name: s["busy_s"] for name, s in stages.items() if name != "encode"} | {"encoding without it": rest}
    name = max(others, key=lambda key: others[key])
    bottleneck = wall_s > others[name]
    wall = wall_s / run_wall_s if run_wall_s > 0 else 0.0
    cpu = cpu_s / run_cpu_s if run_cpu_s > 0 else 0.0
    longest = 100 * others[name] / run_wall_s if run_wall_s > 0 else 0.0
    verdict = "it is the bottleneck" if bottleneck else f"it is not the bottleneck: {name} takes {longest:.0f} %"
    start = "With an encoder that costs nothing swscale" if null else "swscale"
    return {
        "cpu_s": round(cpu_s, 4),
        "wall_s": round(wall_s, 4),
        "cpu_share": round(cpu, 4),
        "wall_share": round(wall, 4),
        "calls": calls,
        "is_bottleneck": bottleneck,
        "sentence": (
            f"{start} takes {100 * wall:.0f} % of the wall time and {100 * cpu:.0f} % of the CPU time; {verdict}."
        ),
    }
