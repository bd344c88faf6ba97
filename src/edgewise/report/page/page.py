"""A run as one HTML page that needs no other file and no network, and reads well on paper."""

from __future__ import annotations

from html import escape

from edgewise.report.files import picture_svg
from edgewise.report.page import sections
from edgewise.report.page.later import later
from edgewise.report.page.prompts import prompts
from edgewise.report.page.style import style
from edgewise.report.picture.circuit import Heading
from edgewise.report.scenes import run_circuit, run_scores
from edgewise.runs.store.folder import Run
from edgewise.visible import visible


def page(run: Run, top: int | None = None) -> str:
    """Return the page of a finished run; the same run, and what was measured of it, give the same text.

    Args:
        run: a finished run.
        top: edges in the picture of the circuit at most; 300 by default.
    """
    record = run.record
    metric = record.metric.name
    circuit = picture_svg(run_circuit(run, top, Heading("The circuit", (), metric)), standalone=False)
    scores = picture_svg(run_scores(run, Heading("The scores", (), metric)), standalone=False)
    parts = (
        sections.head(run),
        sections.figure(circuit, "A pointer over a line or a node tells its name and its score."),
        sections.sign(run),
        sections.figure(scores, f"Both figures count in powers of ten; |score| is in units of {metric}."),
        sections.sizes(run),
        sections.table(run),
        prompts(record.prompts.shown),
        sections.facts(run),
        later(run.folder),
        sections.again(run),
        sections.files(),
    )
    body = "\n".join(part for part in parts if part)
    title = escape(f"{sections.title_of(record)} · edgewise")
    text = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{style()}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
    return visible(text)
