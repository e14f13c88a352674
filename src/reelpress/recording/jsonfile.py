"""Reading JSON files that other programs wrote, with errors that say file, line, key, expected and given."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from reelpress.errors import MissingInputError, ProjectError, UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

MAX_BYTES = 256 * 1024 * 1024
"""A JSON file of a recording is smaller than this, or it is not one. One hour of pointer moves has about 30 MB."""

_SPACE = re.compile(r"[ \t\r\n]*")

M = TypeVar("M", bound=BaseModel)


def load_json(path: Path) -> tuple[Any, str]:
    """Parse ``path``; returns the value and the text it was read from.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It cannot be read.
        ProjectError: It is no JSON, with the line.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableInputError(f"{path} is larger than {MAX_BYTES // 2**20} MB; it is no file of a recording.")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise MissingInputError(f"{path} does not exist.") from None
    except OSError as error:
        raise UnreadableInputError(f"{path} cannot be read: {error.strerror or error}.") from error
    return parse_json(path, raw)


def parse_json(path: Path, raw: bytes) -> tuple[Any, str]:
    """Parse ``raw``, the content of ``path``; returns the value and its text.

    Raises:
        ProjectError: It is no JSON, with the line.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProjectError(path, line=line, expected="UTF-8 text", given=f"the byte 0x{raw[error.start]:02x}") from None
    try:
        return json.loads(text, parse_constant=_refuse_constant), text
    except json.JSONDecodeError as error:
        given = repr(_shorten(text[error.pos :].split("\n", 1)[0] or "end of file"))
        expected = f"JSON ({error.msg[:1].lower()}{error.msg[1:]})"
        raise ProjectError(path, line=error.lineno, expected=expected, given=given) from None
    except _Constant as error:
        line = _line_of(text, max(0, text.find(error.name)))
        raise ProjectError(path, line=line, expected="a finite number", given=error.name) from None
    except (RecursionError, ValueError) as error:  # ValueError: integers with more digits than Python reads
        raise ProjectError(path, expected="JSON of sane depth and number size", given=_shorten(str(error))) from None


class _Constant(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


def _refuse_constant(name: str) -> NoReturn:
    raise _Constant(name)


def validate(
    model: type[M],
    data: Any,
    *,
    file: Path,
    text: str | None = None,
    context: Mapping[str, Any] | None = None,
    strip: tuple[str | int, ...] = (),
) -> M:
    """``data`` as ``model``.

    Args:
        model: What it should be.
        data: Parsed JSON.
        file: For the error.
        text: The file's text, to find the line.
        context: Passed to the validators; ``{"warnings": []}`` collects warnings.
        strip: Beginning of key paths that is not in the file itself.

    Raises:
        ProjectError: The first key that breaks the schema, with its line when ``text`` is given.
    """
    try:
        return model.model_validate(data, context=dict(context or {}))
    except ValidationError as error:
        raise project_error(file, data, text, error.errors(include_url=False)[0], strip) from None
    except RecursionError:
        raise ProjectError(file, expected="JSON of sane depth", given="too many nested values") from None


def project_error(
    file: Path, data: Any, text: str | None, detail: ErrorDetails, strip: tuple[str | int, ...] = ()
) -> ProjectError:
    """One pydantic error as a ProjectError in plain words."""
    path = _real_path(data, detail["loc"])
    if strip and path[: len(strip)] == strip:
        path = path[len(strip) :]
    value = detail["input"]
    if detail["type"].startswith("union_tag"):  # the discriminator is the culprit
        path = (*path, "type")
        value = value.get("type") if isinstance(value, dict) else value
    line = None if text is None else line_of_key(text, path)
    if detail["type"] == "missing" or (detail["type"] == "union_tag_not_found" and value is None):
        given = "nothing"
        expected = "this key"
    else:
        expected = _expected(detail)
        given = describe(value)
    return ProjectError(file, key=dotted(path) or None, line=line, expected=expected, given=given)


def dotted(path: Sequence[str | int]) -> str:
    """``("timeline", "segments", 2, "end")`` as ``timeline.segments[2].end``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def describe(value: Any, limit: int = 60) -> str:
    """A JSON value as people read it, shortened."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    if isinstance(value, list | dict) and len(text) > limit:
        noun = "list" if isinstance(value, list) else "object"
        return f"a {noun} with {len(value)} entries"
    return _shorten(text, limit)


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


_EXPECTED = {
    "string_type": "a text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "finite_number": "a finite number",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "recursion_loop": "JSON of sane depth",
    "too_short": "at least one entry",
}


def _expected(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx") or {}
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in {"enum", "literal_error"} and "expected" in context:
        return f"{context['expected']}"
    if kind == "union_tag_invalid":
        return f"one of {context.get('expected_tags')}"
    if kind == "union_tag_not_found":
        return "an object"
    if kind == "value_error":
        return str(context.get("error", detail["msg"]))
    for name, words in (("gt", "greater than"), ("ge", "at least"), ("lt", "less than"), ("le", "at most")):
        if name in context:
            return f"a number {words} {context[name]}"
    return _shorten(detail["msg"], 200)


def _real_path(data: Any, loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """``loc`` without the parts that pydantic invents (union branches); the last part may be a missing key."""
    path: list[str | int] = []
    here = data
    for position, part in enumerate(loc):
        last = position == len(loc) - 1
        if isinstance(here, dict) and isinstance(part, str) and (part in here or last):
            if part not in here and part.endswith("]"):  # "function-wrap[...]" and the like
                continue
            path.append(part)
            here = here.get(part)
        elif isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here):
            path.append(part)
            here = here[part]
    return tuple(path)


def line_of_key(text: str, path: Sequence[str | int]) -> int | None:
    """1-based line on which the value at ``path`` begins, or of its parent where the key is missing."""
    decoder = json.JSONDecoder(parse_constant=lambda name: None)
    position = _skip(text, text.find("\ufeff") + 1 if text.startswith("\ufeff") else 0)
    try:
        for part in path:
            found = _child(decoder, text, position, part)
            if found is None:
                break
            position = found
    except (ValueError, IndexError, RecursionError):
        return None
    return _line_of(text, position)


def _child(decoder: json.JSONDecoder, text: str, position: int, part: str | int) -> int | None:
    """Position of the child ``part`` of the object or list that begins at ``position``."""
    opening = text[position]
    if opening not in "{[":
        return None
    found: int | None = None
    index = 0
    position = _skip(text, position + 1)
    while text[position] not in "}]":
        key: str | int = index
        if opening == "{":
            key, position = decoder.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        if key == part:
            found = position  # the last one of a repeated key is the one that counts
            if opening == "[":
                return found
        _, position = decoder.raw_decode(text, position)
        position = _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
        index += 1
    return found


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
