"""A benchmark's result with the look-ups that its page needs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from reelpress.export.page.units import number

COLOURS = ("c1", "c2", "c3", "c4", "c5", "c6")


class Result:
    """Read-only view of a result (``bench/schema.json``)."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.results: list[dict[str, Any]] = raw["results"]
        self._titles = {
            group: {item["id"]: item["title"] for item in raw[group]}
            for group in ("scenarios", "paths", "encoders", "peers")
        }
        encoders = Counter(r["encoder"] for r in self.results)
        self._usual = encoders.most_common(1)[0][0] if encoders else ""
        self._missing = {
            group: {item["id"] for item in raw[group] if item["missing"]}
            for group in ("scenarios", "paths", "encoders")
        }

    def title(self, group: str, id_: str) -> str:
        """Title of a scenario, path, encoder or peer."""
        return str(self._titles[group].get(id_, id_))

    def row(self, result: dict[str, Any]) -> str:
        """Path, and the encoder where it is another than that of most."""
        title = self.title("paths", result["path"])
        if result["encoder"] != self._usual:
            # what stands behind a colon explains the name
            title += f" (encoder: {self.title('encoders', result['encoder']).split(':')[0]})"
        return title

    def label(self, result: dict[str, Any]) -> str:
        """Scenario, path and encoder in words."""
        return f"{self.title('scenarios', result['scenario'])}: {self.row(result)}"

    def of(self, scenario: str) -> list[dict[str, Any]]:
        """Results of a scenario: the baseline first, others as they were measured."""
        found = [r for r in self.results if r["scenario"] == scenario]
        kinds = {path["id"]: path["kind"] for path in self.raw["paths"]}
        return sorted(found, key=lambda r: kinds.get(r["path"]) != "baseline")

    def scenarios(self) -> list[dict[str, Any]]:
        """Scenarios that have results, in the result's order."""
        return [s for s in self.raw["scenarios"] if self.of(s["id"])]

    def unmeasured(self, scenario: str) -> list[tuple[str, str]]:
        """Title and reason of the paths that have no result at all in a scenario."""
        there = {r["path"] for r in self.of(scenario)}
        return [
            (p["title"], p["missing"] or "It was not asked for in this run.")
            for p in self.raw["paths"]
            if p["id"] not in there
        ]

    def notes(self, scenario: str) -> list[str]:
        """Why pictures of a scenario's paths are not the same, where they are not."""
        compared = (r.get("against_baseline") for r in self.of(scenario) if not r["missing"])
        return list(dict.fromkeys(against["note"] for against in compared if against and against["note"]))

    def known_missing(self, result: dict[str, Any]) -> bool:
        """Whether its scenario, path or encoder is listed as missing itself."""
        return (
            result["scenario"] in self._missing["scenarios"]
            or result["path"] in self._missing["paths"]
            or result["encoder"] in self._missing["encoders"]
        )

    def is_baseline(self, result: dict[str, Any]) -> bool:
        """Whether it is the path that the others are compared with."""
        return any(p["id"] == result["path"] and p["kind"] == "baseline" for p in self.raw["paths"])

    def colour(self, result: dict[str, Any]) -> str:
        """The same for a path and encoder everywhere on the page; the baseline is grey."""
        pairs = list(dict.fromkeys((r["path"], r["encoder"]) for r in self.results if not self.is_baseline(r)))
        if self.is_baseline(result):
            return "rest"
        return COLOURS[pairs.index((result["path"], result["encoder"])) % len(COLOURS)]


def median(result: dict[str, Any], name: str) -> float | None:
    """Median of a figure over the runs."""
    spread = result.get("summary", {}).get(name)
    return None if spread is None else float(spread["median"])


def spread(result: dict[str, Any], name: str, digits: int = 1, divisor: float = 1.0) -> str:
    """Smallest and largest of a figure over the runs."""
    found = result.get("summary", {}).get(name)
    if found is None:
        return "–"
    if found["runs"] < 2:
        return "one run"
    return f"{number(found['min'] / divisor, digits)}–{number(found['max'] / divisor, digits)}"
