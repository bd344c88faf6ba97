"""The files that show a run on paper: pictures of its circuit and of its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from edgewise.errors import UnknownNameError, did_you_mean
from edgewise.graph import Circuit, EdgeScores, NodeScores
from edgewise.notebook import ShownInNotebook
from edgewise.report.files import Picture, picture_png, picture_svg
from edgewise.report.picture.choice import choose
from edgewise.report.picture.circuit import Heading, circuit_scene
from edgewise.report.picture.svg import svg
from edgewise.report.scenes import run_circuit, run_places, run_scores, run_unrolled
from edgewise.runs.store.folder import Run

Format: TypeAlias = Literal["svg", "png", "png-dark"]
FORMATS: tuple[Format, ...] = get_args(Format)
BY_DEFAULT: tuple[Format, ...] = ("svg", "png")


class Drawing(ShownInNotebook, str):
    """A picture as SVG text, which a notebook shows as the picture."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Show how long the text is."""
        return f"Drawing({len(self):,} characters of SVG)"


def picture_files(run: Run, top: int | None = None, formats: Sequence[Format] = BY_DEFAULT) -> dict[str, bytes]:
    """Return the pictures of a run, file name -> content; the same run gives the same bytes.

    Args:
        run: a finished run.
        top: draw so many edges of the circuit, the strongest; at most 300 by default.
        formats: of the pictures; SVG is light or dark as the reader's screen.

    Raises:
        SelectionError: `top` below one.
        UnknownNameError: an unknown format.
    """
    pictures: dict[str, Picture] = {"circuit": run_circuit(run, top), "scores": run_scores(run)}
    if run.circuit.graph.places:
        pictures |= {"unrolled": run_unrolled(run, top), "places": run_places(run)}
    return files_of(pictures, formats)


def files_of(pictures: Mapping[str, Picture], formats: Sequence[Format]) -> dict[str, bytes]:
    """Return the files of some pictures.

    Args:
        pictures: by name, without a suffix.
        formats: of all of them.

    Raises:
        UnknownNameError: an unknown format.
    """
    for given in formats:
        if given not in FORMATS:
            near = did_you_mean(given, FORMATS) or ";"
            raise UnknownNameError(f"unknown format '{given}'{near} use one of {', '.join(FORMATS)}")
    files: dict[str, bytes] = {}
    for name, picture in pictures.items():
        if "svg" in formats:
            files[f"{name}.svg"] = picture_svg(picture).encode()
        if "png" in formats:
            files[f"{name}.png"] = picture_png(picture)
        if "png-dark" in formats:
            files[f"{name}-dark.png"] = picture_png(picture, dark=True)
    return files


def draw_circuit(
    circuit: Circuit,
    scores: EdgeScores | NodeScores | None = None,
    *,
    top: int | None = None,
    title: str = "Circuit",
    metric: str = "",
) -> Drawing:
    """Return a picture of a circuit as SVG text, `input` at the bottom, `logits` on top.

    Args:
        circuit: the edges kept.
        scores: of the circuit's graph, in units of the metric. Scores of edges give lines their width and
            colour, scores of nodes colour the nodes.
        top: number of edges at most, the strongest; 300 by default.
        title: what stands above it.
        metric: its name, for the legend.

    Raises:
        SelectionError: scores of another graph, or `top` below one.
    """
    drawn = choose(circuit, scores, top)
    kept = f"{circuit.n_edges:,} of {circuit.graph.n_edges:,} edges"
    return Drawing(svg(circuit_scene(drawn, Heading(title, (kept,), metric))))
