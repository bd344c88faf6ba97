"""The prompts of a run as a part of its page: clean above corrupted, token under token, differing ones marked."""

from __future__ import annotations

from html import escape

from edgewise.report.prompts import answers, describe, visible
from edgewise.runs.shown_prompts import ShownPrompts, ShownRow


def prompts(shown: ShownPrompts | None) -> str:
    """Return the first prompts and the numbers of all; nothing where a run keeps none."""
    if shown is None:
        return ""
    rows = "\n".join(map(_row, shown.rows))
    lines = "".join(f"<li>{escape(line[0].upper() + line[1:])}.</li>" for line in describe(shown))
    return (
        f'<h2>Prompts</h2>\n<ul class="plain-list">{lines}</ul>\n'
        "<p>The first of them, clean above corrupted, token by token: a dot is a space, an arrow the end of a line;"
        " underlined is where logits are read.</p>\n"
        f"{rows}"
    )


def _row(row: ShownRow) -> str:
    differs, reads = set(row.differs), set(row.positions)
    pairs = "".join(
        _pair(clean, corrupted, place in differs, place in reads)
        for place, (clean, corrupted) in enumerate(zip(row.clean.texts, row.corrupted.texts, strict=True))
    )
    wrong = f" · wrong: <code>{escape(answers(row.wrong_answers))}</code>" if row.wrong_answers.ids else ""
    head = f"Row {row.row} · right: <code>{escape(answers(row.answers) or '-')}</code>{wrong}"
    return f'<div class="prompt"><p>{head}</p><div class="tokens">{pairs}</div></div>'


def _pair(clean: str, corrupted: str, differs: bool, read: bool) -> str:
    kind = f"token{' differs' if differs else ''}{' read' if read else ''}"
    title = ' title="logits are read here"' if read else ""
    both = " ".join(f"<code>{escape(visible(text))}</code>" for text in (clean, corrupted))
    return f'<span class="{kind}"{title}>{both}</span> '
