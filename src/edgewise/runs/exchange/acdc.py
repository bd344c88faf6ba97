"""ACDC's list of edges, ``[[receiver hook, index, sender hook, index], effect]`` each, as JSON instead of a pickle.

An index is ``[null]`` for a whole hook and ``[null, null, 3]`` for head 3, ``[:, :, 3]`` there. ACDC also counts edges
inside a head (``hook_q_input`` to ``hook_q`` to ``hook_result``); where such stand in a file they are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from edgewise.errors import FormatError, SelectionError
from edgewise.graph import Circuit, Graph, kv_head_view, query_head_graph, query_head_view
from edgewise.json_text import parse_json
from edgewise.runs.exchange.cells import finite
from edgewise.runs.exchange.format import Exchanged, Format
from edgewise.runs.exchange.rows import from_rows

_INSIDE = re.compile(r"blocks\.\d+\.(attn\.hook_[qkvz]|hook_[qkv]_input|hook_mlp_in)$")
_RECEIVER = re.compile(r"blocks\.(\d+)\.hook_(?:([qkv])_input|(mlp_in)|(resid_post))$")
_SENDER = re.compile(r"blocks\.(\d+)\.(?:(attn\.hook_result)|(hook_mlp_out)|(hook_resid_pre))$")


def write(result: Exchanged) -> bytes:
    """The file."""
    scores = result.edge_scores("ACDC's list")
    circuit = query_head_view(result.whole_circuit())
    values = None if scores is None else query_head_view(scores).values
    last = circuit.graph.spec.n_layers - 1
    edges = []
    for name in circuit.edges():
        source, _, destination = name.partition("->")
        at = circuit.graph.edge(name)
        effect = None if values is None or values[at] != values[at] else float(values[at])
        edges.append([[*_receiver(destination, last), *_sender(source)], effect])
    return (json.dumps(edges, allow_nan=False) + "\n").encode()


def read(content: bytes, graph: Graph) -> Exchanged:
    """The circuit in a file, and the effects of its edges as scores."""
    try:
        found = parse_json(content)
    except ValueError as error:
        raise FormatError(f"not JSON ({error}); write it again") from None
    if not isinstance(found, list):
        raise FormatError(f"the file is {type(found).__name__}, expected a list of edges")
    by_query = query_head_graph(graph)
    told = from_rows(_rows(found, graph.spec.n_layers - 1), by_query)
    scores = told.edge_scores("ACDC's list")
    circuit = kv_head_view(told.circuit or Circuit.empty(by_query), graph.spec)
    return Exchanged(graph, circuit, None if scores is None else kv_head_view(scores, graph.spec))


def _rows(entries: list[Any], last: int) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, one in enumerate(entries):
        where = f"edge number {number}"
        if not isinstance(one, list) or len(one) != 2 or not isinstance(one[0], list) or len(one[0]) != 4:
            raise FormatError(f"{where} is no [[receiver, index, sender, index], effect]")
        (receiver, at, sender, sent), effect = one
        if _INSIDE.match(str(sender)) or str(sender).endswith("hook_embed"):
            continue
        try:
            ends = {"source": _source(str(sender), sent), "destination": _destination(str(receiver), at, last)}
            score = None if effect is None else finite(effect, "effect")
        except (FormatError, SelectionError) as error:
            raise FormatError(f"{where}: {error}") from None
        yield where, {**ends, "in_circuit": True, "score": score}


def _receiver(destination: str, last: int) -> tuple[str, list[int | None]]:
    head = re.match(r"a(\d+)\.h(\d+)<(.)>", destination)
    if head:
        return f"blocks.{head[1]}.hook_{head[3]}_input", [None, None, int(head[2])]
    at_end = destination == "logits"
    return f"blocks.{last}.hook_resid_post" if at_end else f"blocks.{destination[1:]}.hook_mlp_in", [None]


def _sender(source: str) -> tuple[str, list[int | None]]:
    head = re.match(r"a(\d+)\.h(\d+)", source)
    if head:
        return f"blocks.{head[1]}.attn.hook_result", [None, None, int(head[2])]
    return ("blocks.0.hook_resid_pre" if source == "input" else f"blocks.{source[1:]}.hook_mlp_out"), [None]


def _destination(hook: str, at: Any, last: int) -> str:
    found = _RECEIVER.match(hook)
    if found is None or (found[4] and int(found[1]) != last):
        raise FormatError(f"receiver {hook!r:.60} is no hook that reads in this model")
    if found[2]:
        return f"a{found[1]}.h{_head(at, hook)}<{found[2]}>"
    return f"m{found[1]}" if found[3] else "logits"


def _source(hook: str, at: Any) -> str:
    found = _SENDER.match(hook)
    if found is None or (found[4] and int(found[1]) != 0):
        raise FormatError(f"sender {hook!r:.60} is no hook that writes to the residual stream")
    if found[2]:
        return f"a{found[1]}.h{_head(at, hook)}"
    return f"m{found[1]}" if found[3] else "input"


def _head(at: Any, hook: str) -> int:
    if isinstance(at, list) and len(at) == 3 and isinstance(at[2], int) and not isinstance(at[2], bool):
        return at[2]
    raise FormatError(f"index of {hook} is {at!r:.40}, expected [null, null, head]")


FORMAT = Format(
    "ACDC's list of edges as JSON",
    ".json",
    "circuit, scores of its edges",
    "ours",
    "scores of the edges outside the circuit; spreads, what is exact; edges inside a head, which ACDC counts too; heads"
    " that share a key and value get one each",
    write,
    read,
)
