"""What came of a template, as plain text."""

from __future__ import annotations

from edgewise.runs.made_prompts import MadePrompts


def show_made(made: MadePrompts) -> str:
    """The first prompt, the form that was taken and why no other, and where the file is."""
    least, most = made.tokens
    first = made.first
    lines = [
        f"clean      {first.clean!r}",
        f"corrupted  {first.corrupted!r}",
        f"right      {_answers(first.answers)}",
        f"wrong      {_answers(first.wrong_answers)}",
        "",
    ]
    joined = next((text for text in first.answers if text[:1].isalpha() and first.clean[-1:].isalpha()), None)
    if joined is not None:
        lines.append(
            f"answers go on with the prompt's last word: {_end(first.clean)!r} and {joined!r}, with no space between"
        )
    if made.form:
        short = "; ".join(why.partition(";")[0] for why in made.refused)
        refused = f"; refused: {short}" if made.refused else ""
        lines.append(f"form: {made.form}{refused}")
    spread = str(least) if least == most else f"{least} to {most}"
    lines.append(f"Wrote {made.n:,} prompts of {spread} tokens to {made.out}")
    return "\n".join(lines)


def _end(text: str) -> str:
    return text.split()[-1]


def _answers(texts: tuple[str, ...]) -> str:
    more = f" and {len(texts) - 8} more" if len(texts) > 8 else ""
    return " ".join(map(repr, texts[:8])) + more
