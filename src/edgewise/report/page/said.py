"""What a page says in words: what was run, on what, how good it is, and how scores are to be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from edgewise.graph.selection import has_path
from edgewise.report.data_checks import show_in_one_line
from edgewise.report.numbers import plain, share
from edgewise.report.page.columns import Named, Words
from edgewise.report.page.command import command_line
from edgewise.report.sizes import describe_size
from edgewise.report.text import describe_exact, describe_stability, faithfulness, path_words
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run
from edgewise.runs.store.neuron_record import NeuronRecord
from edgewise.runs.store.neurons import NeuronRun
from edgewise.runs.store.record import MetricSummary, PromptSummary, RunRecord

FILES: tuple[Named, ...] = (
    ("run.json", "config, versions, counts, the metric's values, timing"),
    ("scores.safetensors", "every score, with standard errors; NaN where no edge exists"),
    ("circuit.json", "the circuit: every edge that is kept or scored, with its score"),
    ("faithfulness.json", "how much of the behaviour the circuit keeps, unless --no-evaluate was given"),
    ("examples.json", "prompts as tokens, each one's metric, and where the circuit's heads look on one"),
    ("sizes.json", "how many edges it takes, where --keep or --max-kl was given"),
    ("report.html", "this page"),
    ("circuit.svg, .png; scores.svg, .png", "pictures for papers, by edgewise draw"),
)


def lead(record: RunRecord) -> str:
    """Return a sentence on what was done."""
    return (
        f"{record.config.level.capitalize()}s of the residual-stream graph, scored by {record.config.method} on "
        f"{record.prompts.n:,} prompts. Kept: {record.rule}."
    )


def numbers(run: Run) -> Iterator[tuple[str, str, str]]:
    """The numbers that matter most: name, value, and what stands beside it."""
    counts = run.record.counts
    yield "edges kept", f"{counts.circuit_edges:,}", f"of {counts.edges:,}"
    yield "nodes", f"{counts.circuit_nodes:,}", f"of {counts.sources + 1:,}"
    yield from metric_numbers(run.record.metric)
    yield from _worth(run.evaluated)


def metric_numbers(metric: MetricSummary) -> Iterator[tuple[str, str, str]]:
    """The metric on clean and corrupted prompts, likewise."""
    yield (f"{metric.name}, clean", *_with_error(metric.clean, metric.clean_stderr))
    yield (f"{metric.name}, corrupted", *_with_error(metric.corrupted, metric.corrupted_stderr))


def _worth(found: Evaluated | None) -> Iterator[tuple[str, str, str]]:
    if found is not None and found.faithfulness is not None:
        spread = "" if found.faithfulness_stderr is None else f"± {share(found.faithfulness_stderr)}"
        yield "faithfulness", share(found.faithfulness), spread


def _with_error(value: float, stderr: float | None) -> tuple[str, str]:
    return plain(value), "" if stderr is None else f"± {plain(stderr)}"


def reading(run: Run) -> Words:
    """Return how a score is to be read."""
    what, metric = run.config.level, run.record.metric.name
    carries = "what it carries" if what == "edge" else "its output"
    return (
        f"A score estimates how much {metric} would change if the {what} were patched: if {carries} on the clean prompt"
        " were replaced by what it is on the corrupted one, all else left alone.",
        f"{signs(run.record.metric, f'the {what}')} Scores are means over prompts; ± and stderr are standard errors of"
        " means.",
        *(() if run.record.exact is None else (_which_are_exact(run.record),)),
    )


def signs(metric: MetricSummary, what: str) -> str:
    """What the sign of a score says."""
    both = (("Negative", "falls"), ("Positive", "rises"))
    (helps, worse), (harms, better) = reversed(both) if metric.lower_is_better else both
    return (
        f"{helps} (blue): {metric.name} {worse}, so {what} helps. {harms} (red): {metric.name} {better}, so {what}"
        " works against the behaviour."
    )


def _which_are_exact(record: RunRecord) -> str:
    said = describe_exact(record).replace("\n", "; ")
    return f"Some scores are no estimates: they are exact, measured by patching alone. {said[0].upper()}{said[1:]}."


def facts(run: Run) -> Iterator[Named]:
    """What was run, on what, and how long it took."""
    record = run.record
    yield from of_model_and_prompts(record)
    yield "method", f"{record.config.method}, {record.config.level}s"
    yield "metric", record.metric.name
    yield "kept", f"{record.rule}{path_words(has_path(run.circuit))}"
    if run.sized is not None:
        yield "size", describe_size(run.sized).removeprefix("size: ")
    if run.evaluated is not None:
        yield "faithfulness", faithfulness(run.evaluated)
    if record.exact is not None:
        yield "exact effects", describe_exact(record).replace("\n", "; ")
    if record.stability is not None:
        yield "other prompts", describe_stability(record).replace("\n", "; ")
    yield from of_machine(record)


def of_model_and_prompts(record: RunRecord | NeuronRecord) -> Iterator[Named]:
    """What was run, and on what."""
    prompts = record.prompts
    options = ", ".join(f"{name} {value}" for name, value in prompts.info.items() if name not in ("task", "n"))
    dropped = f", {prompts.dropped:,} rows dropped" if prompts.dropped else ""
    yield "model", f"{record.config.model} ({record.model.get('architecture', 'unknown architecture')})"
    yield "prompts", f"{prompts.n:,} of {prompts.name}{dropped}{f' ({options})' if options else ''}"
    yield from _data(prompts)


def of_machine(record: RunRecord | NeuronRecord) -> Iterator[Named]:
    """Where it was run, how long it took, and what says that it was this."""
    config = record.config
    seconds = ", ".join(f"{step} {spent:.1f} s" for step, spent in record.timing.items() if step != "total")
    yield "machine", f"{config.dtype} on {config.device}, {record.batch_size or 'all'} prompts at a time"
    yield "time", f"{record.timing.get('total', 0.0):.1f} s ({seconds}), finished {record.finished}"
    yield "versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield "model files", f"SHA-256 {record.identity.get('model') or 'not known'}"
    yield "prompt ids", f"SHA-256 {record.prompts.fingerprint}"


def _data(prompts: PromptSummary) -> Iterator[Named]:
    """Whether the prompts are any good: all in one line, and of each check what was found."""
    checks = () if prompts.shown is None else prompts.shown.checks
    if not checks:
        return
    yield "data", show_in_one_line(checks).removeprefix("data: ")
    for check in checks:
        yield f"data: {check.name}", check.found if check.good else f"{check.found}; {check.do}"


def command(run: Run | NeuronRun) -> str:
    """Return the command that makes the same run."""
    asked = replace(run.config, evaluate=run.config.evaluate or run.evaluated is not None)
    return command_line(asked, "runs/again")


def config_text(run: Run | NeuronRun) -> str:
    """Return the config as it is stored."""
    return json.dumps(to_json(run.config), indent=2)
