"""Models of TransformerLens that are in memory: a stand-in, and the package's own where it is installed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import edgewise
from bruteforce.from_lens import from_lens
from bruteforce.transformer import run
from edgewise.errors import ModelError, UnsupportedModelError
from edgewise.models import Model, load_model
from edgewise.tasks import PromptPair, PromptSet
from tiny_lens import CONFIGS, VOCABULARY, LensCheckpoint, checkpoint, dump

DEMO = Path(edgewise.__file__).parent / "models" / "demo"
EDGES = (
    "input->a0.h1<v>", "a0.h1->a1.h0<q>", "a0.h1->a1.h0<k>", "m0->a1.h1<v>", "a1.h0->m1", "m0->logits", "a1.h1->logits",
)  # fmt: skip


class Config:
    """The config of a model of TransformerLens below 4, as far as it is read."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = {"default_prepend_bos": True, **values}

    def __getattr__(self, name: str) -> Any:
        if name not in self.values:
            raise AttributeError(name)
        return self.values[name]

    def to_dict(self) -> dict[str, Any]:
        return dict(self.values)


class HookedTransformer(nn.Module):
    """A stand-in: TransformerLens's names and layout, and logits by brute force."""

    __module__ = "transformer_lens.HookedTransformer"

    def __init__(self, source: LensCheckpoint) -> None:
        super().__init__()
        self.source, self.cfg = source, Config(source.config)
        self.transformer = from_lens(source.config, source.tensors)
        self.shift = 0.0

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return dict(self.source.tensors)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = run(self.transformer, ids).logits
        return logits + self.shift * torch.arange(logits.shape[-1])


@pytest.mark.parametrize("name", CONFIGS)
def test_a_hooked_transformer_is_taken_with_its_own_logits(name: str) -> None:
    given = HookedTransformer(checkpoint(CONFIGS[name]))
    taken = load_model(given)
    ids = torch.randint(VOCABULARY, (2, 9), generator=torch.Generator().manual_seed(1))
    logits = taken.module(input_ids=ids).logits
    assert (logits - given(ids)).abs().max() <= 1e-9 * logits.abs().max()
    assert taken.name == CONFIGS[name].get("model_name", "HookedTransformer")
    assert taken.bos is True


def test_what_computes_something_else_is_refused_in_one_line() -> None:
    given = HookedTransformer(checkpoint(dump()))
    given.shift = 1.0
    with pytest.raises(UnsupportedModelError, match=r"its logits differ from its own by .* or has hooks") as caught:
        load_model(given)
    assert "\n" not in str(caught.value)
    with pytest.raises(UnsupportedModelError, match=r"attn_scores_soft_cap is 50\.0: a soft cap on attention scores"):
        load_model(HookedTransformer(LensCheckpoint(dump(attn_scores_soft_cap=50.0), checkpoint(dump()).tensors)))
    with pytest.raises(ModelError, match=r"'HookedTransformer' is already loaded: dtype"):
        load_model(given, dtype="float64")


@pytest.mark.filterwarnings("ignore::edgewise.errors.EdgewiseWarning")
def test_discover_takes_one_in_the_place_of_a_name(tmp_path: Path) -> None:
    """Scores are those of the same checkpoint by its folder; the record has the digests of what was given."""
    source = checkpoint(dump())
    given = HookedTransformer(source)
    given.register_parameter("W_E", nn.Parameter(torch.zeros(1, dtype=torch.float64)))
    row = {"corrupted": [1, 4, 3], "answers": [5], "wrong_answers": [6]}
    rows = [{"clean": [1, n, 3], **row} for n in (2, 7, 8)]
    (tmp_path / "ids.jsonl").write_text("\n".join(map(json.dumps, rows)))
    asked: dict[str, Any] = {"data": tmp_path / "ids.jsonl", "method": "eap", "top": 9, "pictures": False}
    run = edgewise.discover(model=given, out=tmp_path / "memory", **asked)
    folder = source.write(tmp_path / "folder")
    stored = edgewise.discover(model=folder, dtype="float64", out=tmp_path / "stored", **asked)
    torch.testing.assert_close(torch.tensor(run.scores.values), torch.tensor(stored.scores.values), equal_nan=True)
    assert run.config.model.startswith("memory:HookedTransformer@")
    assert run.record.identity["model/class"] == "HookedTransformer"
    assert set(run.record.identity) >= {"model/config", "model/weights"}


# The package itself


def randomised(module: nn.Module) -> nn.Module:
    """With gains near 1 and everything else drawn, so that folding and centring change every weight."""
    torch.manual_seed(0)
    for name, x in module.named_parameters():
        gain = name.endswith(".w") or (name.endswith("weight") and x.ndim == 1)
        x.data = torch.randn_like(x) * 0.25 + gain
    return module.eval()


def hooked(**settings: Any) -> Any:
    lens = pytest.importorskip("transformer_lens", exc_type=ImportError)
    try:
        kinds = lens.HookedTransformer, lens.HookedTransformerConfig
    except (AttributeError, ImportError):
        pytest.skip("TransformerLens 4 has no HookedTransformer")
    shape = {"n_layers": 2, "d_model": 16, "n_ctx": 16, "d_head": 4, "n_heads": 4, "d_mlp": 24, "d_vocab": 30}
    config = kinds[1](**{**shape, "act_fn": "gelu", "normalization_type": "LN", "seed": 0, **settings})
    return randomised(kinds[0](config))


def bridge(kind: str) -> Any:
    pytest.importorskip("transformer_lens.model_bridge", exc_type=ImportError)
    import transformers
    from transformer_lens.model_bridge.sources.transformers import boot  # type: ignore[import-not-found]

    size = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 4, "intermediate_size": 24}
    ids = {"vocab_size": 30, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0, "max_position_embeddings": 32}
    config = {
        "gpt2": lambda: transformers.GPT2Config(n_layer=2, n_head=4, n_embd=16, n_positions=32, **ids),
        "llama": lambda: transformers.LlamaConfig(num_key_value_heads=2, **size, **ids),
        "gemma2": lambda: transformers.Gemma2Config(num_key_value_heads=2, head_dim=4, **size, **ids),
        "qwen3": lambda: transformers.Qwen3Config(num_key_value_heads=2, head_dim=4, **size, **ids),
        "gpt-neox": lambda: transformers.GPTNeoXConfig(**{**size, "hidden_size": 32}, **ids),
    }[kind]()
    model = randomised(transformers.AutoModelForCausalLM.from_config(config))
    # Without one, the package asks the hub for that of the name.
    tokenizer = transformers.AutoTokenizer.from_pretrained(DEMO)
    return boot("tiny", hf_model=model, tokenizer=tokenizer).eval()


def own_logits_and_taken(given: Any) -> tuple[Tensor, Tensor]:
    ids = torch.randint(30, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return given(ids), load_model(given).module(input_ids=ids).logits


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"normalization_type": "RMS", "positional_embedding_type": "rotary", "gated_mlp": True, "n_key_value_heads": 2},
        {"attn_only": True, "normalization_type": None},
        {"positional_embedding_type": "shortformer", "act_fn": "solu_ln", "parallel_attn_mlp": True},
    ],
)
@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_model_folded_or_not(settings: dict[str, Any], folded: bool) -> None:
    given = hooked(**settings)
    if folded:
        given.load_and_process_state_dict(given.state_dict(), refactor_factored_attn_matrices=False)
    own, taken = own_logits_and_taken(given)
    assert (own - taken).abs().max() <= 1e-5 * own.abs().max()


@pytest.mark.parametrize("kind", ["gpt2", "llama", "gemma2", "qwen3", "gpt-neox"])
@pytest.mark.parametrize("processed", [False, True])
@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_bridge_processed_or_not(kind: str, processed: bool) -> None:
    given = bridge(kind)
    if processed:
        given.enable_compatibility_mode(disable_warnings=True)
    own, taken = own_logits_and_taken(given)
    assert (own - taken).abs().max() <= 1e-5 * own.abs().max()


def test_a_bridge_in_training_mode_is_refused() -> None:
    with pytest.raises(ModelError, match="training mode"):
        load_model(bridge("gpt2").train())


def pairs() -> PromptSet:
    rows = torch.randint(30, (3, 2, 7), generator=torch.Generator().manual_seed(3)).tolist()
    return PromptSet("random", tuple(PromptPair(clean, corrupted, (4,), (9,)) for clean, corrupted in rows))


def by_hooks(given: Any, taken: Model, prompts: PromptSet, edge: str) -> float:
    """The effect of patching an edge, by the package's hooks, found by the names that edgewise gives for them."""
    names = edgewise.hook_names(taken)
    assert names.ours(names.theirs(edge)) == edge
    (wrote, head), (read, at) = (end_of(end) for end in names.theirs(edge).split("->"))
    clean, corrupted = (torch.tensor([getattr(one, side) for one in prompts.pairs]) for side in ("clean", "corrupted"))

    def written(ids: Tensor) -> Tensor:
        value = given.run_with_cache(ids)[1][wrote]
        return value if head is None else value[:, :, head] @ given.W_O[int(wrote.split(".")[1]), head]

    change = written(corrupted) - written(clean)

    def patch(value: Tensor, hook: Any) -> Tensor:
        value = value.clone()
        if at is None:
            return value + change
        value[:, :, at] += change
        return value

    logits = [given(clean), given.run_with_hooks(clean, fwd_hooks=[(read, patch)])]
    before, after = ((x[:, -1, 4] - x[:, -1, 9]).mean() for x in logits)
    return float(after - before)


def end_of(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.*?)(?:\[(\d+)\])?", name)
    assert found is not None
    return found[1], None if found[2] is None else int(found[2])


@pytest.mark.parametrize("kind", ["hooked", "hooked, folded", "bridge", "bridge, processed"])
@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_patching_an_edge_is_patching_the_packages_hooks(kind: str) -> None:
    given = bridge("gpt2") if kind.startswith("bridge") else hooked()
    if kind == "hooked, folded":
        given.load_and_process_state_dict(given.state_dict())
    if kind == "bridge, processed":
        given.enable_compatibility_mode(disable_warnings=True)
    given.set_use_split_qkv_input(True)
    given.set_use_hook_mlp_in(True)
    taken = load_model(given)
    measured = edgewise.patch_edges(taken, pairs(), only=EDGES)
    for edge in EDGES:
        assert measured[edge] == pytest.approx(by_hooks(given, taken, pairs(), edge), abs=2e-6, rel=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_packages_own_eap_is_ours_with_clean_and_corrupted_exchanged() -> None:
    """It denoises: (a_clean - a_corrupt) times the gradient of the corrupted run."""
    theirs = pytest.importorskip("transformer_lens.tools.analysis.attribution_patching", exc_type=ImportError)
    given = bridge("gpt2")
    taken = load_model(given)
    names = edgewise.hook_names(taken)
    clean, corrupted = (torch.tensor([getattr(one, side) for one in pairs().pairs]) for side in ("clean", "corrupted"))
    config = theirs.EdgeAttributionConfig(granularity="edge")
    try:
        found = theirs.attribution_patch(given, clean, corrupted, lambda x: x[0, -1, 4] - x[0, -1, 9], config)
    except NotImplementedError:
        pytest.skip("this TransformerLens scores nodes alone")
    exchanged = tuple(PromptPair(one.corrupted, one.clean, one.answers, one.wrong_answers) for one in pairs().pairs)
    ours = edgewise.score_edges(taken, PromptSet("exchanged", exchanged), method="eap")
    totals = dict.fromkeys(ours, 0.0)
    for (wrote, read), score in found.edge_scores.items():
        ends = (end if head is None else f"{end}[{head}]" for end, head in map(hook_of, (wrote, read)))
        totals[names.ours("->".join(ends))] += score
    assert totals == pytest.approx(dict(ours.items()), abs=2e-6 * max(map(abs, totals.values())) + 1e-7, rel=1e-4)


def hook_of(node: Any) -> tuple[str, int | None]:
    """A node's hook; the embedding is the stream in front of block 0 but for the positions, which are the same."""
    return ("blocks.0.hook_resid_pre" if node.kind == "embed" else node.hook_name), node.head
