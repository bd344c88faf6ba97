"""What a model says of prompts: one plain pass over each and over its counterpart."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from edgewise.engine.run.batches import Batch, divide
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.memory import halving, micro_batch
from edgewise.errors import SettingError
from edgewise.metrics import get_metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.prompts import prompts_of, require_data
from edgewise.runs.setup import opened_model
from edgewise.runs.shown_prompts import RowAnswer, ShownPrompts, show_prompts, tokens
from edgewise.runs.steps import Execution, Progress, Steps
from edgewise.settings.conditions import Conditions
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
        with steps.step("asking", ASKING):
            answers = answers_of(
                model,
                prompts,
                execution.conditions(config.batch_size),
                lambda done: steps.report(Progress(ASKING, done, len(prompts))),
            )
    return prompts, show_prompts(prompts, opened.reader.tokenizer, rows, answers)


def answers_of(
    model: Model,
    prompts: PromptSet,
    conditions: Conditions = Conditions(),
    report: Callable[[int], None] = lambda done: None,
) -> tuple[RowAnswer, ...]:
    """What the model says of each prompt, in their order.

    Args:
        model: the model.
        prompts: the prompts, which fit it.
        conditions: how many are run at a time.
        report: told how many are done.
    """
    size = micro_batch(model, prompts.pairs, conditions)
    return halving(size, model.device, partial(_all, model, prompts, report))


def _all(model: Model, prompts: PromptSet, report: Callable[[int], None], size: int) -> tuple[RowAnswer, ...]:
    found: dict[int, RowAnswer] = {}
    for rows, batch in divide(prompts.pairs, size, model.device, causal=model.wiring.causal):
        found.update(zip(rows, _answers(model, batch, [bool(prompts[i].wrong_answers) for i in rows]), strict=True))
        report(len(found))
    return tuple(found[i] for i in range(len(prompts)))


def _answers(model: Model, batch: Batch, compared: list[bool]) -> list[RowAnswer]:
    clean, corrupted = (_logits(model, batch, ids) for ids in (batch.clean, batch.corrupted))
    top = get_metric("accuracy")(clean, batch.metric) == 1
    last = batch.metric.position_mask.sum(1) - 1
    likeliest = clean.argmax(-1).gather(1, last[:, None])[:, 0]
    right: list[bool | None] = [None] * len(compared)
    differences: list[list[float | None]] = [[None] * len(compared)] * 2
    if any(compared):
        right = list(_is_right(clean, batch).tolist())
        differences = [get_metric("logit-diff")(logits, batch.metric).tolist() for logits in (clean, corrupted)]
    known = zip(compared, right, *differences, top.tolist(), likeliest.tolist(), strict=True)
    return [
        RowAnswer(
            ours if has_wrong else None,
            theirs if has_wrong else None,
            beats if has_wrong else None,
            first,
            tokens((token,), model.tokenizer),
        )
        for has_wrong, beats, ours, theirs, first, token in known
    ]


def _logits(model: Model, batch: Batch, ids: Tensor) -> Tensor:
    with borrowed(model.module) as hooks:
        logits = logits_at(model, hooks, ids, batch.answers)
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _is_right(logits: Tensor, batch: Batch) -> Tensor:
    """Whether the best right answer beats every wrong one at each position read, ``[batch]``."""
    answers = batch.metric
    right = _best(logits, answers.answers, answers.answers_mask)
    wrong = _best(logits, answers.wrong_answers, answers.wrong_answers_mask)
    return ((right > wrong) | ~answers.position_mask).all(1)


def _best(logits: Tensor, ids: Tensor, mask: Tensor) -> Tensor:
    """The largest logit of some tokens, ``[batch, n_positions]``."""
    chosen = logits.gather(-1, ids[:, None].expand(-1, logits.shape[1], -1))
    return chosen.masked_fill(~mask[:, None], float("-inf")).amax(-1)
