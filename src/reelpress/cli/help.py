"""Commands whose help shows a placeholder only where one is to be filled in: no ``<bool>`` behind a switch."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


def _plain(params: list[Any]) -> list[Any]:
    for param in params:
        if isinstance(param, TyperOption) and param.is_flag and param.metavar is None:
            param.metavar = ""
        elif isinstance(param, TyperArgument):
            # A metavar names an argument; typer shows its Python type besides ("<list[Path]>").
            param.display_type_rich = _no_type  # type: ignore[method-assign]
    return params


def _no_type(ctx: Any) -> None:
    return None


def _usage(pieces: list[str]) -> list[str]:
    """``SOURCE...`` as everybody writes it, not ``{SOURCE}...``."""
    return [piece.replace("{", "").replace("}", "") for piece in pieces]


class PlainCommand(TyperCommand):
    """One command."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        return _usage(super().collect_usage_pieces(ctx))


class PlainGroup(TyperGroup):
    """The program itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _plain(super().get_params(ctx))
