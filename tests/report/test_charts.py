"""What holds of every chart: nothing cut or on top of another, light and dark, the same bytes."""

from __future__ import annotations

import itertools
import re
import struct
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import edgewise
from edgewise.report.charts.chart import figure
from edgewise.report.charts.painted import chart_png, chart_svg
from edgewise.report.charts.ticks import power_words
from edgewise.report.files import picture_files
from edgewise.report.picture.circuit import Heading
from edgewise.report.picture.palette import DARK, LIGHT, N_LINES, line_style
from edgewise.runs.contest.entrants import ROWS
from report.charts import CHARTS, laid_out, texts

pytestmark = pytest.mark.slow

EVERY = pytest.mark.parametrize("name", CHARTS)


@EVERY
def test_no_text_is_cut_or_lies_over_another(name: str) -> None:
    made = laid_out(CHARTS[name]())
    renderer = FigureCanvasAgg(made).get_renderer()
    whole = made.bbox
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in texts(made)]
    assert len(boxes) > 10
    for words, box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1, f"{words!r} is cut"  # noqa: PT018
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
        # Columns of equal cost have names that stand upright side by side, as close as letters are tall.
        assert apart, f"{one!r} lies over {other!r}"


@cache
def files_of(name: str) -> dict[str, bytes]:
    return picture_files("one", CHARTS[name]())


@EVERY
def test_files_are_as_large_as_they_say(name: str) -> None:
    chart, files = CHARTS[name](), files_of(name)
    assert list(files) == ["one.svg", "one.png", "one-dark.png"]
    for png in (files["one.png"], files["one-dark.png"]):
        assert png[:8] == b"\x89PNG\r\n\x1a\n"
        assert struct.unpack(">II", png[16:24]) == pytest.approx([2 * side for side in chart.size], abs=1)
    assert files["one.png"] != files["one-dark.png"]
    root = ET.fromstring(files["one.svg"].decode())
    assert [float(root.attrib[side]) for side in ("width", "height")] == pytest.approx(chart.size, rel=1e-4)


@pytest.mark.parametrize("name", ["scatter", "heat"])
def test_the_same_chart_has_the_same_bytes(name: str) -> None:
    assert picture_files("one", CHARTS[name]()) == files_of(name)
    other = CHARTS[name]()  # painted in the other order
    assert chart_png(other) == files_of(name)["one.png"]
    assert chart_svg(other).encode() == files_of(name)["one.svg"]


@EVERY
def test_svg_is_text_in_colours_of_the_palette_and_keeps_to_itself(name: str) -> None:
    chart = CHARTS[name]()
    text = files_of(name)["one.svg"].decode()
    assert "<tspan" not in text
    words = {"".join(item.itertext()) for item in ET.fromstring(text).iter() if item.tag.endswith("}text")}
    assert {part.heading.title for part in chart.parts} <= words
    # every colour is one of the palette's, with the class by which it turns dark
    for element in re.findall(r"<[a-z]+ [^>]*>", text):
        for kind, value in re.findall(r'(fill|stroke)="(#\w+)"', element):
            (role,) = [role for role, light in LIGHT.items() if light == value]
            assert re.search(rf'class="[^"]*\b{kind[0]}-{role}\b', element)
            assert f".{kind[0]}-{role}{{{kind}:{DARK[role]}}}" in text
        assert not re.search(r"(fill|stroke): ?#", element)
    # it brings no date, no links, no names that a second chart would bring too, and rules for dark screens alone
    for brought in ("<!DOCTYPE", "<metadata", "<a ", "<g id="):
        assert brought not in text
    assert text.count("<style") == 1


def test_as_a_part_of_a_page_it_brings_no_rules() -> None:
    inside = chart_svg(CHARTS["heat"](), standalone=False)
    assert inside.startswith("<svg ")
    assert "<style" not in inside


def test_what_a_pointer_is_told_is_a_title() -> None:
    root = ET.fromstring(files_of("league")["one.svg"].decode())
    titles = {item.text for item in root.iter() if item.tag.endswith("title")}
    assert "method-0: mean 0.350, from 0.200 to 0.500" in titles


def test_settings_of_the_users_matplotlib_change_nothing() -> None:
    chart = CHARTS["heat"]()
    before = files_of("heat")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "axes.grid": False}):
        assert picture_files("one", chart) == before
        assert mpl.rcParams["font.size"] == 30


def test_no_module_loads_matplotlib_when_it_is_imported() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in Path(edgewise.__file__).parent.rglob("*.py")}
    assert [path for path, text in sources.items() if re.search("^(import|from) matplotlib", text, re.MULTILINE)] == []
    # within functions, and for types alone
    assert sum(bool(re.search("^ +(import|from) matplotlib", text, re.MULTILINE)) for text in sources.values()) > 5


def test_words_from_outside_are_shown_as_they_are() -> None:
    title = "a$b$ <&> \x07 \ud800 _{x}"
    chart = CHARTS["heat"]()
    (part,) = chart.parts
    odd = type(chart)(title, (type(part)(Heading(title, (), "m"), part.size, part.fill),))
    root = ET.fromstring(chart_svg(odd))
    shown = {"".join(item.itertext()) for item in root.iter() if item.tag.endswith("}text")}
    assert "a$b$ <&> \\x07 \\ud800 _{x}" in shown
    assert chart_png(odd)


def test_a_very_long_title_is_shortened() -> None:
    chart = CHARTS["heat"]()
    (part,) = chart.parts
    long = type(chart)("t", (type(part)(Heading("word " * 80, ("line " * 200,), "m"), part.size, part.fill),))
    made = laid_out(long)
    renderer = FigureCanvasAgg(made).get_renderer()
    assert max(text.get_window_extent(renderer).x1 for text in texts(made)) <= made.bbox.x1


def contrast(one: str, other: str) -> float:
    """As the guidelines for accessible web content define it."""

    def light(colour: str) -> float:
        shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    high, low = sorted((light(one), light(other)), reverse=True)
    return high / low


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_and_lines_can_be_seen(colours: dict[str, str]) -> None:
    paper = colours["paper"]
    assert contrast(colours["ink"], paper) > 12
    assert contrast(colours["quiet"], paper) > 4.5
    for name in ("helps", "harms", "plain", "kept", *(f"line-{at}" for at in range(1, N_LINES + 1))):
        assert contrast(colours[name], paper) > 3, name


def test_colours_stand_for_one_role_each() -> None:
    """The SVG's classes are found by colour; black would be left out of it."""
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert set(LIGHT) == set(DARK)
    assert "#000000" not in LIGHT.values()


def test_methods_differ_in_more_than_colour() -> None:
    styles = [line_style(place) for place in range(len(ROWS))]
    assert len({colour for colour, _, _ in styles}) == len(ROWS) <= N_LINES
    assert len({(dash, mark) for _, dash, mark in styles}) == len(ROWS)


def test_figures_are_painted_in_the_colours_asked_for() -> None:
    light, dark = (figure(CHARTS["heat"](), colours).get_facecolor() for colours in (LIGHT, DARK))
    assert light == pytest.approx((1, 1, 1, 1))
    assert dark == pytest.approx((*(int(DARK["paper"][at : at + 2], 16) / 255 for at in (1, 3, 5)), 1))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1e-5, "10⁻⁵"),
        (0.01, "0.01"),
        (0.2, "0.2"),
        (5.0, "5"),
        (1e3, "1,000"),
        (2e4, "20,000"),
        (1e7, "10⁷"),
        (-10, "−10"),
    ],
)
def test_ticks(value: float, words: str) -> None:
    assert power_words(value) == words
