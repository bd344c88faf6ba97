"""What holds for every task, with every tokenizer that it is meant for."""

from __future__ import annotations

import pytest

from edgewise.errors import DataError
from edgewise.metrics import METRICS
from edgewise.tasks import TASKS, make_task, validate
from edgewise.tasks.templates.shipped import LIBRARY
from tasks.small_tokenizers import word_tokenizer

pytestmark = pytest.mark.slow

# Most tasks are in words that the demo model's tokenizer and GPT-2's both know; these are for others.
TOKENIZERS = {
    "planted": ("planted",),
    "compiled": ("compiled",),
    **{task.stem: ("gpt2",) for task in LIBRARY.glob("*.toml") if task.stem not in ("ioi", "docstring", "induction")},
}
PAIRS = [(task, tokenizer) for task in TASKS for tokenizer in TOKENIZERS.get(task, ("demo", "gpt2"))]
SMALLEST = [(task, TOKENIZERS.get(task, ("demo",))[0]) for task in TASKS]
HAVE_BOS = {"planted": "planted_bos", "compiled": "compiled_bos"}
WITH_BOS = [(task, HAVE_BOS.get(task, "gpt2")) for task in TASKS]

ALL = pytest.mark.parametrize("task", TASKS.names())
ALL_PAIRS = pytest.mark.parametrize(("task", "any_tokenizer"), PAIRS, indirect=["any_tokenizer"])
SPLITS = ("discovery", "held-out")
TOO_FEW = (
    r"only \d+ of \d+ .* the task needs \d+.*Not single tokens: .*, |does not know the words of|"
    r"the task needs \d+;.*left out \(.*: .*, "
)


@pytest.fixture
def any_tokenizer(request):
    """A tokenizer by its name."""
    return request.getfixturevalue(f"{request.param}_tokenizer")


@ALL_PAIRS
def test_the_same_seed_gives_the_same_prompts_and_another_seed_others(task, any_tokenizer):
    first, again = (make_task(task, any_tokenizer, n=20, seed=3) for _ in range(2))
    other = make_task(task, any_tokenizer, n=20, seed=4)
    assert first.pairs == again.pairs
    assert first.fingerprint() != other.fingerprint()
    assert len({p.clean for p in first} & {p.clean for p in other}) < 5


@ALL_PAIRS
def test_a_longer_set_begins_with_the_shorter_one(task, any_tokenizer):
    short, long = (make_task(task, any_tokenizer, n=n, seed=1) for n in (5, 25))
    assert long.pairs[:5] == short.pairs


@ALL_PAIRS
def test_no_prompt_is_in_both_splits_under_any_seed(task, any_tokenizer):
    discovery, held_out = (
        {p.clean for seed in range(3) for p in make_task(task, any_tokenizer, n=150, seed=seed, split=split)}
        for split in SPLITS
    )
    assert len(discovery) > 400
    assert len(held_out) > 400
    assert not discovery & held_out


@ALL_PAIRS
@pytest.mark.parametrize("split", SPLITS)
def test_clean_and_corrupted_align_and_every_row_is_usable(task, split, any_tokenizer):
    prompts = make_task(task, any_tokenizer, n=100, split=split)
    assert len(prompts) == 100
    assert len({p.clean for p in prompts}) == 100
    checked = validate(prompts.pairs, vocab_size=len(any_tokenizer), max_positions=64)
    assert checked.pairs == prompts.pairs  # equal lengths, ids in range, answers and wrong answers apart
    assert checked.warnings == ()  # no row is clean == corrupted
    assert all(p.positions == (len(p.clean) - 1,) for p in prompts)
    assert [p.row for p in prompts] == list(range(1, 101))


@pytest.mark.parametrize(("task", "any_tokenizer"), SMALLEST, indirect=["any_tokenizer"])
def test_each_names_a_known_metric_and_records_how_it_was_made(task, any_tokenizer):
    prompts = make_task(task, any_tokenizer, n=3, seed=9, split="held-out")
    assert prompts.metric in METRICS.names()
    assert {"task": task, "n": 3, "seed": 9, "split": "held-out"}.items() <= prompts.info.items()
    assert all("left out" in warning for warning in prompts.warnings)
    assert prompts.bos is False


@pytest.mark.parametrize(("task", "any_tokenizer"), WITH_BOS, indirect=["any_tokenizer"])
def test_bos_stands_before_clean_and_corrupted_alike(task, any_tokenizer):
    plain, with_bos = (make_task(task, any_tokenizer, n=3, bos=bos) for bos in (False, True))
    bos = any_tokenizer.bos_token_id
    for pair, longer in zip(plain, with_bos, strict=True):
        assert longer.clean == (bos, *pair.clean)
        assert longer.corrupted == (bos, *pair.corrupted)
        assert (longer.answers, longer.wrong_answers) == (pair.answers, pair.wrong_answers)


@ALL
def test_a_tokenizer_that_knows_too_few_of_the_words_is_refused_with_a_list_of_them(task):
    with pytest.raises(DataError, match=TOO_FEW) as error:
        make_task(task, word_tokenizer(), n=5)
    assert "\n" not in str(error.value)


@ALL
def test_an_option_that_the_task_does_not_have_is_refused(task, demo_tokenizer):
    with pytest.raises(DataError, match="has no option 'colour'"):
        make_task(task, demo_tokenizer, n=2, options={"colour": "red"})
