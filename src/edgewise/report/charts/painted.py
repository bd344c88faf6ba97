"""A chart as SVG text and as PNG: the same bytes for the same chart.

matplotlib's SVG is made fit for a page: texts stay texts, colours of the palette stand as attributes and as classes, as
in the drawing of a circuit, nothing in it has a date or styles what is outside, and what a pointer is told, which goes
through matplotlib as the address of a link, becomes a title.
"""

from __future__ import annotations

import io
import re
from html import escape

from edgewise.report.charts.chart import Chart, figure
from edgewise.report.charts.style import DPI, FONT, settings
from edgewise.report.charts.tips import TIP
from edgewise.report.picture.defaults import default_settings
from edgewise.report.picture.palette import DARK, LIGHT
from edgewise.report.picture.png import png_of
from edgewise.report.picture.svg import FONTS, XML, dark_style
from edgewise.visible import visible

_SHARP = 2
_ROLES = {value: name for name, value in LIGHT.items()}
_STYLE = re.compile(r' style="([^"]*)"')
_TIP = re.compile(rf'<a xlink:href="{TIP}([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_LEFT_OUT = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|(?<=<g) id=\"[^\"]*\"", re.DOTALL)
_BLANK = re.compile(r">\s+<")


def chart_svg(chart: Chart, *, standalone: bool = True) -> str:
    """Return a chart as one `<svg>` element.

    Args:
        chart: what to paint.
        standalone: as a file of its own, with the XML declaration, dark where the reader's screen is; False for a part
            of a page, which has rules of its own for that.
    """
    text = _as_svg(chart)
    body = _LEFT_OUT.sub("", text[text.index(">", text.index("<svg")) + 1 :])
    body = _TIP.sub(r"<g><title>\1</title>\2</g>", _STYLE.sub(_classes, body))
    body = _BLANK.sub(">\n<", body).strip()
    width, height = chart.size
    title = escape(visible(chart.title))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="{width:g}"'
        f' height="{height:g}" viewBox="0 0 {width * 72 / DPI:g} {height * 72 / DPI:g}" role="img"'
        f' aria-label="{title}" stroke-linejoin="round" stroke-linecap="butt">\n<title>{title}</title>\n'
    )
    return f"{XML}{head}{dark_style(body)}{body}\n" if standalone else f"{head}{body}\n"


def chart_png(chart: Chart, *, dark: bool = False) -> bytes:
    """Return a chart as PNG, two pixels for each of the chart's.

    Args:
        chart: what to paint.
        dark: for dark screens.
    """
    colours = DARK if dark else LIGHT
    with default_settings(settings(colours)):
        return png_of(figure(chart, colours) if dark else chart.on_light_paper, DPI * _SHARP)


def _as_svg(chart: Chart) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    with default_settings(settings(LIGHT)):
        FigureCanvasSVG(chart.on_light_paper).print_svg(buffer, metadata={"Date": None})
    return buffer.getvalue().decode()


def _classes(style: re.Match[str]) -> str:
    """Colours of the palette as attributes with a class each; the rest stays a style."""
    classes, paint, rest = [], [], []
    for declaration in style[1].split("; "):
        name, _, value = declaration.partition(": ")
        if name in ("fill", "stroke") and value in _ROLES:
            classes.append(f"{name[0]}-{_ROLES[value]}")
            paint.append(f' {name}="{value}"')
        else:
            rest.append(declaration.replace(f"'{FONT}'", FONTS))
    named = f' class="{" ".join(classes)}"' if classes else ""
    styled = f' style="{"; ".join(rest)}"' if rest else ""
    return f"{named}{''.join(paint)}{styled}"
