"""A circuit that is known beforehand, as it is asked for: ``compare --circuit``, ``roc --truth``.

1. ``known``: what the model was built or trained to compute by, else the published circuit of the task in this model.
2. ``known:TASK/MODEL``: a published one, by its name in `edgewise list circuits`.
3. ``interpbench:CASE``: that of one of InterpBench's models.
4. ``FILE``: edge names (`edgewise.tasks.known.given`) or ``circuit.json``, both ``.json``; EAP-IG's format (``.json``,
   ``.pt``); InterpBench's ``edges.pkl``. ``hub:OWNER/NAME`` is the ``circuit.json`` of a repository.
"""

from __future__ import annotations

from pathlib import Path

from edgewise.errors import FormatError, ModelError, RunError, SelectionError
from edgewise.graph import Circuit, Graph
from edgewise.graph.hook_edges import circuit_of_hooks
from edgewise.json_text import json_bytes, parse_json
from edgewise.models.built import kind_of
from edgewise.models.lens import interpbench
from edgewise.models.lens.pickled import SUFFIXES, read_pickle
from edgewise.runs.config import RunConfig
from edgewise.runs.contest.published import ASKED_KNOWN, AskedCircuit, as_asked, published_of
from edgewise.runs.identity import content_digest
from edgewise.runs.setup import opened_model
from edgewise.runs.store.files import is_own, read_circuit
from edgewise.runs.store.folder import CIRCUIT, Run
from edgewise.runs.store.hub_file import HUB, local
from edgewise.tasks.known import KNOWN, known_from_json

BY_NAME = "known:"
FORMS = "known, known:TASK/MODEL, interpbench:CASE, or the name of a .json, .pt or .pkl file"


def asked_circuit(asked: str, config: RunConfig, graph: Graph) -> AskedCircuit:
    """Return the circuit that was asked for.

    Args:
        asked: in one of the four forms.
        config: the model, and the task.
        graph: the model's, over all positions.

    Raises:
        RunError: nothing is known of this task in this model, or a form that is none.
        UnknownNameError: no published circuit of that name, or a case that the hub did not give.
        SelectionError: an edge that the model does not have.
        FormatError: a file that is no circuit.
    """
    if asked == ASKED_KNOWN:
        return _required(known_circuit(config, graph, own_circuit(config)), config)
    if asked.startswith(BY_NAME):
        return as_asked(KNOWN.load(asked.removeprefix(BY_NAME)), graph, asked)
    if asked.startswith(interpbench.PREFIX):
        edges = interpbench.folder_of(asked) / interpbench.EDGES
        return _of_hooks(asked, edges, graph, f"the circuit of {asked}")
    return _of_file(asked, graph)


def known_circuit(config: RunConfig, graph: Graph, own: Circuit | None) -> AskedCircuit | None:
    """Return the circuit that a model is known to have, else the published one of the task in it, if any.

    Args:
        config: the model, and the task.
        graph: the model's, over all positions.
        own: what the model was built or trained to compute by.

    Raises:
        SelectionError: an edge that the model does not have.
    """
    if own is not None:
        return _whole(ASKED_KNOWN, f"the {kind_of(config.model) or 'known'} circuit of {config.model}", own)
    return published_of(config, graph)


def own_circuit(config: RunConfig) -> Circuit | None:
    """Return what a model was built or trained to compute by, without its weights; None where that is not known."""
    name = config.model
    comes_with_one = kind_of(name) or name.startswith(interpbench.PREFIX) or (Path(name) / interpbench.EDGES).is_file()
    return opened_model(config, weights=False).outline(None).circuit if comes_with_one else None


def known_of(run: Run) -> AskedCircuit | None:
    """Return what is known beforehand of a run's task in its model; None where nothing is."""
    return known_circuit(run.config, run.circuit.graph.plain, own_circuit(run.config))


def asked_of(run: Run, asked: str) -> AskedCircuit:
    """Return a known circuit of a run's model; raises as `asked_circuit`."""
    return asked_circuit(asked, run.config, run.circuit.graph.plain)


def _required(found: AskedCircuit | None, config: RunConfig) -> AskedCircuit:
    if found is None:
        raise RunError(
            f"no circuit is known of {config.task or config.data} in model '{config.model}' (`edgewise list circuits`);"
            f" give {FORMS}"
        )
    return found


def _whole(asked: str, words: str, circuit: Circuit, digest: str | None = None) -> AskedCircuit:
    nodes = tuple(node for node in circuit.nodes() if node not in ("input", "logits"))
    return AskedCircuit(asked, words, circuit, nodes, digest)


def _of_hooks(asked: str, path: Path, graph: Graph, words: str) -> AskedCircuit:
    try:
        circuit = circuit_of_hooks(read_pickle(path), graph)
    except ModelError as error:
        raise FormatError(str(error)) from None
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error
    return _whole(asked, words, circuit, content_digest(path))


def _of_file(asked: str, graph: Graph) -> AskedCircuit:
    path = local(asked, CIRCUIT)
    if path.suffix not in (".json", ".pt", *SUFFIXES):
        raise RunError(f"'{asked}' names no circuit; give {FORMS}")
    words = asked if asked.startswith(HUB) else path.name
    if path.suffix in SUFFIXES:
        return _of_hooks(asked, path, graph, f"the circuit of {words}")
    digest = content_digest(path)
    content = None if path.suffix == ".pt" else _json(path)
    if content is None or is_own(content) or (isinstance(content, dict) and "cfg" in content):
        circuit, _ = read_circuit(path, graph.spec)
        return _whole(asked, f"the circuit of {words}", circuit.plain, digest)
    known = known_from_json(content, path.name)
    try:
        return _whole(asked, known.summary, known.on(graph), digest)
    except SelectionError as error:
        raise SelectionError(f"{path}: {error}") from None


def _json(path: Path) -> object:
    try:
        return parse_json(json_bytes(path))
    except ValueError as error:
        raise FormatError(f"{path}: not JSON ({error}); write it again") from error
