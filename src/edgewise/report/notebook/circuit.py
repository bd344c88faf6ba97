"""A circuit: its size, and a small picture."""

from __future__ import annotations

from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.report.notebook.markup import heading, lines, picture
from edgewise.report.pictures import draw_circuit
from edgewise.report.text import circuit_line

# A small picture of more edges shows none of them.
DRAWN = 100


def circuit_html(circuit: Circuit) -> str:
    """How many edges and nodes it keeps, and the picture where it keeps any."""
    return heading(circuit_line(circuit)) + small_picture(circuit)


def small_picture(circuit: Circuit, scores: EdgeScores | NodeScores | None = None, metric: str = "") -> str:
    """The picture of a circuit's strongest edges; nothing of an empty one, and words where no edge is known for strong.

    Args:
        circuit: the edges kept.
        scores: of its graph, which colour the edges.
        metric: their unit.
    """
    if not len(circuit):
        return ""
    if scores is None and len(circuit) > DRAWN:
        return lines(["for a picture of the strongest edges: draw_circuit(circuit, scores, top=100)"])
    drawn = draw_circuit(circuit, scores, top=DRAWN, metric=metric)
    left_out = len(circuit) - DRAWN
    note = lines([f"the picture leaves out {left_out:,} edges"] if left_out > 0 else [])
    return picture(drawn, circuit_line(circuit)) + note
