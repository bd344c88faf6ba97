"""What a model says of prompts: one plain pass over each and over its counterpart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from edgewise.engine.run.batches import Batch, divide
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.engine.run.memory import halving, micro_batch
from edgewise.errors import DataError
from edgewise.metrics import Metric, get_metric
from edgewise.models import Model
from edgewise.runs.config import RunConfig
from edgewise.runs.shown_prompts import RowAnswer, tokens
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptSet


def selected(config: RunConfig, model: Model, prompts: PromptSet, conditions: Conditions = Conditions()) -> PromptSet:
    """The prompts that a config keeps of those it names: all, or with `--select correct` those the model gets right.

    Which rows are kept is part of `info`, and so of a run's record.

    Raises:
        DataError: rows without wrong answers, which say nothing of being right, or none that is right.
    """
    if config.select == "all":
        return prompts
    answers = answers_of(model, prompts, conditions)
    if any(answer.right is None for answer in answers):
        raise DataError(
            f"{prompts.name}: --select correct compares answers; give every row wrong_answers, or leave it out"
        )
    kept = [place for place, answer in enumerate(answers) if answer.right]
    if not kept:
        raise DataError(f"{prompts.name}: the model gets none of {len(prompts)} rows right; leave --select correct out")
    rows = [prompts[place].row or place + 1 for place in kept]
    info = {**prompts.info, "selected": {"rule": config.select, "of": len(prompts), "rows": rows}}
    warning = f"{prompts.name}: {len(kept)} of {len(prompts)} rows are kept: those that the model gets right"
    pairs = tuple(prompts[place] for place in kept)
    return replace(prompts, pairs=pairs, info=info, warnings=(*prompts.warnings, warning))


def answers_of(
    model: Model,
    prompts: PromptSet,
    conditions: Conditions = Conditions(),
    report: Callable[[int], None] = lambda done: None,
    metric: str | None = None,
) -> tuple[RowAnswer, ...]:
    """What the model says of each prompt, in their order.

    Args:
        model: the model.
        prompts: the prompts, which fit it.
        conditions: how many are run at a time.
        report: told how many are done.
        metric: which is measured beside the logit difference; that meant for the prompts by default.
    """
    size = micro_batch(model, prompts.pairs, conditions)
    asked = get_metric(metric or prompts.metric)
    return halving(size, model.device, partial(_all, model, prompts, asked, report))


def _all(
    model: Model, prompts: PromptSet, metric: Metric, report: Callable[[int], None], size: int
) -> tuple[RowAnswer, ...]:
    found: dict[int, RowAnswer] = {}
    alone = not (metric.needs_clean_logits or metric.needs_corrupted_logits)
    usable = alone and all(getattr(pair, name) for pair in prompts for name in metric.needs)
    for rows, batch in divide(prompts.pairs, size, model.device, causal=model.wiring.causal):
        compared = [bool(prompts[i].wrong_answers) for i in rows]
        answers = _answers(model, batch, compared, metric if usable else None, whole=metric.one_a_position)
        found.update(zip(rows, answers, strict=True))
        report(len(found))
    return tuple(found[i] for i in range(len(prompts)))


def _answers(
    model: Model, batch: Batch, compared: list[bool], metric: Metric | None, *, whole: bool
) -> list[RowAnswer]:
    clean, corrupted = (_logits(model, batch, ids) for ids in (batch.clean, batch.corrupted))
    best, read = clean.argmax(-1), batch.metric.position_mask
    if whole:
        top = ((best == batch.metric.answers[:, : best.shape[1]]) | ~read).all(1)
    else:
        top = get_metric("accuracy")(clean, batch.metric) == 1
    likeliest = [row[at].tolist() for row, at in zip(best, read, strict=True)]
    right: list[bool | None] = [None] * len(compared)
    differences: list[list[float | None]] = [[None] * len(compared)] * 2
    if any(compared):
        right = list(_is_right(clean, batch).tolist())
        differences = [get_metric("logit-diff")(logits, batch.metric).tolist() for logits in (clean, corrupted)]
    measured: list[tuple[float, float] | None] = [None] * len(compared)
    if metric is not None:
        values = (metric(logits, batch.metric).tolist() for logits in (clean, corrupted))
        measured = list(zip(*values, strict=True))
    known = zip(compared, right, *differences, top.tolist(), likeliest, measured, strict=True)
    return [
        RowAnswer(
            ours if has_wrong else None,
            theirs if has_wrong else None,
            beats if has_wrong else None,
            first,
            tokens(said, model.tokenizer),
            values,
        )
        for has_wrong, beats, ours, theirs, first, said, values in known
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
