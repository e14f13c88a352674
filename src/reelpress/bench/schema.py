"""Checking a benchmark's result against ``schema.json``, with nothing installed for it.

Only the part of JSON Schema (draft 2020-12) is understood that the schema uses; a keyword that is not known is an
error of the schema, so nothing is silently left unchecked.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

_IGNORED = {"$schema", "$defs", "title", "description"}
_KNOWN = {"$ref", "type", "enum", "properties", "required", "additionalProperties", "items", "minimum"}
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


@cache
def schema() -> dict[str, Any]:
    """The schema of a result, as it lies beside this module."""
    text = resources.files("reelpress.bench").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def violations(document: Any, of: dict[str, Any] | None = None) -> list[str]:
    """Where ``document`` breaks the schema: one sentence each, naming the place; empty when it is right.

    Args:
        document: Parsed JSON.
        of: Another schema than that of a result.

    Raises:
        ValueError: The schema uses a keyword that is not understood here.
    """
    root = schema() if of is None else of
    found: list[str] = []
    _check(document, root, root, "$", found)
    return found


def _check(value: Any, rule: dict[str, Any], root: dict[str, Any], where: str, found: list[str]) -> None:
    unknown = rule.keys() - _IGNORED - _KNOWN
    if unknown:
        raise ValueError(f"The schema uses {', '.join(sorted(unknown))} at {where}, which is not understood here.")
    if "$ref" in rule:
        _check(value, root["$defs"][rule["$ref"].rpartition("/")[2]], root, where, found)
    if "type" in rule and not _is(value, rule["type"]):
        found.append(f"{where} is {_short(value)}; it must be of type {rule['type']}.")
        return
    if "enum" in rule and value not in rule["enum"]:
        found.append(f"{where} is {_short(value)}; allowed are {rule['enum']}.")
    if "minimum" in rule and isinstance(value, int | float) and value < rule["minimum"]:
        found.append(f"{where} is {value}; it must be at least {rule['minimum']}.")
    if isinstance(value, dict):
        properties = rule.get("properties", {})
        found.extend(f"{where} has no {name!r}." for name in rule.get("required", ()) if name not in value)
        for name, item in value.items():
            inner = properties.get(name, rule.get("additionalProperties", True))
            if inner is False:
                found.append(f"{where} has {name!r}, which the schema does not know.")
            elif isinstance(inner, dict):
                _check(item, inner, root, f"{where}.{name}", found)
    elif isinstance(value, list) and "items" in rule:
        for index, item in enumerate(value):
            _check(item, rule["items"], root, f"{where}[{index}]", found)


def _is(value: Any, types: str | list[str]) -> bool:
    for name in [types] if isinstance(types, str) else types:
        if isinstance(value, bool):  # a bool is an int to Python and not to JSON
            if name == "boolean":
                return True
        elif isinstance(value, _TYPES[name]):
            return True
    return False


def _short(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
