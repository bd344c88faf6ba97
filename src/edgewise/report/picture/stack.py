"""Several pictures as one, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from edgewise.report.picture.scene import Scene, Shape, Text, box, moved

_BETWEEN = 12.0


def stacked(scenes: Sequence[Scene], title: str) -> Scene:
    """Return one scene with all of these, the first on top, each in the middle.

    Args:
        scenes: one at least.
        title: what all of it shows.
    """
    width = max(scene.width for scene in scenes)
    height = sum(scene.height for scene in scenes) + _BETWEEN * (len(scenes) - 1)
    items: list[Shape | Text] = [Shape(box(0, 0, width, height), fill="paper")]
    top = 0.0
    for scene in scenes:
        items += moved(scene.items, (width - scene.width) / 2, top)
        top += scene.height + _BETWEEN
    return Scene(width, height, title, tuple(items))
