"""What holds of every compiled program: its answers, its attention, and its circuit, each by a route of its own."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from edgewise import score_edges
from edgewise.engine.run.batches import Batch
from edgewise.engine.run.sources import recorded_outputs
from edgewise.errors import DataError, ModelError
from edgewise.models import Model, load_model
from edgewise.models.built import digest
from edgewise.models.compiled import PROGRAMS, language
from edgewise.models.compiled.program import Head
from edgewise.runs.prompts import make_task
from edgewise.tasks import PromptSet, compiled
from edgewise.tasks.split import is_held_out
from planted import effects

pytestmark = pytest.mark.slow

ALL = pytest.mark.parametrize("name", PROGRAMS)
# Worked out by hand from what the program is said to do.
EDGES = {
    "two-back": "input->a0.h1<v> a0.h1->a1.h2<v> a1.h2->logits",
    "induction": "input->a0.h1<v> a0.h1->a1.h2<k> input->a1.h2<q> input->a1.h2<v> a1.h2->logits",
    "seen": "input->a0.h1<v> a0.h1->a1.h3<k> a0.h1->a1.h3<v> input->a1.h3<q> a1.h3->m1 m1->logits",
}

# Another digest means that results told of these models are of other models from now on.
CITED = {
    "compiled:induction": "56cca2fec411eb12c92809023d1bcda1915887aa8cf2a98b7a23cfa2edb5fa4a",
    "compiled:agreement": "fd45e885f138388fee8b9c1a0af74a507cfadeb1c476bfbeb1c2c710351c9032",
}


@cache
def model_of(name: str) -> Model:
    return load_model(f"compiled:{name}")


@cache
def prompts_of(name: str, split: str = "discovery", n: int = 40) -> PromptSet:
    return make_task("compiled", model_of(name), n=n, seed=3, split=split)


@ALL
@pytest.mark.parametrize("split", ["discovery", "held-out"])
def test_the_transformer_answers_what_the_task_says(name: str, split: str) -> None:
    """The task works its answers out from the letters, in plain Python, and knows nothing of the network."""
    model = model_of(name)
    for pair in prompts_of(name, split):
        for ids, (answer,) in ((pair.clean, pair.answers), (pair.corrupted, pair.wrong_answers)):
            logits = model.module(torch.tensor([ids])).logits[0, -1].detach()
            rest = logits[torch.arange(len(logits)) != answer]
            assert float(logits[answer]) == pytest.approx(4.0, abs=1e-5)
            assert rest.abs().max() < 1e-5


@ALL
def test_the_circuit_is_exactly_the_edges_whose_patch_changes_the_answer(name: str) -> None:
    model = model_of(name)
    found, mask = effects(model, prompts_of(name, n=8)), model.circuit.mask
    assert (np.abs(found[mask]) > 0.4).all()
    assert (np.abs(found[model.graph.mask & ~mask]) < 1e-5).all()


@pytest.mark.parametrize(("name", "edges"), EDGES.items())
def test_circuits_are_those_worked_out_by_hand(name: str, edges: str) -> None:
    assert set(model_of(name).circuit.edges()) == set(edges.split())


@ALL
def test_attention_of_the_circuit_is_saturated(name: str) -> None:
    """Each position attends to one, or to equal matches alike."""
    model = load_model(f"compiled:{name}")
    model.module.set_attn_implementation("eager")
    heads = [part for part in PROGRAMS[name].parts if isinstance(part, Head) and not part.out.startswith("idle")]
    for pair in prompts_of(name)[:10]:
        patterns = model.module(torch.tensor([pair.clean]), output_attentions=True).attentions
        for part in heads:
            pattern = patterns[part.layer][0, part.head]
            largest = pattern.amax(-1, keepdim=True)
            assert ((pattern < 1e-20) | ((pattern - largest).abs() < 1e-5)).all()


@ALL
def test_idle_nodes_write_what_depends_on_the_prompt(name: str) -> None:
    """So that a method has something to be misled by."""
    program, model = PROGRAMS[name], model_of(name)
    idle = [part.source for part in program.parts if part.out.startswith("idle")]
    assert not set(idle) & set(model.circuit.nodes())
    batch = Batch.of(prompts_of(name).pairs, model.device)
    change = recorded_outputs(model, batch.corrupted) - recorded_outputs(model, batch.clean)
    assert sum(bool(change[model.graph.source_index(node)].abs().max() > 0.1) for node in idle) >= 4


@ALL
def test_the_gradient_along_queries_and_keys_of_the_circuit_is_zero(name: str) -> None:
    model = load_model(f"compiled:{name}", dtype="float64")
    scores = np.abs(score_edges(model, prompts_of(name), method="eap").values)
    for edge in model.circuit.edges():
        source, destination = edge.split("->")
        at = model.graph.source_index(source), model.graph.destination_index(destination)
        if destination.endswith(("<q>", "<k>")):
            assert scores[at] < 1e-9
        elif destination == "logits":
            assert scores[at] > 0.1


def test_gradients_miss_what_saturated_attention_hides_and_finite_differences_find_it() -> None:
    found: dict[str, list[float]] = {"eap": [], "secant": [], "eap-secant": []}
    for name in PROGRAMS:
        model, graph = model_of(name), model_of(name).graph
        for method, areas in found.items():
            scores = np.abs(score_edges(model, prompts_of(name), method=method).values[graph.mask])
            areas.append(float(roc_auc_score(model.circuit.mask[graph.mask], scores)))
    assert np.mean(found["eap"]) < 0.85
    assert min(found["secant"]) == min(found["eap-secant"]) == 1.0


def test_the_task_speaks_the_models_language() -> None:
    """Neither of the two may import the other: the words stand in both places."""
    assert compiled.LETTERS == language.LETTERS
    assert (compiled.YES, compiled.NO) == (language.YES, language.NO)
    assert list(compiled.ANSWERS) == list(PROGRAMS)
    assert compiled.LONGEST + 1 <= language.CONTEXT


@pytest.mark.parametrize(
    ("program", "letters", "answer"),
    [
        ("two-back", "abcd", "b"),
        ("induction", "cadbc", "a"),
        ("induction", "cacbc", None),
        ("induction", "abcd", None),
        ("two-hops", "abdeca", "d"),
        ("two-hops", "abdebca", None),
        ("successor", "dahbc", "a"),
        ("successor", "aebh", "e"),
        ("seen", "abca", "yes"),
        ("seen", "abcd", "no"),
        ("agreement", "ahbha", "yes"),
        ("agreement", "ahbca", "no"),
    ],
)
def test_answers_by_hand(program: str, letters: str, answer: str | None) -> None:
    assert compiled.ANSWERS[program](list(letters)) == answer


@ALL
def test_prompts_vary_and_the_splits_share_none(name: str) -> None:
    one, other = prompts_of(name), prompts_of(name, "held-out")
    assert {len(pair) for pair in one} == {5, 6, 7, 8, 9}
    counts = Counter(pair.answers for pair in prompts_of(name, n=400))
    assert len(counts) == (2 if name in ("seen", "agreement") else 8)
    assert max(counts.values()) < 2 * min(counts.values())
    for prompts, held_out in ((one, False), (other, True)):
        for pair in prompts:
            for ids in (pair.clean, pair.corrupted):
                first, second = (language.WORDS[token - language.FIRST_WORD] for token in ids[1:3])
                assert is_held_out(first, second) == held_out
            assert pair.answers != pair.wrong_answers


def test_names_that_there_are_not_and_tokenizers_of_others_are_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match=r"'inducton' is not a program; write .*; did you mean 'induction'"):
        load_model("compiled:inducton")
    with pytest.raises(ModelError, match="the program is missing; write compiled: and one of two-back, induction"):
        load_model("compiled")
    with pytest.raises(DataError, match="use such a model \\(--model compiled:induction\\) or another task"):
        make_task("compiled", load_model("planted:3"), n=2)


@pytest.mark.parametrize(("name", "cited"), CITED.items())
def test_a_cited_model_stays_the_same_model(name: str, cited: str) -> None:
    assert digest(name) == cited


def test_digests_differ_and_loading_uses_up_no_randomness() -> None:
    assert len({digest(f"compiled:{name}") for name in PROGRAMS}) == len(PROGRAMS)
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    load_model("compiled:seen")
    assert torch.equal(torch.random.get_rng_state(), before)
