"""A look at prompts: what a model reads, what it says of them, and whether they are any good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edgewise.errors import SettingError
from edgewise.metrics import get_metric
from edgewise.runs.config import RunConfig
from edgewise.runs.data_checks import Measured, check_data, compares
from edgewise.runs.model_answers import answers_of, selected
from edgewise.runs.prompts import prompts_of, require_data
from edgewise.runs.setup import opened_model
from edgewise.runs.shown_prompts import RowAnswer, ShownPrompts, show_prompts
from edgewise.runs.steps import Execution, Progress, Steps
from edgewise.tasks import PromptSet

ASKING = "asking the model"


def look(
    config: RunConfig, rows: int, *, ask: bool = True, execution: Execution = Execution()
) -> tuple[PromptSet, ShownPrompts]:
    """Make or read prompts, and say what they are.

    Args:
        config: the model and the prompts.
        rows: how many to show.
        ask: load the model and run it on them; else only its config and its tokenizer are read.
        execution: how it is carried out.

    Returns:
        The prompts, and what is shown of them.

    Raises:
        EdgewiseError: anything wrong with the model or the prompts.
    """
    if rows < 1:
        raise SettingError(f"--rows is {rows}; give at least 1")
    steps = Steps(execution.report)
    require_data(config)
    with steps.step("model", f"reading the config and the tokenizer of {config.model}"):
        opened = opened_model(config)
    prompts = prompts_of(config, opened.reader)
    answers = None
    if ask:
        with steps.step("model", f"loading {config.model}"):
            model = opened.load()
        prompts = selected(config, model, prompts, execution.conditions(config.batch_size))
        with steps.step("asking", ASKING):
            answers = answers_of(
                model,
                prompts,
                execution.conditions(config.batch_size),
                lambda done: steps.report(Progress(ASKING, done, len(prompts))),
                config.metric,
            )
    shown = show_prompts(prompts, opened.reader.tokenizer, rows, answers)
    return prompts, replace(shown, checks=check_data(prompts.pairs, _measured(config, prompts, answers)))


def _measured(config: RunConfig, prompts: PromptSet, answers: Sequence[RowAnswer] | None) -> Measured | None:
    """The metric on every prompt; None where the model was not asked, or the metric is none of single runs."""
    values = [] if answers is None else [answer.metric for answer in answers if answer.metric is not None]
    if answers is None or len(values) < len(answers):
        return None
    clean, corrupted = np.asarray(values, np.float64).T
    metric = get_metric(config.metric or prompts.metric)
    return Measured(clean, corrupted, compares(metric), sum(answer.top for answer in answers) / len(answers))
