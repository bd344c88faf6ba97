"""Published models from their GGUF files: weights, tokens, clean values and scores by other routes.

The other routes are a plain module with the tensors placed by hand (``plain.py``), the tokenizer made of the file's
tokens with the splits that its makers publish, and single edges patched by hooks on that plain module.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor, nn

from edgewise import PromptPair, check_model, load_model, score_edges
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.forward import logits_at
from edgewise.engine.run.hooks import borrowed
from edgewise.metrics import get_metric
from edgewise.models import Model
from real.conftest import file_of
from real.plain import GEMMA3, SMOLLM2, plain
from tasks.test_rows_of_functions import ROWS, digests

pytestmark = pytest.mark.real

PUBLISHED = {"smollm2": SMOLLM2, "gemma3": GEMMA3}
EACH = pytest.mark.parametrize("name", PUBLISHED)
# clean, corrupted (another name at the second place), who is given it, who gives it
WRITTEN = [
    ("When Mary and John went to the store, John gave a drink to", "Paul", " Mary", " John"),
    ("After Tom and Sarah left the office, Sarah sent a letter to", "Anna", " Tom", " Sarah"),
    ("Then Peter and Alice had lunch together, and Peter gave a book to", "Kate", " Alice", " Peter"),
    ("While James and Emma were at the school, Emma handed a ball to", "Mark", " James", " Emma"),
]
EDGES = ["input->m0", "m0->m5", "a10.h2->m12", "m9->m15", "m14->logits", "a12.h1->logits", "a15.h3->logits"]


@cache
def loaded(name: str) -> Model:
    return load_model(file_of(name))


@cache
def by_hand(name: str) -> Any:
    return plain(file_of(name), PUBLISHED[name])


def pairs(name: str) -> list[PromptPair]:
    """The written prompts, in each of which the giver's second mention becomes another name."""
    tokenizer = loaded(name).tokenizer
    made = []
    for clean, other, answer, wrong in WRITTEN:
        before, _, after = clean.rpartition(wrong.strip())
        ids = [tokenizer(text).input_ids for text in (clean, f"{before}{other}{after}")]
        last = [tokenizer(word, add_special_tokens=False).input_ids for word in (answer, wrong)]
        assert len(ids[0]) == len(ids[1])
        assert [len(one) for one in last] == [1, 1]
        made.append(PromptPair(ids[0], ids[1], last[0], last[1]))
    return made


def difference(logits: Tensor, pair: PromptPair) -> Tensor:
    return logits[0, -1, pair.answers[0]] - logits[0, -1, pair.wrong_answers[0]]


@EACH
def test_weights_are_those_of_the_file(name: str) -> None:
    expected = dict(by_hand(name).named_parameters())
    held = dict(loaded(name).module.named_parameters())
    assert held.keys() == expected.keys()
    for parameter, value in held.items():
        assert torch.equal(value, expected[parameter]), parameter


@EACH
def test_clean_logit_differences_are_the_plain_module_s(name: str) -> None:
    model, batch = loaded(name), Batch.of(pairs(name), torch.device("cpu"))
    with borrowed(model.module) as hooks, torch.no_grad():
        logits = logits_at(model, hooks, batch.clean, batch.answers)
    measured = get_metric("logit-diff").fn(logits, batch.metric)
    with torch.no_grad():
        expected = [difference(by_hand(name)(torch.tensor([pair.clean])).logits, pair) for pair in pairs(name)]
    torch.testing.assert_close(measured, torch.stack(expected), rtol=1e-4, atol=1e-3)
    assert min(measured) > 2  # it knows the task


def test_tokens_are_those_of_the_published_splits() -> None:
    """SmolLM2's: digits one by one, then GPT-2's splits on bytes."""
    import gguf

    fields = gguf.GGUFReader(file_of("smollm2")).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"].contents()]
    expected = Tokenizer(models.BPE({token: index for index, token in enumerate(tokens)}, merges))
    expected.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer = loaded("smollm2").tokenizer
    for text in (
        *(clean for clean, *_ in WRITTEN),
        "The war lasted from 1741 to 17",
        "def f(x):\n    return  x + 10\n",
    ):
        ids = tokenizer(text).input_ids
        assert ids == expected.encode(text).ids
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(("name", "recorded"), [("smollm2", "smollm2"), ("gemma3", "gemma-3")])
def test_rows_of_tasks_are_those_of_the_functions_that_made_them_before(name: str, recorded: str) -> None:
    tokenizer = loaded(name).tokenizer
    assert {key: digests(tokenizer, key) for key in ROWS[recorded]} == ROWS[recorded]


def test_scores_are_slopes_of_edges_patched_by_hand() -> None:
    pair = pairs("smollm2")[0]
    scores = score_edges(loaded("smollm2"), [pair], method="eap", metric="logit-diff")
    for edge in EDGES:
        slope = slope_by_hooks(by_hand("smollm2"), pair, edge)
        assert float(scores.values[scores.graph.edge(edge)]) == pytest.approx(slope, rel=0.02, abs=2e-3), edge


def slope_by_hooks(module: Any, pair: PromptPair, edge: str, step: float = 0.05) -> float:
    """Of the logit difference as an edge's source is moved from clean to corrupted for one reader alone."""
    source, reader = edge.split("->")
    written = [output_of(module, source, ids) for ids in (pair.clean, pair.corrupted)]
    norm = module.model.norm if reader == "logits" else layer_of(module, reader).post_attention_layernorm
    values = []
    for share in (step, -step):
        moved = share * (written[1] - written[0])
        hook = norm.register_forward_pre_hook(lambda _, inputs, moved=moved: (inputs[0] + moved,))
        with torch.no_grad():
            values.append(float(difference(module(torch.tensor([pair.clean])).logits, pair)))
        hook.remove()
    return (values[0] - values[1]) / (2 * step)


def output_of(module: Any, source: str, ids: tuple[int, ...]) -> Tensor:
    """What a source writes into the stream."""
    kept: list[Tensor] = []
    attention, _, head = source.partition(".h")
    size = module.config.head_dim
    part = slice(int(head or 0) * size, (int(head or 0) + 1) * size)

    def keep(place: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        kept.append(inputs[0][..., part] @ place.weight[:, part].T if head else output)

    if head:
        place: nn.Module = layer_of(module, attention).self_attn.o_proj
    else:
        place = module.model.embed_tokens if source == "input" else layer_of(module, source).mlp
    hook = place.register_forward_hook(keep)
    with torch.no_grad():
        module(torch.tensor([ids]))
    hook.remove()
    return kept[0]


def layer_of(module: Any, name: str) -> Any:
    return module.model.layers[int(name[1:])]


@EACH
def test_check_passes(name: str) -> None:
    assert [row for row in check_model(loaded(name)) if not row.passed] == []
