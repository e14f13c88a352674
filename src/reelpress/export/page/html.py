"""HTML that is escaped by construction: text is text unless it came out of ``el``."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Union

Child = Union["Markup", str, int, float, None, Iterable["Child"]]

VOID = frozenset({"br", "hr", "img", "input", "meta"})


class Markup(str):
    """Text that is HTML already. Only ``el``, ``join`` and the templates of this package make any."""

    __slots__ = ()


def text(child: Child) -> Markup:
    """``child`` as HTML: markup as it is, everything else escaped, lists one after the other, ``None`` as nothing."""
    if child is None:
        return Markup()
    if isinstance(child, Markup):
        return child
    if isinstance(child, str):
        # characters that no page may hold (and lone surrogates of a file name that is no UTF-8)
        clean = child.encode("utf-8", "backslashreplace").decode().translate(_CONTROLS)
        return Markup(html.escape(clean, quote=True))
    if isinstance(child, int | float):
        return Markup(child)
    return join(child)


_CONTROLS = {code: "�" for code in range(32) if chr(code) not in "\t\n\r"}


def join(children: Iterable[Child]) -> Markup:
    """All of them, one after the other."""
    return Markup("".join(text(child) for child in children))


def el(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element.

    Args:
        tag: Its name; never from outside.
        children: See ``text``.
        attributes: ``class_`` and ``for_`` lose their underscore, others become dashes (``aria_label``). ``None`` and
            ``False`` leave the attribute out, ``True`` gives it no value.
    """
    parts = [tag]
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(name)
        else:
            shown = f"{value:.6g}" if isinstance(value, float) else str(value)
            parts.append(f'{name}="{text(shown)}"')
    opened = f"<{' '.join(parts)}>"
    return Markup(opened if tag in VOID else f"{opened}{join(children)}</{tag}>")
