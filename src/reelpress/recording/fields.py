"""Field types of the JSON models: exact times, strict numbers, colours, enums, values with a stated range.

Strict where a wrong type is a mistake (``"5"`` is no number), lenient where programs differ: ``null`` for a key
that cannot be null is the same as leaving it out, and whole numbers may be written ``5.0``.
A value outside a range that the format states is moved into it, with a warning in ``context["warnings"]``.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    InstanceOf,
    PlainSerializer,
    StrictBool,
    StrictStr,
    model_validator,
)
from pydantic.alias_generators import to_camel

from reelpress.clock import as_fraction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationInfo

MAX_SECONDS = 10_000_000
"""No time of a recording is further out than this (115 days): what is beyond is a broken file."""


def to_number(value: Any) -> float:
    """A finite JSON number as float.

    Raises:
        ValueError: It is something else; the message is the "expected" of the error.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        raise ValueError("a number")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("a finite number") from None
    if not math.isfinite(number):
        raise ValueError("a finite number")
    return number


def to_whole(value: Any) -> int:
    """A JSON number without a fractional part as int.

    Raises:
        ValueError: It is something else.
    """
    number = to_number(value) if not isinstance(value, Fraction) else -0.5
    if number != math.floor(number):
        raise ValueError("a whole number")
    return int(value)


def to_seconds(value: Any) -> Fraction:
    """A JSON number as exact seconds: the decimal that the author of the file wrote.

    Raises:
        ValueError: It is no number, not finite or absurdly large.
    """
    if isinstance(value, Fraction):
        return value
    number = to_number(value)
    if abs(number) > MAX_SECONDS:
        raise ValueError(f"a time in seconds, at most {MAX_SECONDS}")
    return as_fraction(value)


_HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{4}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})")
_COLOR_WORDS = 'a colour: [r, g, b] with numbers 0 to 255, or "#rrggbb"'


def to_color(value: Any, info: ValidationInfo) -> tuple[int, int, int]:
    """A colour as three integers 0..255.

    Raises:
        ValueError: It is no colour.
    """
    if isinstance(value, str):
        if not _HEX.fullmatch(value.strip()):
            raise ValueError(_COLOR_WORDS)
        digits = value.strip()[1:]
        if len(digits) <= 4:
            digits = "".join(digit * 2 for digit in digits)
        if digits[6:].lower() not in {"", "ff"}:
            warn(info, f"the transparency of {value!r} is not used here")
        return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(_COLOR_WORDS)
    parts = []
    for part in value:
        try:
            number = to_number(part)
        except ValueError:
            raise ValueError(_COLOR_WORDS) from None
        if not 0 <= number <= 255:
            raise ValueError(_COLOR_WORDS)
        parts.append(round(number))
    return parts[0], parts[1], parts[2]


def warn(info: ValidationInfo, message: str) -> None:
    """Add a warning to the validation's context, with the key in front (the model's title is its dotted path)."""
    if info.context is not None and "warnings" in info.context:
        section = (info.config or {}).get("title")
        key = to_camel(info.field_name or "")
        info.context["warnings"].append(f"{section}.{key}: {message}" if section else f"{key}: {message}")


def clamped(low: float | None, high: float | None) -> BeforeValidator:
    """Moves a number into [low, high], with a warning."""

    def clamp(value: Any, info: ValidationInfo) -> float:
        number = to_number(value)
        inside = number
        if low is not None and number < low:
            inside = low
        if high is not None and number > high:
            inside = high
        if inside != number:
            limits = f"{low:g} to {high:g}" if low is not None and high is not None else f"at least {low or 0:g}"
            warn(info, f"{number:g} is out of range (allowed is {limits}), {inside:g} is used")
        return inside

    return BeforeValidator(clamp)


def _positive(value: Any) -> float:
    number = to_number(value)
    if number <= 0:
        raise ValueError("a number greater than 0")
    return number


def _seconds_not_negative(value: Any, info: ValidationInfo) -> Fraction:
    seconds = to_seconds(value)
    if seconds < 0:
        warn(info, f"{float(seconds):g} is out of range (allowed is at least 0), 0 is used")
        return Fraction(0)
    return seconds


_as_float = PlainSerializer(float, return_type=float)

Bool = StrictBool
Text = StrictStr
Number = Annotated[float, BeforeValidator(to_number)]
"""Any finite number."""
Positive = Annotated[float, BeforeValidator(_positive)]
"""Greater than 0; anything else is an error."""
NotNegative = Annotated[float, clamped(0, None)]
Percent = Annotated[float, clamped(0, 100)]
Unit = Annotated[float, clamped(0, 1)]
Signed = Annotated[float, clamped(-1, 1)]
Whole = Annotated[int, BeforeValidator(to_whole)]
Seconds = Annotated[InstanceOf[Fraction], BeforeValidator(to_seconds), _as_float]
"""Exact seconds, positive or negative."""
Duration = Annotated[InstanceOf[Fraction], BeforeValidator(_seconds_not_negative), _as_float]
"""Exact seconds, at least 0."""
Color = Annotated[tuple[int, int, int], BeforeValidator(to_color)]
"""sRGB, 0..255."""


class JsonModel(BaseModel):
    """Base of all JSON models: frozen, camelCase or snake_case keys, unknown keys kept, ``null`` means absent."""

    model_config = ConfigDict(
        frozen=True, extra="allow", populate_by_name=True, alias_generator=to_camel, ser_json_inf_nan="null"
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        keep = _nullable(cls)
        return {key: value for key, value in data.items() if value is not None or key in keep or key not in _names(cls)}


def _names(model: type[BaseModel]) -> dict[str, str]:
    """Every spelling of a key of ``model`` -> its field."""
    names: dict[str, str] = {}
    for name, info in model.model_fields.items():
        names[name] = name
        for alias in _aliases(info.alias, info.validation_alias):
            names[alias] = name
    return names


def _aliases(*candidates: Any) -> Iterator[str]:
    for candidate in candidates:
        if isinstance(candidate, str):
            yield candidate
        else:
            yield from (choice for choice in getattr(candidate, "choices", ()) if isinstance(choice, str))


def _nullable(model: type[BaseModel]) -> set[str]:
    """Spellings of the keys whose default is ``None``: for them null is a value of its own."""
    fields = {
        name for name, info in model.model_fields.items() if type(None) in getattr(info.annotation, "__args__", ())
    }
    return {spelling for spelling, name in _names(model).items() if name in fields}


def unknown_keys(model: BaseModel, prefix: str = "") -> Iterator[str]:
    """Dotted paths of keys that no field takes, list positions collapsed to ``[]``; may repeat."""
    for key in model.__pydantic_extra__ or {}:
        yield f"{prefix}{key}"
    for name, info in type(model).model_fields.items():
        spelling = info.serialization_alias or info.alias or name
        yield from _unknown_in(getattr(model, name), f"{prefix}{spelling}")


def _unknown_in(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from unknown_keys(value, f"{path}.")
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _unknown_in(item, f"{path}[]")
    elif isinstance(value, dict):
        for item in value.values():
            yield from _unknown_in(item, f"{path}[]")


def _not_before_start(value: Fraction, info: ValidationInfo) -> Fraction:
    start = info.data.get("start")
    if start is not None and value < start:
        raise ValueError(f"a time not before the start ({float(start):g})")
    return value


EndSeconds = Annotated[InstanceOf[Fraction], BeforeValidator(to_seconds), AfterValidator(_not_before_start), _as_float]
"""Exact seconds, not before the field ``start`` of the same model."""
