"""The parts of a run's page as HTML; every text that comes from a run is escaped."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html import escape

from edgewise.evaluation.smallest.target import SizePoint
from edgewise.graph.selection import has_path
from edgewise.report.document import warnings
from edgewise.report.numbers import plain, share
from edgewise.report.page.command import command_line
from edgewise.report.rows import Row, best
from edgewise.report.sizes import describe_size, size_notes
from edgewise.report.text import describe_exact, describe_stability, faithfulness, path_words, score_is
from edgewise.runs.evaluated import Evaluated
from edgewise.runs.store.codec import to_json
from edgewise.runs.store.folder import Run
from edgewise.runs.store.record import RunRecord

TABLE = 30
"""Rows of the table of best edges."""
_FILES = (
    ("run.json", "config, versions, counts, the metric's values, timing"),
    ("scores.safetensors", "every score, with standard errors; NaN where no edge exists"),
    ("circuit.json", "the circuit in EAP-IG's format; there the sign of scores is turned"),
    ("faithfulness.json", "how much of the behaviour the circuit keeps, unless --no-evaluate was given"),
    ("sizes.json", "how many edges it takes, where --keep or --max-kl was given"),
    ("circuit.svg, circuit.png", "the picture of the circuit"),
    ("scores.svg, scores.png", "the picture of the scores"),
    ("report.html", "this page"),
)


def title_of(record: RunRecord) -> str:
    """Return the page's title, not escaped."""
    return f"{record.config.model} on {record.prompts.name}"


def head(run: Run) -> str:
    """Return the title, a sentence on what was kept, and the numbers that matter most."""
    record = run.record
    counts, metric = record.counts, record.metric
    kept = record.rule
    lead = (
        f"{record.config.level.capitalize()}s of the residual-stream graph, scored by {record.config.method} on "
        f"{record.prompts.n:,} prompts. Kept: {kept}."
    )
    numbers = (
        ("edges kept", f"{counts.circuit_edges:,}", f"of {counts.edges:,}"),
        ("nodes", f"{counts.circuit_nodes:,}", f"of {counts.sources + 1:,}"),
        (f"{metric.name}, clean", *_with_error(metric.clean, metric.clean_stderr)),
        (f"{metric.name}, corrupted", *_with_error(metric.corrupted, metric.corrupted_stderr)),
        *_worth(run.evaluated),
    )
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(rest)}</small></dd></div>"
        for name, value, rest in numbers
    )
    return (
        f'<h1>{escape(title_of(record))}</h1>\n<p class="lead">{escape(lead)}</p>\n<dl class="numbers">{cells}</dl>'
        f"{_warnings(warnings(run), (*(() if run.sized is None else size_notes(run.sized)), *run.notes))}"
    )


def _worth(found: Evaluated | None) -> tuple[tuple[str, str, str], ...]:
    if found is None or found.faithfulness is None:
        return ()
    spread = "" if found.faithfulness_stderr is None else f"± {share(found.faithfulness_stderr)}"
    return (("faithfulness", share(found.faithfulness), spread),)


def _with_error(value: float, stderr: float | None) -> tuple[str, str]:
    return plain(value), "" if stderr is None else f"± {plain(stderr)}"


def _warnings(wary: Sequence[str], noted: Sequence[str]) -> str:
    said = (("Warning", wary), ("Note", noted))
    lines = "".join(f"<li><strong>{kind}:</strong> {escape(line)}</li>" for kind, found in said for line in found)
    return f'\n<ul class="warnings">{lines}</ul>' if lines else ""


def figure(picture: str, caption: str) -> str:
    """Return a picture (SVG text) with its caption."""
    return f'<figure><div class="picture">{picture}</div><figcaption>{escape(caption)}</figcaption></figure>'


def sign(run: Run) -> str:
    """Return how a score is to be read."""
    what, metric = run.config.level, escape(run.record.metric.name)
    carries = "what it carries" if what == "edge" else "its output"
    exact = "" if run.record.exact is None else _exact(run)
    return (
        "<h2>How to read a score</h2>\n"
        f"<p>A score estimates how much {metric} would change if the {what} were patched: if {carries} on the "
        "clean prompt were replaced by what it is on the corrupted one, all else left alone.</p>\n"
        f'<p><b class="helps">Negative</b>: {metric} falls, so the {what} helps. <b class="harms">Positive</b>: '
        f"{metric} rises, so the {what} works against the behaviour. Scores are means over prompts; ± and stderr are "
        f"standard errors of means.</p>{exact}"
    )


def _exact(run: Run) -> str:
    """Which scores are no estimates."""
    said = escape(describe_exact(run.record)).replace("\n", "; ")
    said = f"{said[0].upper()}{said[1:]}."
    return f"\n<p>Some scores are no estimates: they are <b>exact</b>, measured by patching alone. {said}</p>"


def table(run: Run) -> str:
    """Return the best edges (or nodes) with their scores."""
    what = run.config.level
    rows = best(run.scores, run.circuit, TABLE, run.config.selection.by)
    largest = max((abs(row.score) for row in rows), default=0.0) or 1.0
    body = "\n".join(_row(number, row, largest) for number, row in enumerate(rows, start=1))
    checked = '<th class="number">estimate</th><th>score is</th>' if run.scores.verified is not None else ""
    header = (
        f'<th class="number">#</th><th>{what}</th><th class="number">score</th><th class="number">stderr</th>'
        f"{checked}<th>in circuit</th><th></th>"
    )
    return (
        f"<h2>The {len(rows)} {what}s that rank highest</h2>\n"
        f'<div class="scroll"><table><thead><tr>{header}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _row(number: int, row: Row, largest: float) -> str:
    colour = "helps" if row.score < 0 else "harms" if row.score > 0 else "plain"
    share = 100 * abs(row.score) / largest
    checked = ""
    if row.verified is not None:
        estimate = _with_minus(plain(row.estimated))
        checked = f'<td class="number">{estimate}</td><td>{score_is(row)}</td>'
    cells = (
        f'<td class="number">{number}</td><td><code>{escape(row.name)}</code></td>'
        f'<td class="number">{_with_minus(plain(row.score))}</td>'
        f'<td class="number">{plain(row.stderr)}</td>{checked}<td>{"yes" if row.in_circuit else "no"}</td>'
        f'<td class="bar"><i class="{colour}" style="width:{share:.1f}%"></i></td>'
    )
    start = "<tr>" if row.in_circuit else '<tr class="out">'
    return f"{start}{cells}</tr>"


def sizes(run: Run) -> str:
    """Return the curve over sizes, where it was measured."""
    found = run.sized
    if found is None:
        return ""
    names = (found.counted, "faithfulness", "stderr", "KL", "stderr")
    head = "".join(f'<th class="number">{name}</th>' for name in names) + "<th>kept</th>"
    body = "\n".join(_size(one, one.size == found.size) for one in found.points)
    return (
        f"<h2>How many {found.counted} it takes</h2>\n<p>{escape(describe_size(found))}.</p>\n"
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _size(one: SizePoint, kept: bool) -> str:
    numbers = (share(one.faithfulness), share(one.faithfulness_stderr), plain(one.kl), plain(one.kl_stderr))
    cells = "".join(f'<td class="number">{_with_minus(number)}</td>' for number in (f"{one.size:,}", *numbers))
    return f"<tr>{cells}<td>{'yes' if kept else ''}</td></tr>"


def facts(run: Run) -> str:
    """Return what was run, on what, and how long it took."""
    record = run.record
    config, prompts = record.config, record.prompts
    options = ", ".join(f"{name} {value}" for name, value in prompts.info.items() if name not in ("task", "n"))
    dropped = f", {prompts.dropped:,} rows dropped" if prompts.dropped else ""
    seconds = ", ".join(f"{step} {spent:.1f} s" for step, spent in record.timing.items() if step != "total")
    rows = (
        ("model", f"{config.model} ({record.model.get('architecture', 'unknown architecture')})"),
        ("prompts", f"{prompts.n:,} of {prompts.name}{dropped}{f' ({options})' if options else ''}"),
        ("method", f"{config.method}, {config.level}s"),
        ("metric", record.metric.name),
        ("kept", f"{record.rule}{path_words(has_path(run.circuit))}"),
        *((("size", describe_size(run.sized).removeprefix("size: ")),) if run.sized else ()),
        *((("faithfulness", faithfulness(run.evaluated)),) if run.evaluated else ()),
        *((("exact effects", describe_exact(record).replace("\n", "; ")),) if record.exact else ()),
        *((("other prompts", describe_stability(record).replace("\n", "; ")),) if record.stability else ()),
        ("machine", f"{config.dtype} on {config.device}, {record.batch_size or 'all'} prompts at a time"),
        ("time", f"{record.timing.get('total', 0.0):.1f} s ({seconds}), finished {record.finished}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())),
        ("model files", f"SHA-256 {record.identity.get('model') or 'not known'}"),
        ("prompt ids", f"SHA-256 {prompts.fingerprint}"),
    )
    return f"<h2>What was run</h2>\n{_facts(rows)}"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f'<dl class="facts">{cells}</dl>'


def again(run: Run) -> str:
    """Return the command that makes the same run, and its config."""
    config = json.dumps(to_json(run.config), indent=2)
    asked = replace(run.config, evaluate=run.config.evaluate or run.evaluated is not None)
    return (
        f"<h2>The same run again</h2>\n<pre>{escape(command_line(asked, 'runs/again'))}</pre>\n"
        f"<details><summary>the config, as in run.json</summary><pre>{escape(config)}</pre></details>"
    )


def files() -> str:
    """Return what stands in the run folder."""
    return f"<h2>Files of the run</h2>\n{_facts(_FILES)}"


def _with_minus(number: str) -> str:
    """A negative number with a minus sign; a hyphen in an exponent stays."""
    return "−" + number[1:] if number.startswith("-") else number
