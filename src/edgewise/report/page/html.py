"""A page's document, and the files that show it, as one HTML text that needs no other file and no network.

The document stands in a script element that no browser runs, with every sign escaped that could end it. Texts of other
people are made visible first, and the view writes them as text, never as markup.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from edgewise.report.page.values import Page
from edgewise.report.picture.palette import CLASSES, DARK, LIGHT
from edgewise.runs.store.codec import to_json
from edgewise.visible import visible

LIBRARY = "d3.min.js"
# In the order in which they are run: each may use what stands before it.
SCRIPTS = (
    "dom.js",
    "model.js",
    "layout.js",
    "groups.js",
    "graph.js",
    "panel.js",
    "table.js",
    "charts.js",
    "prompts.js",
    "sections.js",
    "app.js",
)
_ASSETS = files("edgewise.report.page") / "assets"
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def html(page: Page) -> str:
    """Return the page; equal documents give equal texts."""
    return filled_page(page.title, to_json(page), SCRIPTS)


def filled_page(title: str, document: Any, scripts: Sequence[str]) -> str:
    """Return a page.

    Args:
        title: of the page.
        document: what it shows, as JSON values.
        scripts: the files that show it, in the order in which they are run.
    """
    parts = {
        "title": escape(visible(title)),
        "style": f"{_colours()}\n{asset('style.css')}",
        "data": embedded(document),
        "library": asset(LIBRARY),
        "scripts": "\n".join(map(asset, scripts)),
    }
    return _filled(asset("page.html"), parts)


def embedded(values: Any) -> str:
    """JSON values as the text of a script element, in ASCII."""
    text = json.dumps(_shown(values), separators=(",", ":"), allow_nan=False)
    for sign, escaped in _ESCAPES.items():
        text = text.replace(sign, escaped)
    return text


@cache
def asset(name: str) -> str:
    """Return the text of one of the files that show a page."""
    return (_ASSETS / name).read_text(encoding="utf-8").strip()


def _filled(template: str, parts: Mapping[str, str]) -> str:
    """The template with ``{{name}}`` replaced; what is put in is not looked at again."""
    first, *pieces = template.split("{{")
    filled = first
    for piece in pieces:
        name, _, rest = piece.partition("}}")
        filled += parts[name] + rest
    return filled + "\n"


def _shown(values: Any) -> Any:
    """The same with all that would move or turn a text as its escape."""
    if isinstance(values, str):
        return visible(values)
    if isinstance(values, Mapping):
        return {visible(name): _shown(value) for name, value in values.items()}
    return [_shown(value) for value in values] if isinstance(values, list) else values


def _colours() -> str:
    """The colours of light and dark as variables, dark also where the screen is dark and nobody chose."""
    light = _variables({**LIGHT, **{f"class-{number}": tint for number, tint in enumerate(CLASSES)}})
    dark = _variables(DARK)
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}"
    )


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())
