"""The card of a run on the hub: what it is, how it was measured, and how to load it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from edgewise.models.catalogue import BUNDLED, hub_name
from edgewise.runs.store.folder import Run


def card(run: Run, repository: str) -> str:
    """Return the text of a model card, README.md.

    Args:
        run: finished.
        repository: ``OWNER/NAME``, where it will be.
    """
    head = yaml.safe_dump(_metadata(run), sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n\n" + "\n".join(_lines(run, repository)) + "\n"


def _metadata(run: Run) -> dict[str, Any]:
    tags = ["circuit", "mechanistic-interpretability", "edge-attribution-patching"]
    base = hub_name(run.config.model)
    known = run.config.model not in BUNDLED and "/" in base and not base.startswith((".", "/", "~"))
    # A model of the hub without an owner, such as gpt2, is one too; a folder or a file is none.
    of = {"base_model": base} if known and base.count("/") == 1 and not base.endswith((".gguf", ".pth")) else {}
    return {"library_name": "edgewise", "tags": tags, **of}


def _lines(run: Run, repository: str) -> Iterator[str]:
    record, config = run.record, run.config
    prompts, counts = record.prompts, record.counts
    yield f"# Circuit: {config.model} on {prompts.name}"
    yield ""
    yield (
        f"{counts.circuit_edges:,} of {counts.edges:,} edges ({counts.circuit_nodes:,} of {counts.sources:,} nodes) of"
        f" `{config.model}`, found with edgewise {record.versions.get('edgewise', '')}: {record.rule}."
    )
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    yield from (f"| {name} | {value} |" for name, value in _rows(run))
    yield ""
    yield (
        f"A score estimates L(patched) − L(clean) of patching one {config.level} by the corrupted prompt, L being"
        f" {record.metric.name}; of a metric that is higher where the model is right, negative helps."
    )
    notes = (*record.warnings, *run.notes)
    if notes:
        yield ""
        yield "## What to know"
        yield ""
        yield from (f"- {line}" for line in notes)
    yield ""
    yield "## How to load it"
    yield ""
    yield from _loading(run, repository)


def _rows(run: Run) -> Iterator[tuple[str, str]]:
    record, config = run.record, run.config
    prompts, metric = record.prompts, record.metric
    yield "method", f"{config.method}; scores of {config.level}s"
    yield "prompts", f"{prompts.n:,} of {prompts.name}, {config.split}; SHA-256 of their ids `{prompts.fingerprint}`"
    yield f"{metric.name}, clean", _with_error(metric.clean, metric.clean_stderr)
    yield f"{metric.name}, corrupted", _with_error(metric.corrupted, metric.corrupted_stderr)
    found = run.evaluated
    if found is not None and found.faithfulness is not None:
        split = f", {found.prompts.split}" if found.prompts.split else ""
        yield (
            "faithfulness",
            f"{_with_error(found.faithfulness, found.faithfulness_stderr)} of {found.metric}, on {found.prompts.n:,}"
            f" prompts{split}; all other edges patched ({found.ablation})",
        )
    else:
        yield "faithfulness", "not measured"
    if record.exact is not None:
        exact = record.exact
        yield "exact effects", f"{exact.measured:,} of {exact.scored:,} scores are measured"
        if exact.r2 is not None and exact.r2_low is not None:
            yield "all scores against exact effects", f"R² {exact.r2:.3f}, at least {exact.r2_low:.3f} (90 %)"
    model = record.model
    yield "run in", f"{model.get('dtype')} on {model.get('device')}, {record.finished}"


def _with_error(value: float, stderr: float | None) -> str:
    return f"{value:.4f}" if stderr is None else f"{value:.4f} ± {stderr:.4f} (standard error)"


def _loading(run: Run, repository: str) -> Iterator[str]:
    config = run.config
    prompts = f"--task {config.task}" if config.task is not None else "--data FILE"
    yield "```bash"
    yield f"edgewise evaluate --circuit hub:{repository} --model {config.model} {prompts}"
    yield "```"
    yield ""
    yield "```python"
    yield "import edgewise"
    yield ""
    yield f'circuit, scores = edgewise.read_circuit("hub:{repository}")'
    yield "```"
    yield ""
    yield (
        "`circuit.json` has names, scores and membership of every edge, `scores.safetensors` all scores, `run.json` the"
        " whole config, versions and digests."
    )
