"""EAP-IG's graph JSON; see `edgewise.graph.eapig`."""

from __future__ import annotations

import json

from edgewise.errors import FormatError
from edgewise.graph import Graph, eapig
from edgewise.json_text import parse_json
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.store.files import by_level

LOST = "spreads, what is exact; heads that share a key and value get one each, which share the score"


def write(result: Exchanged) -> bytes:
    """The file."""
    return (json.dumps(eapig.to_json_dict(result.whole_circuit(), *by_level(result.scores))) + "\n").encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The circuit and the scores in a file."""
    try:
        found = parse_json(content)
    except ValueError as error:
        raise FormatError(f"not JSON ({error}); write it again") from None
    circuit, scores = eapig.from_json_dict(found, graph.spec)
    first = found["nodes"].get("input")
    of_nodes = scores is None and isinstance(first, dict) and "score" in first
    return Exchanged(graph, circuit, eapig.node_scores_from_json_dict(found, graph.spec) if of_nodes else scores)


FORMAT = Format("EAP-IG's graph as JSON", ".json", "scores, circuit", "minus ours", LOST, write, read)
