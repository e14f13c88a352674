"""The page around the content: one file with its style and script inside, and a policy that forbids all network."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING

from reelpress.export.page.html import Markup, el, text

if TYPE_CHECKING:
    from collections.abc import Sequence


@functools.cache
def _data(name: str) -> str:
    return resources.files("reelpress.export.page").joinpath(name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    return base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def page(title: str, header: Markup, sections: Sequence[tuple[str, str, Markup]], footer: Markup) -> str:
    """A whole HTML document.

    Args:
        title: Of the document; escaped.
        header: Above everything.
        sections: Id, short name for the menu, and content of each.
        footer: Below everything.
    """
    style, script = _data("page.css"), _data("page.js")
    # Only this very style and script, and pictures that are inside of the page: nothing can be fetched, even if some
    # text of a recording should ever get here without being escaped.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{_hash(style)}'; script-src 'sha256-{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    menu = el("nav", [el("a", name, href=f"#{id_}") for id_, name, _ in sections], aria_label="Sections")
    fields = {
        "policy": policy,
        "title": text(title),
        "style": style,
        "header": header + menu,
        "body": "\n".join(content for _, _, content in sections),
        "footer": footer,
        "script": script,
    }
    # in one pass: what is put in is not looked at again
    return re.sub(r"\{\{(\w+)\}\}", lambda match: fields[match[1]], _data("template.html"))
