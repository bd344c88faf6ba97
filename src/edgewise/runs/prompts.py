"""Prompts for a model: a task's or a file's, checked against the model's vocabulary and context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgewise import tasks
from edgewise.errors import DataError, MetricError
from edgewise.metrics import get_metric
from edgewise.models import Model, Reader
from edgewise.runs.config import RunConfig
from edgewise.tasks import PromptPair, PromptSet, Split, TextEncoder, Tokenizer, validate
from edgewise.tasks import files as task_files
from edgewise.tasks.chat import ChatEncoder
from edgewise.tasks.packed import gathered
from edgewise.tasks.places import by_place
from edgewise.tasks.validation import require_differences

DEFAULT_N = 100


def make_task(
    name: str,
    model: Model | Reader | Tokenizer | None,
    *,
    n: int = DEFAULT_N,
    seed: int = 0,
    split: Split = "discovery",
    bos: bool | None = None,
    options: Mapping[str, Any] | None = None,
    chat: ChatEncoder | None = None,
) -> PromptSet:
    """Make the prompts of a published task for a model.

    Args:
        name: a task's name; `edgewise list tasks` shows them.
        model: a `Model`, its `Reader`, or a Hugging Face tokenizer where there is none yet.
        n: number of prompts.
        seed: seed of the generator.
        split: ``"discovery"`` to find a circuit, ``"held-out"`` to test it; no prompt is in both.
        bos: put BOS before every prompt; None does as the model does by default.
        options: the task's own, such as ``{"order": "abba"}``.
        chat: puts prompts into a chat template; None leaves them as they are.

    Returns:
        The prompts, checked against the model's vocabulary and context where a model is given.

    Raises:
        UnknownNameError: no such task.
        DataError: no tokenizer, words that are not single tokens, prompts longer than the context.
    """
    if not isinstance(model, Model | Reader):
        return tasks.make_task(name, model, n=n, seed=seed, split=split, bos=bos, options=options, chat=chat)
    prompts = tasks.make_task(
        name, model.tokenizer, n=n, seed=seed, split=split, bos=_bos(model, bos), options=options, chat=chat
    )
    checked = validate(
        prompts.pairs,
        vocab_size=model.vocab_size,
        output_size=model.output_size,
        max_positions=model.max_positions,
        origin=f"task '{name}'",
    )
    return replace(prompts, pairs=checked.pairs, warnings=(*prompts.warnings, *checked.warnings))


def read_prompts(
    path: str | Path,
    model: Model | Reader,
    *,
    n: int | None = None,
    bos: bool | None = None,
    drop_invalid: bool = False,
    first_token: bool = False,
    whole_answers: bool = False,
    require_answers: bool = True,
    chat: ChatEncoder | None = None,
    columns: Mapping[str, str] | None = None,
) -> PromptSet:
    """Read a CSV, JSON, JSONL or Parquet file of prompts, as text or as token ids, for a model.

    Args:
        path: the file: fields `clean`, `corrupted`, `answers`, `wrong_answers`, and optionally `positions` and `spans`.
        model: whose tokenizer, vocabulary and context they are for; its weights are not needed.
        n: use the first `n` usable rows; None uses all.
        bos: put BOS before every prompt; None means as the tokenizer does for text, and never for ids.
        drop_invalid: leave out unusable rows and count them, instead of refusing the file.
        first_token: of answers that are several tokens, take the first.
        whole_answers: read every token of the right answer, behind those before it.
        require_answers: refuse rows without answers; some metrics need none.
        chat: put prompts into a chat template; None leaves them as they are.
        columns: field -> the column that has it, where the file calls it otherwise.

    Raises:
        DataError: naming the row, the field and the fix.
    """
    encoder = chat or (None if model.tokenizer is None else text_encoder(model, bos))
    prompts = task_files.read_prompts(
        path,
        encoder,
        columns=columns,
        n=n,
        drop_invalid=drop_invalid,
        first_token=first_token,
        whole_answers=whole_answers,
        bos=bos,
        vocab_size=model.vocab_size,
        output_size=model.output_size,
        max_positions=model.max_positions,
        require_answers=require_answers,
    )
    if n is not None and n > len(prompts):
        raise DataError(f"{path}: {n} prompts asked for, but it has {len(prompts)} usable rows; give a smaller --n")
    require_differences(prompts.pairs, str(path))
    return prompts


def text_encoder(model: Model | Reader, bos: bool | None) -> TextEncoder:
    """A model's tokenizer as prompts are read with it; raises DataError where it has none."""
    if model.tokenizer is None:
        raise DataError("the model has no tokenizer, so no text can be put into its tokens; name one that has")
    return TextEncoder(model.tokenizer, _bos(model, bos))


def prompts_of(config: RunConfig, model: Model | Reader) -> PromptSet:
    """Make or read the prompts that a run asks for; raises as `make_task`, `read_prompts` and `by_place`."""
    prompts = _prompts_of(config, model)
    if config.positions is None:
        return prompts
    located = by_place(prompts, config.positions, config.readers)
    return replace(located, info={**located.info, "at_places": _words_at_places(located[0], model)})


def _words_at_places(pair: PromptPair, model: Model | Reader) -> dict[str, str]:
    """What stands at each place of a prompt, as far as there is a tokenizer to say it."""
    if pair.located is None or model.tokenizer is None:
        return {}
    ids: dict[str, list[int]] = {}
    for token, place in zip(pair.clean, pair.located.at, strict=True):
        ids.setdefault(pair.located.names[place], []).append(token)
    return {place: str(model.tokenizer.decode(some)).strip() for place, some in ids.items()}


def _prompts_of(config: RunConfig, model: Model | Reader) -> PromptSet:
    chat = _chat(config, model) if config.in_chat else None
    if config.data is not None:
        _refuse_sets_of_answers(config)
        rows = read_prompts(
            config.data,
            model,
            n=config.n,
            bos=config.bos,
            drop_invalid=config.drop_invalid,
            first_token=config.first_token,
            whole_answers=config.answer_tokens == "all",
            require_answers=_needs_answers(config),
            chat=chat,
            columns=config.columns,
        )
        return rows if config.hold_out is None else _side(rows, config, config.hold_out)
    return make_task(
        str(config.task),  # a config holds exactly one of the two
        model,
        n=config.n or DEFAULT_N,
        seed=config.seed,
        split=config.split,
        bos=config.bos,
        options=config.options,
        chat=chat,
    )


def _chat(config: RunConfig, model: Model | Reader) -> ChatEncoder:
    return ChatEncoder(text_encoder(model, None).tokenizer, config.system)


def _side(rows: PromptSet, config: RunConfig, share: float) -> PromptSet:
    """The rows of a file that are scored, or those held out: drawn by the seed, each in the order of the file.

    Raises:
        DataError: too few rows for both.
    """
    held = round(share * len(rows))
    if not 0 < held < len(rows):
        raise DataError(
            f"{config.data}: {len(rows)} rows cannot be divided with --hold-out {share:g}; give more, or another share"
        )
    order = np.random.default_rng(abs(config.seed)).permutation(len(rows))
    chosen = order[:held] if config.split == "held-out" else order[held:]
    return replace(rows, pairs=gathered(rows.pairs[i] for i in sorted(chosen.tolist())))


def require_data(config: RunConfig) -> None:
    """Refuse a data file of which no row can be read, whatever the model; raises as `read_prompts`."""
    if config.data is not None:
        task_files.require_readable(
            config.data, n=config.n, require_answers=_needs_answers(config), columns=config.columns
        )


def _refuse_sets_of_answers(config: RunConfig) -> None:
    """A metric of any right token at every position means nothing where they are the tokens of one answer in order."""
    if config.answer_tokens != "all" or config.metric is None:
        return
    metric = get_metric(config.metric)
    if {"answers", "wrong_answers"} & set(metric.needs) and not metric.one_a_position:
        raise MetricError(
            f"metric '{metric.name}' takes answers for words any of which is right, and --answer-tokens all for one"
            " answer's tokens; leave --metric out, or --answer-tokens"
        )


def _needs_answers(config: RunConfig) -> bool:
    return config.metric is None or "answers" in get_metric(config.metric).needs


def _bos(model: Model | Reader, asked: bool | None) -> bool | None:
    """The user's choice for text, else the model's own, else None: as the tokenizer does."""
    return model.bos if asked is None else asked
