"""A drawing: the picture itself."""

from __future__ import annotations

from edgewise.report.notebook.markup import picture
from edgewise.report.pictures import Drawing

WIDTH = 720


def drawing_html(drawing: Drawing) -> str:
    """What `draw_circuit` returns, in its own width."""
    return picture(str(drawing), "circuit", WIDTH)
