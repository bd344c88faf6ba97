"""Pages and tables of the documentation that follow from the code or from stored results, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from typer.main import get_command

import edgewise
from edgewise.cli.main import app
from edgewise.methods import SEARCHES, method_names
from edgewise.report.settings import HEADER, rows
from edgewise.runs.methods import get_method

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks/effects/results.json"
# What a room of the package is for -> its heading in the Python reference, in the order of a day's work.
ROOMS = {
    "verbs": "What the command line does",
    "models": "Models",
    "tasks": "Prompts",
    "metrics": "Metrics",
    "search": "Scores and exact effects",
    "graph": "Graphs, scores and circuits",
    "evaluation": "Evaluation and trust",
    "engine": "Checks",
    "settings": "Settings",
    "runs": "Runs and files",
    "report": "To show",
    "errors": "Errors",
}
# Column of the stored results -> what it is.
MEASURES = {
    "pearson": "Pearson",
    "spearman_of_sizes": "Spearman of sizes",
    "sign_agreement_of_top": "signs of the 100 largest",
    "recall": "largest 100 found",
}


def table(header: Sequence[str], lines: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    """A table of Markdown; what stands in a cell may have a vertical bar."""
    cells = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in cells) + "\n"


def verbs() -> str:
    """The page of every verb: what it does, its arguments and options, examples."""
    said = "# Every verb\n\nThis page is made from the command line; `edgewise VERB --help` says the same.\n"
    commands: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    return said + "".join(_verb(name, commands[name]) for name in sorted(commands))


def _verb(name: str, command: Any) -> str:
    context = command.context_class(command, info_name=f"edgewise {name}")
    usage = command.get_usage(context).removeprefix("Usage: ")
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in command.params:
        record = one.get_help_record(context)
        if record is not None:
            title = getattr(one, "rich_help_panel", None) or "Of this verb"
            groups.setdefault(title, []).append((f"`{record[0].strip()}`", " ".join(record[1].split())))
    options = "".join(f"\n**{title}**\n\n{table(('', 'what it is'), lines)}" for title, lines in groups.items())
    examples = [line for line in (command.epilog or "").splitlines() if line.startswith("edgewise")]
    shown = "\n".join(examples)
    return f"\n## {name}\n\n```text\n{usage}\n```\n\n{command.help}\n\n```bash\n{shown}\n```\n{options}"


def python_names() -> str:
    """The page of every public name of `edgewise`, by what it is for, each with its own documentation."""
    said = "# Python reference\n\nEvery name of `edgewise.__all__`. Each is imported when it is first used.\n"
    homes: dict[str, tuple[str, ...]] = edgewise._HOMES
    parts = []
    for room, heading in ROOMS.items():
        names = [name for home, several in homes.items() if home.split(".")[1] == room for name in several]
        if names:
            parts.append(f"\n## {heading}\n" + "".join(f"\n::: edgewise.{name}\n" for name in names))
    return said + "".join(parts)


def fields(path: str) -> str:
    """The fields of a class, out of its documentation."""
    return f"\n::: {path}\n    options: {{members: false, show_signature: false, show_root_toc_entry: false}}\n"


def code(path: str) -> str:
    """What a module says of itself."""
    return f"\n::: {path}\n    options: {{members: false, show_root_heading: false, show_root_toc_entry: false}}\n"


def methods(wanted: str) -> str:
    """All methods, each with its line."""
    lines = [(f"[`{name}`]({name}.md)", get_method(name).summary) for name in method_names()]
    return table(("method", "what it is"), lines)


def method(name: str) -> str:
    """The page of a method that has no file."""
    found = get_method(name)
    where = type(found).__module__ if name in SEARCHES else f"edgewise.attribution.{name.replace('-', '_')}"
    parts = (f"# {name}", f"{found.summary}.", f"<!-- code {where} -->", "## Settings", f"<!-- settings {name} -->")
    return "\n\n".join((*parts, "## Measured", f"<!-- measured {name} -->")) + "\n"


def settings(method: str) -> str:
    """The settings of a method that has some."""
    found = [row for row in rows() if row.group == f"Method {method}"]
    if not found:
        return "This method has no settings of its own.\n"
    return table(HEADER, [(f"`{row.option}`", row.takes, row.default, row.summary) for row in found])


def measured(method: str) -> str:
    """How near a method comes to exact effects on real models, by `benchmarks/effects/results.json`."""
    found = [row for row in json.loads(RESULTS.read_text(encoding="utf-8"))["rows"] if row["method"] == method]
    found = [row for row in found if "refused" not in row]
    if not found:
        return "Not measured on the stored exact effects of real models.\n"
    lines = [(heading, *_of_all([row[name] for row in found])) for name, heading in MEASURES.items()]
    time = median(row["time"] for row in found)
    said = (
        f"Against exact effects on {len(found)} pairs of real model and task (Gemma 3 270M and SmolLM2-135M, 8 prompts"
        f" a task; [the league](../league.md)), at {time:.2f} times EAP's time (median):\n\n"
    )
    return said + table(("measure", "mean", "worst", "best"), lines)


def _of_all(values: Sequence[float]) -> tuple[str, str, str]:
    return f"{mean(values):.3f}", f"{min(values):.3f}", f"{max(values):.3f}"


def notebook(path: Path) -> str:
    """A notebook as a page: its text, its code and what the code said."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(part for cell in cells for part in _cell(cell)) + "\n"


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    text = "".join(cell["source"]).strip()
    if cell["cell_type"] == "markdown":
        yield text
    elif cell["cell_type"] == "code" and text:
        yield f"```python\n{text}\n```"
        yield from (said for output in cell["outputs"] if (said := _output(output)))


def _output(output: dict[str, Any]) -> str:
    """What a cell said, in the richest form that a page can hold."""
    data = output.get("data", {})
    for kind in ("text/html", "image/svg+xml"):
        if kind in data:
            return f'<div class="output">{"".join(data[kind]).strip()}</div>'
    if "image/png" in data:
        return f'<img alt="" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    text = "".join(output.get("text", data.get("text/plain", ""))).strip()
    return f"```text\n{text}\n```" if text else ""


# Name in a comment of a page -> what makes what stands in its place.
PARTS: dict[str, Callable[[str], str]] = {
    "code": code,
    "fields": fields,
    "measured": measured,
    "methods": methods,
    "settings": settings,
}
