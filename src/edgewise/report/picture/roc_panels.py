"""Several ROC panels side by side, one a task, with one key below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edgewise.report.picture.axes import Linear
from edgewise.report.picture.circuit import Heading, heading_items
from edgewise.report.picture.roc import Drawn, key_items, roc_panel
from edgewise.report.picture.scene import Scene, Shape, Text, box, text_width

_SIDE, _BETWEEN, _BELOW, _SQUARE, _MOST = 76.0, 70.0, 58.0, 256.0, 3
_Items: TypeAlias = "list[Shape | Text]"


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        title: what stands above it.
        drawn: its methods; all panels have the same.
    """

    title: str
    drawn: Sequence[Drawn]


def panels_scene(panels: Sequence[Panel], heading: Heading, what: str) -> Scene:
    """Return the picture: panels in rows of three, and the key; areas stand in each panel.

    Args:
        panels: one at least.
        heading: what stands above.
        what: ``"edge"`` or ``"node"``.
    """
    across = min(len(panels), _MOST)
    width = max(2 * _SIDE + across * _SQUARE + (across - 1) * _BETWEEN - 40, 640.0)
    head, at = heading_items(heading, width)
    items: _Items = [*head]
    top = at + 24
    for index, panel in enumerate(panels):
        row, column = divmod(index, _MOST)
        left, upper = _SIDE + column * (_SQUARE + _BETWEEN), top + row * (_SQUARE + 84)
        x = Linear(0, 1, left, left + _SQUARE, f"share of the other {what}s kept (FPR)")
        y = Linear(0, 1, upper + _SQUARE, upper, f"share of true {what}s kept (TPR)")
        items += roc_panel(panel.drawn, x, y, panel.title)
        items += _areas(panel.drawn, x, y)
    bottom = top + (len(panels) - 1) // _MOST * (_SQUARE + 84) + _SQUARE + _BELOW
    key, below = key_items(panels[0].drawn, bottom, (_SIDE, _SIDE + width / 2 - 20))
    height = below + 14
    return Scene(width, height, heading.title, (Shape(box(0, 0, width, height), fill="paper"), *items, *key))


def _areas(drawn: Sequence[Drawn], x: Linear, y: Linear) -> _Items:
    """The areas, in the empty corner below the diagonal."""
    words = [f"{one.label}: {one.roc.auc:.2f}" for one in drawn]
    wide = max(text_width(text, 10) for text in ["AUC", *words])
    tall = 14.0 * (len(words) + 1) + 6
    right, low = x.end - 8, y.begin - 8
    items: _Items = [Shape(box(right - wide - 10, low - tall, wide + 10, tall, 3), fill="paper", opacity=0.9)]
    for line, text in enumerate(["AUC", *words]):
        items.append(Text(right - 5, low - tall + 14 * (line + 1), text, 10, "end", "quiet" if line == 0 else "ink"))
    return items
