"""How well models know the tasks: every task's data checks on a model, as JSON; and docs/tasks.md from all of these.

python scripts/task_table.py measure MODEL [--n 100] [--tasks a,b]   # adds to benchmarks/tasks.json
python scripts/task_table.py page                                    # writes docs/tasks.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "benchmarks" / "tasks.json"
PAGE = ROOT / "docs" / "tasks.md"
SHORT = {"SmolLM2-135M": "SmolLM2-135M-Instruct", "gemma-3-270m": "Gemma 3 270M"}
ENOUGH = 0.8
HEAD = f"""# Tasks

Every task that is made for any tokenizer, with an example and how often two small models are right: the share of
prompts on which the metric is above zero on the clean prompt, on which it falls from clean to corrupted, and on which a
right answer is the likeliest token of all; then the mean of clean minus corrupted with its standard error. A model
that is wrong in many rows has no circuit for the task; below {ENOUGH:.0%} take `--select correct`, or another one. What
the numbers are: [Prompts](prompts.md#are-they-any-good).
"""


def stored() -> dict[str, Any]:
    """What was measured so far: model -> task -> row."""
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}


def measure(path: str, n: int, wanted: list[str]) -> None:
    """Measure one model on all tasks, and store each as it is done."""
    from edgewise.errors import DataError
    from edgewise.models import load_model
    from edgewise.tasks import TASKS

    model = load_model(path)
    name = next(label for start, label in SHORT.items() if Path(path).name.startswith(start))
    for task in wanted or [one for one in TASKS if one not in ("planted", "compiled")]:
        try:
            row = measured(model, task, n)
        except DataError as error:
            row = {"refused": str(error)}
        found = stored()
        found.setdefault(name, {})[task] = row
        STORED.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")
        print(name, task, row, flush=True)


def measured(model: Any, task: str, n: int) -> dict[str, Any]:
    """The numbers of one task, and its first prompt."""
    import numpy as np

    from edgewise.runs.model_answers import answers_of
    from edgewise.runs.prompts import make_task

    prompts = make_task(task, model, n=n)
    answers = answers_of(model, prompts)
    clean, corrupted = np.array([answer.metric for answer in answers]).T
    change = clean - corrupted
    first = prompts[0]
    start = len(first.clean) - len([t for t in first.clean if t != model.tokenizer.bos_token_id])
    return {
        "n": n,
        "metric": prompts.metric,
        "form": prompts.info.get("form", ""),
        "right": round(float((clean > 0).mean()), 3),
        "falls": round(float((change > 0).mean()), 3),
        "below": round(float((corrupted < 0).mean()), 3),
        "top": round(sum(answer.top for answer in answers) / n, 3),
        "difference": round(float(change.mean()), 3),
        "stderr": round(float(change.std(ddof=1) / n**0.5), 3),
        "example": model.tokenizer.decode(list(first.clean[start:])),
        "answer": model.tokenizer.decode([first.answers[0]]),
    }


def page() -> str:
    """The page."""
    return "\n".join((HEAD, *sections()))


def sections() -> Iterator[str]:
    """A count and a table a model, then an example of each task."""
    found = stored()
    for name, rows in found.items():
        good = [task for task, row in rows.items() if row.get("right", 0) >= ENOUGH]
        yield f"## {name}\n\nRight in {ENOUGH:.0%} of rows or more on {len(good)} of {len(rows)} tasks.\n"
        yield "| task | metric | right | falls | likeliest | clean - corrupted |\n| --- | --- | --- | --- | --- | --- |"
        for task, row in sorted(rows.items(), key=lambda item: -item[1].get("right", -1)):
            yield _row(task, row)
        yield ""
    yield "## What they look like\n\n| task | prompt | answer |\n| --- | --- | --- |"
    for task, row in next(iter(found.values())).items():
        if "example" in row:
            yield f"| `{task}` | {_cell(row['example'])} | {_cell(row['answer'])} |"
    yield ""


def _row(task: str, row: dict[str, Any]) -> str:
    if "refused" in row:
        return f"| `{task}` | refused: {row['refused'].partition(';')[0]} | | | | |"
    numbers = (f"{row[name]:.0%}" for name in ("right", "falls", "top"))
    form = f" ({row['form']})" if row["form"] else ""
    return (
        f"| `{task}`{form} | {row['metric']} | {' | '.join(numbers)} | {row['difference']:.2f} ± {row['stderr']:.2f} |"
    )


def _cell(text: str) -> str:
    return "`" + text.replace("\n", "⏎").replace("|", "\\|") + "`"


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "page":
        PAGE.write_text(page(), encoding="utf-8")
    else:
        given = dict(zip(rest[1::2], rest[2::2], strict=True))
        tasks = [one for one in given.get("--tasks", "").split(",") if one]
        measure(rest[0], int(given.get("--n", "100")), tasks)
