"""A scene as the files that show it."""

from __future__ import annotations

from edgewise.report.picture.png import has_matplotlib, png
from edgewise.report.picture.scene import Scene
from edgewise.report.picture.svg import svg


def scene_files(name: str, scene: Scene) -> dict[str, bytes]:
    """Return the files of a picture, name -> content: SVG, and PNG where matplotlib is installed.

    Args:
        name: of the files, without a suffix.
        scene: what is drawn.
    """
    files = {f"{name}.svg": svg(scene).encode()}
    return files | {f"{name}.png": png(scene)} if has_matplotlib() else files
