"""A scene as SVG text, the same bytes for the same scene.

Colours stand as attributes, for programs without style sheets, and as classes (``f-`` fill, ``s-`` stroke),
by which a page can show them in its own light or dark, and a file of its own is dark where the reader's screen is.
"""

from __future__ import annotations

import re
from html import escape

from edgewise.report.picture.palette import DARK, LIGHT, colour
from edgewise.report.picture.scene import Scene, Shape, Text
from edgewise.visible import visible

FONTS = "Helvetica, Arial, 'DejaVu Sans', sans-serif"
XML = '<?xml version="1.0" encoding="utf-8"?>\n'


def svg(scene: Scene, *, standalone: bool = True) -> str:
    """Return a scene as one `<svg>` element.

    Args:
        scene: what to paint.
        standalone: as a file of its own, with the XML declaration; False for a part of a page.
    """
    size = f'width="{_number(scene.width)}" height="{_number(scene.height)}"'
    view = f'viewBox="0 0 {_number(scene.width)} {_number(scene.height)}"'
    label = f'role="img" aria-label="{_text(scene.title)}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} {label} font-family="{FONTS}">\n'
        f"<title>{_text(scene.title)}</title>\n"
    )
    body = "\n".join(_shape(item) if isinstance(item, Shape) else _words(item) for item in scene.items)
    return f"{XML}{head}{dark_style(body)}{body}\n</svg>\n" if standalone else f"{head}{body}\n</svg>\n"


def dark_style(body: str) -> str:
    """Return the `<style>` of a file of its own: the classes in its text, dark on dark screens; paper stays white."""
    there = {name for classes in re.findall(r' class="([^"]*)"', body) for name in classes.split()}
    rules = "".join(rule for name, rule in dark_rules().items() if name in there)
    return f"<style>@media screen and (prefers-color-scheme:dark){{{rules}}}</style>\n"


def dark_rules(within: str = "") -> dict[str, str]:
    """Return class -> its rule of CSS on a dark screen.

    Args:
        within: selector of what holds the pictures, with a space behind it.
    """
    return {
        f"{letter}-{name}": f"{within}.{letter}-{name}{{{attribute}:{value}}}"
        for name, value in DARK.items()
        for letter, attribute in (("f", "fill"), ("s", "stroke"))
    }


def _shape(shape: Shape) -> str:
    path = " ".join(letter + " ".join(map(_number, numbers)) for letter, numbers in shape.commands)
    classes = [shape.role] if shape.role else []
    paint = []
    for letter, attribute, name in (("f", "fill", shape.fill), ("s", "stroke", shape.stroke)):
        if name in LIGHT:
            classes.append(f"{letter}-{name}")
        if name or attribute == "fill":
            paint.append(f'{attribute}="{colour(name) or "none"}"')
    if shape.stroke:
        paint.append(f'stroke-width="{_number(shape.width)}"')
    if shape.dash:
        paint.append(f'stroke-dasharray="{" ".join(map(_number, shape.dash))}"')
    if shape.opacity < 1:
        paint.append(f'opacity="{_number(shape.opacity)}"')
    named = f' class="{" ".join(classes)}"' if classes else ""
    title = f"<title>{_text(shape.title)}</title>" if shape.title else ""
    start = f'<path{named} d="{path}" {" ".join(paint)}'
    return f"{start}>{title}</path>" if title else f"{start}/>"


def _words(text: Text) -> str:
    at = f'x="{_number(text.x)}" y="{_number(text.y)}"'
    extra = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
    extra += ' font-weight="bold"' if text.bold else ""
    extra += f' transform="rotate(-90 {_number(text.x)} {_number(text.y)})"' if text.turned else ""
    named = f' class="f-{text.colour}"' if text.colour in LIGHT else ""
    size = f'font-size="{_number(text.size)}" fill="{colour(text.colour)}"'
    return f"<text{named} {at} {size}{extra}>{_text(text.text)}</text>"


def _number(value: float) -> str:
    """Two digits after the point at most: a hundredth of a pixel is not seen."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text(text: str) -> str:
    return escape(visible(text))
