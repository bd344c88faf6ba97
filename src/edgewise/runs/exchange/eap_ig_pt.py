"""EAP-IG's graph as tensors; see `edgewise.graph.eapig`."""

from __future__ import annotations

from edgewise.graph import Graph, eapig
from edgewise.runs.exchange.eap_ig_json import LOST
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.store.files import by_level
from edgewise.runs.store.torch_bytes import torch_bytes, torch_content


def write(result: Exchanged) -> bytes:
    """The file."""
    return torch_bytes(eapig.to_pt_dict(result.whole_circuit(), *by_level(result.scores)))


def read(content: bytes, graph: Graph) -> Exchanged:
    """The circuit and the scores in a file."""
    found = torch_content(content)
    circuit, scores = eapig.from_pt_dict(found, graph.spec)
    return Exchanged(graph, circuit, eapig.node_scores_from_pt_dict(found, graph.spec) if scores is None else scores)


FORMAT = Format("EAP-IG's graph as tensors", ".pt", "scores, circuit", "minus ours", LOST, write, read)
