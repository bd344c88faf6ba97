"""A scene, or a table of edges by place, as what a page paints of it."""

from __future__ import annotations

from collections.abc import Mapping

from edgewise.report.charts.at_places import AtPlaces
from edgewise.report.page.numbers import rounded
from edgewise.report.page.values import HeatMap, Painted
from edgewise.report.picture.scene import Scene, Shape, Text


def painted(scene: Scene) -> Painted:
    """Return a picture's paths and texts; paths stand below texts, as they do in pictures of circuits."""
    return Painted(
        round(scene.width, 1),
        round(scene.height, 1),
        scene.title,
        tuple(
            (_path(item), item.fill, item.stroke, round(item.width, 2), item.title)
            for item in scene.items
            if isinstance(item, Shape)
        ),
        tuple(
            (round(item.x, 1), round(item.y, 1), item.text, item.size, item.anchor, item.colour, item.bold)
            for item in scene.items
            if isinstance(item, Text)
        ),
    )


def heat_map(shown: AtPlaces, words: Mapping[str, str]) -> HeatMap:
    """Return a table of edges by place, with what stands at each place in an example."""
    rows = zip(shown.names, map(rounded, shown.values), strict=True)
    return HeatMap(shown.places, tuple(words.get(place, "") for place in shown.places), tuple(rows))


def _path(shape: Shape) -> str:
    return " ".join(letter + " ".join(f"{number:.1f}" for number in numbers) for letter, numbers in shape.commands)
