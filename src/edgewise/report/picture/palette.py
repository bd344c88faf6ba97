"""Colours by what they mean, for light paper and for dark screens.

Blue and red stay apart for all common kinds of colour blindness, and their lightness differs from the grey of
what has no sign. The classes of heads are the "light" scheme of Paul Tol's notes on colour schemes, which was
made for cells with dark text; lines have colours after his "muted" scheme, a dash and a mark each, three times as
light or dark as their paper at least.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from edgewise.graph.views import HARMS, HELPS

LIGHT: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#ffffff",
        "band": "#f6f7f8",
        "ink": "#1b1f23",
        "quiet": "#667078",
        "faint": "#c3cad0",
        "rule": "#dfe3e7",
        "node": "#eceff1",
        "mlp": "#dfe4e8",
        "outline": "#5d6870",
        "helps": HELPS,
        "harms": HARMS,
        "plain": "#7d868e",
        "kept": "#0b7285",
        "other": "#c9d0d6",
        "line-1": "#cc3311",
        "line-2": "#332288",
        "line-3": "#117733",
        "line-4": "#aa4499",
        "line-5": "#997700",
        "line-6": "#0077bb",
        "line-7": "#882255",
        "line-8": "#2f8f80",
        "line-9": "#666666",
        "line-10": "#d9601a",
        "line-11": "#111111",
        "line-12": "#2a9fc9",
    }
)
DARK: Mapping[str, str] = MappingProxyType(
    {
        "paper": "#15181b",
        "band": "#1b1f23",
        "ink": "#e6e9ec",
        "quiet": "#9aa5ae",
        "faint": "#4d575f",
        "rule": "#31383e",
        "node": "#2b3238",
        "mlp": "#39424a",
        "outline": "#9aa5ae",
        "helps": "#6cb2ee",
        "harms": "#f28b7d",
        "plain": "#8b959d",
        "kept": "#3bb8cc",
        "other": "#59646d",
        "line-1": "#ff7f66",
        "line-2": "#9d8cf0",
        "line-3": "#4cc27a",
        "line-4": "#e080d0",
        "line-5": "#d6b240",
        "line-6": "#4db1f0",
        "line-7": "#e07aa8",
        "line-8": "#5fd3bf",
        "line-9": "#a6a6a6",
        "line-10": "#ffa766",
        "line-11": "#f5f5f5",
        "line-12": "#a5e3f7",
    }
)
CLASSES = ("#77aadd", "#99ddff", "#ffaabb", "#eedd88", "#44bb99", "#bbcc33", "#ee8866", "#dddddd")
N_LINES = 12
DASHES: tuple[tuple[float, ...], ...] = ((), (7, 3), (2, 2), (9, 3, 2, 3), (4, 2))
MARKS = ("o", "s", "D", "^")
ON_TINT = "#1b1f23"
"""Text on a class colour, which is the same on light and dark."""


def colour(name: str, colours: Mapping[str, str] = LIGHT) -> str:
    """Return ``#rrggbb`` of a colour, on light paper by default."""
    return colours.get(name, name)


def class_colours(classes: tuple[str, ...]) -> dict[str, str]:
    """Return a colour for each class of nodes, in their order; colours repeat after eight."""
    return {name: CLASSES[index % len(CLASSES)] for index, name in enumerate(classes)}


def line_style(place: int) -> tuple[str, tuple[float, ...], str]:
    """Return colour, dash and mark of the line in this place of a list; no two of the first twelve have one colour."""
    return f"line-{place % N_LINES + 1}", DASHES[place % len(DASHES)], MARKS[place % len(MARKS)]


def sign_colour(score: float | None, distance: bool) -> str:
    """Return the name of a score's colour: an edge helps whose patch lowers the metric, or raises a distance."""
    return "plain" if not score else "helps" if (score < 0) != distance else "harms"


def score_tint(share: float) -> str:
    """Return the colour of a node's score: `share` is it over the largest |score|, -1 to 1, below 0 where it helps."""
    share = max(-1.0, min(1.0, share))
    end = LIGHT["helps"] if share < 0 else LIGHT["harms"]
    mixed = (round(245 + (int(end[at : at + 2], 16) - 245) * abs(share)) for at in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def on_tint(tint: str) -> str:
    """Return the colour of text that can be read on a tint."""
    red, green, blue = (int(tint[at : at + 2], 16) for at in (1, 3, 5))
    return ON_TINT if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"
