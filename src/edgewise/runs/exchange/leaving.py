"""A run, or a circuit's file, written in another format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgewise.errors import FormatError, RunError
from edgewise.runs.exchange import FORMATS
from edgewise.runs.exchange.format import About, Exchanged, Files, Format
from edgewise.runs.exchange.neurons import neuron_table
from edgewise.runs.store.atomic import write_bytes
from edgewise.runs.store.examples import read_examples
from edgewise.runs.store.files import read_circuit
from edgewise.runs.store.folder import CIRCUIT, Run, load_run
from edgewise.runs.store.hub_file import is_of_hub, local
from edgewise.runs.store.neurons import EDGE_TABLE, holds_neurons, load_neuron_run
from edgewise.tasks.known import node_classes


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        format: the format's name.
        files: in the order in which they were written.
        lost: what of the result they do not keep; empty where nothing.
    """

    format: str
    files: tuple[str, ...]
    lost: str


def export(source: str | Path, name: str, out: str | Path) -> Written:
    """Write a finished run, or the circuit of a file, in another format.

    Args:
        source: a run's folder, a circuit's ``.json`` or ``.pt``, or ``hub:OWNER/NAME[@REVISION]``. A run of neurons
            goes as a table alone.
        name: of the format, see ``edgewise list formats``.
        out: the file; the folder, for a format that is one.

    Raises:
        RunError: no finished run there, or a file that would be put into the run.
        UnknownNameError: no such format.
        FormatError: a result that the format does not have, or a package that is not installed.
        OSError: the file cannot be written.
    """
    found: Format = FORMATS.load(name)
    if found.write is None:
        raise FormatError(
            f"format {name} is only read, by `edgewise import`; choose another of `edgewise list formats`"
        )
    source, out = Path(source), Path(out)
    if source.is_dir() and out.resolve().parent == source.resolve():
        raise RunError(f"--out {out}: inside the run, whose files are its own; give another place")
    if found.suffix and out.suffix != found.suffix:
        raise FormatError(f"--out {out}: a file of format {name} ends in {found.suffix}")
    if source.is_dir() and holds_neurons(source):
        run = load_neuron_run(source)
        content: bytes | Files = neuron_table(run, name, found)
        edges = "" if run.edges is None else f"edges of neurons, which are in {EDGE_TABLE}; "
        summed, lost = False, f"{edges}{found.lost}"
    else:
        result = exchanged(source)
        summed, lost = bool(result.graph.places) and not found.by_place, found.lost
        content = found.write(result.plain if summed else result)
    files = {out: content} if isinstance(content, bytes) else {out / path: one for path, one in content.items()}
    for path, one in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, one)
    said = ("places in the prompt (their sums are written)" if summed else "", lost)
    return Written(name, tuple(map(str, files)), ", ".join(filter(None, said)))


def exchanged(source: Path) -> Exchanged:
    """What is written: the scores and the circuit of a run, or of a file; raises as `export`."""
    if source.is_dir() or not (source.suffix or is_of_hub(source)):
        run = load_run(source)
        return Exchanged(run.circuit.graph, run.circuit, run.scores, about(run))
    circuit, scores = read_circuit(local(source, CIRCUIT))
    return Exchanged(circuit.graph, circuit, scores, About(source.stem))


def about(run: Run) -> About:
    """What a run says beside its scores and its circuit."""
    config, examples = run.config, read_examples(run.folder)
    first = examples.prompts[0].shown if examples is not None and examples.prompts else None
    return About(
        name=run.folder.resolve().name,
        model=config.model,
        task=config.task,
        tokens=() if first is None else first.clean.texts,
        read_at=0 if first is None else max(first.positions),
        classes=node_classes(config.task, config.model, run.circuit.graph.spec),
    )
