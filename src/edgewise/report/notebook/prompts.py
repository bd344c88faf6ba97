"""Prompts: the first few token by token, clean above corrupted; marked where they differ, underlined where read."""

from __future__ import annotations

from edgewise.report.notebook.markup import heading, lines, text
from edgewise.report.prompts import answers, describe, visible
from edgewise.runs.shown_prompts import ShownRow, Tokens, show_prompts
from edgewise.tasks import PromptSet

SHOWN = 3


def prompts_html(prompts: PromptSet) -> str:
    """How many prompts there are and in what they differ, and the first of them."""
    if not len(prompts):
        return heading(repr(prompts))
    shown = show_prompts(prompts, prompts.tokenizer, SHOWN)
    warned = (f"warning: {one}" for one in prompts.warnings)
    return heading(repr(prompts)) + lines((*describe(shown), *warned)) + "".join(map(_row, shown.rows))


def _row(row: ShownRow) -> str:
    wrong = f"; wrong {answers(row.wrong_answers)}" if row.wrong_answers.ids else ""
    head = lines([f"row {row.row}: right {answers(row.answers) or '-'}{wrong}"])
    both = "".join(f"<tr><th>{name}</th>{_tokens(of, row)}</tr>" for name, of in _named(row))
    return f"{head}<table>{both}</table>"


def _named(row: ShownRow) -> tuple[tuple[str, Tokens], ...]:
    return ("clean", row.clean), ("corrupted", row.corrupted)


def _tokens(tokens: Tokens, row: ShownRow) -> str:
    cells = (text(visible(word)) for word in tokens.texts)
    return "".join(f"<td>{_marked(cell, at, row)}</td>" for at, cell in enumerate(cells))


def _marked(cell: str, at: int, row: ShownRow) -> str:
    read = f"<u>{cell}</u>" if at in row.positions else cell
    return f"<mark>{read}</mark>" if at in row.differs else read
