"""Prompts from a template, as a file that every verb reads with `--data`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgewise.errors import DataError
from edgewise.models import open_model
from edgewise.runs.prompts import DEFAULT_N, text_encoder
from edgewise.runs.store.atomic import write_through
from edgewise.settings import described
from edgewise.settings.model import ModelSettings
from edgewise.tasks import require_drawable
from edgewise.tasks.templates.draw import Made, draw
from edgewise.tasks.templates.fit import described as told
from edgewise.tasks.templates.fit import fit
from edgewise.tasks.templates.shipped import find_template

ENDING = ".jsonl"


@dataclass(frozen=True)
class MadePrompts:
    """What came of a template.

    Args:
        template: its name.
        out: the file that was written.
        n: how many prompts.
        tokens: the least and the most tokens of one, BOS included.
        form: which of the template's forms was taken; empty where it has one.
        refused: why forms before it were not.
        left_out: fillers that were left out and why, a line a slot.
        first: the first prompt.
    """

    template: str
    out: str
    n: int
    tokens: tuple[int, int]
    form: str
    refused: tuple[str, ...]
    left_out: tuple[str, ...]
    first: Made


def make_prompts(
    template: str,
    settings: ModelSettings,
    out: Path,
    *,
    n: int = DEFAULT_N,
    seed: int = 0,
    split: str = "discovery",
    bos: bool | None = None,
    options: Mapping[str, Any] | None = None,
) -> MadePrompts:
    """Make prompts for a model, of which only config and tokenizer are read, and write them.

    Args:
        template: a file, or the name of a task that is a template.
        settings: the model.
        out: a `.jsonl` file: `clean`, `corrupted`, `answers`, `wrong_answers` as text, and `fillers` by slot.
        n: how many prompts.
        seed: the same seed gives the same prompts.
        split: "discovery" or "held-out".
        bos: BOS before prompts; None as the tokenizer does.
        options: of the template's.

    Raises:
        DataError: the template does not fit together or does not fit the tokenizer, or `out` ends otherwise.
    """
    if out.suffix.lower() != ENDING:
        raise DataError(f"--out {out}: prompts are written as JSON lines; give a name that ends in {ENDING}")
    found = find_template(template)
    require_drawable(found.name, n, split)
    asked = {one.name: getattr(settings, one.name) for one in described(ModelSettings)}
    encoder = text_encoder(open_model(asked.pop("model"), **asked).reader, bos)
    fitted = fit(found, encoder)
    made = draw(found, fitted, encoder, n=n, seed=seed, split=split, options=options)
    lines = [json.dumps(_row(one), ensure_ascii=False) for one in made]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_through(out, lambda path: _write(path, lines))
    lengths = [len(one.pair) for one in made]
    return MadePrompts(
        template=found.name,
        out=str(out),
        n=len(made),
        tokens=(min(lengths), max(lengths)),
        form=fitted.form.name,
        refused=fitted.refused,
        left_out=told(fitted.dropped),
        first=made[0],
    )


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(made: Made) -> dict[str, object]:
    return {
        "clean": made.clean,
        "corrupted": made.corrupted,
        "answers": list(made.answers),
        "wrong_answers": list(made.wrong_answers),
        "fillers": dict(made.fillers),
    }
