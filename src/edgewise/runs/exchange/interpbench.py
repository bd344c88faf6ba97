"""InterpBench's ``edges.pkl``: the circuit of one of its models, pairs of TransformerLens's hooks; see
`edgewise.graph.hook_edges`. The pickle is read as plain values alone.
"""

from __future__ import annotations

from edgewise.errors import FormatError, ModelError
from edgewise.graph import Graph
from edgewise.graph.hook_edges import circuit_of_hooks
from edgewise.models.lens.pickled import plain_value
from edgewise.runs.exchange.format import Exchanged, Format


def read(content: bytes, graph: Graph) -> Exchanged:
    """The circuit in a file."""
    try:
        pairs = plain_value(content, "the file")
    except ModelError as error:
        raise FormatError(str(error)) from None
    return Exchanged(graph, circuit_of_hooks(pairs, graph), None)


FORMAT = Format("InterpBench's circuit, edges.pkl", ".pkl", "circuit", "-", "-", None, read)
