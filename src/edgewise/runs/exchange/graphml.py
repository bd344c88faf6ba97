"""GraphML of the circuit, as `edgewise.graph.views.to_networkx` has it: for Gephi, Cytoscape, igraph and yEd.

Edges lead from a node to the place where a head reads, ``a3.h7<q>``; links of kind ``reads`` lead on to the head. Only
nodes of the circuit are in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import ParseError

from edgewise.errors import FormatError, in_words
from edgewise.graph import Graph
from edgewise.graph.views import to_networkx
from edgewise.runs.exchange.format import Exchanged, Format, text_of
from edgewise.runs.exchange.rows import Placed, from_rows


def write(result: Exchanged) -> bytes:
    """The file."""
    drawn = to_networkx(result.whole_circuit(), result.edge_scores("GraphML"))
    return ("\n".join(_networkx().generate_graphml(drawn)) + "\n").encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The circuit in a file, and the scores of its edges."""
    library = _networkx()
    try:
        drawn = library.parse_graphml(text_of(content))
    except FormatError:
        raise
    # Of a file that is none it raises these, and those of what it looks up and converts.
    except (ParseError, library.NetworkXError, KeyError, ValueError, TypeError, AttributeError, StopIteration) as error:
        raise FormatError(f"not GraphML ({in_words(error, 120)}); write it again") from None
    found = from_rows(_rows(drawn), graph)
    return Exchanged(graph, found.whole_circuit(), found.scores)


def _rows(drawn: Any) -> Iterator[Placed]:
    for source, destination, known in drawn.edges(data=True):
        if known.get("kind", "edge") == "edge":
            ends = {"source": source, "destination": destination, "in_circuit": True}
            yield f"edge '{source}' to '{destination}'", known | ends


def _networkx() -> Any:
    try:
        import networkx
    except ImportError as error:
        raise FormatError("GraphML needs networkx; install it with: pip install 'edgewise[networkx]'") from error
    return networkx


FORMAT = Format(
    "the circuit, for graph programs",
    ".graphml",
    "circuit, scores of its edges",
    "ours",
    "all of the edges outside the circuit; spreads and estimates; scores of nodes are refused",
    write,
    read,
)
