"""Train the bundled demo model on the four tasks' discovery prompts.

    python scripts/train_demo.py                                     # the bundled model, with its card
    python scripts/train_demo.py --family llama --out runs/second    # another model of the same tasks
    python scripts/train_demo.py --seed 1 --steps 3500 --out runs/third

1. Draw pools of discovery prompts of every task; held-out pairs of words never meet in them
   (edgewise.tasks.split).
2. A step takes some prompts of every task. Loss: cross entropy of the answer at the last token (spread evenly
   over the answers where there are several), plus half that of every token that has occurred before in its
   prompt, which is what a model can know about random words.
3. AdamW with warm-up and cosine decay. The state is saved as it goes; the same command goes on where it was
   killed.
4. Measure on held-out prompts, and write weights and tokenizer to the folder; the card is the bundled model's alone.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from demo_card import MEASURED, Measurement, write_card
from demo_tokenizer import CONTEXT, build_tokenizer
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from edgewise.tasks import PromptPair, make_task

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = ROOT / "src" / "edgewise" / "models" / "demo"
REPEAT_WEIGHT = 0.5
POOL_STEPS = 2500
SAVE_EVERY = 250
CLIP = 1.0
CARD_PROMPTS = 2000
CARD_ROWS: tuple[tuple[str, dict[str, object]], ...] = (
    ("ioi", {}),
    ("ioi", {"template": "acdc"}),
    ("greater-than", {}),
    ("docstring", {}),
    ("docstring", {"before": 3, "after": 0}),
    ("docstring", {"before": 1, "after": 1}),
    ("induction", {}),
    ("induction", {"length": 16}),
)


@dataclass(frozen=True)
class Share:
    """A part of the mixture: the task, prompts in a pool, prompts in a step, the options it is drawn with."""

    task: str
    pool: int
    batch: int
    variants: tuple[dict[str, int], ...] = ({},)


# Where the matching arguments stand must not tell the answer, or a copy by position would do.
AROUND = tuple({"before": k, "after": total - k} for total in (2, 3, 4) for k in range(total + 1))
MIXTURE = (
    Share("ioi", 40_000, 64),
    Share("greater-than", 40_000, 48),
    Share("docstring", 48_000, 64, AROUND),
    Share("induction", 20_000, 24, ({"length": 16},)),
    Share("induction", 20_000, 24, ({"length": 8},)),
)


@dataclass(frozen=True)
class Pool:
    """Prompts of one share: ids [n, t] padded, length [n], answers [n, k] padded by -1, repeats [n, t]."""

    ids: Tensor
    length: Tensor
    answers: Tensor
    repeats: Tensor  # True at t where token t + 1 exists and has occurred at or before t


def padded(rows: list[tuple[int, ...]], fill: int) -> np.ndarray:
    """Stack rows of different lengths, right-padded."""
    out = np.full((len(rows), max(map(len, rows))), fill, dtype=np.int64)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out


def pool_of(prompts: Sequence[PromptPair], pad: int) -> Pool:
    """Turn prompts into tensors."""
    ids = padded([pair.clean for pair in prompts], pad)
    seen = np.zeros(ids.shape, dtype=bool)
    for t in range(ids.shape[1] - 1):
        seen[:, t] = (ids[:, : t + 1] == ids[:, t + 1 : t + 2]).any(1) & (ids[:, t + 1] != pad)
    answers = padded([pair.answers for pair in prompts], -1)
    length = np.array([len(pair.clean) for pair in prompts])
    return Pool(*(torch.from_numpy(array) for array in (ids, length, answers, seen)))


def draw_pools(tokenizer: PreTrainedTokenizerFast, seed: int) -> list[Pool]:
    """Draw one pool of every share."""
    pools = []
    for share in MIXTURE:
        n = share.pool // len(share.variants)
        sets = [make_task(share.task, tokenizer, n=n, seed=seed, options=options) for options in share.variants]
        pools.append(pool_of([pair for one in sets for pair in one], tokenizer.pad_token_id))
    return pools


def share_loss(model: PreTrainedModel, pool: Pool, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross entropy of the answers, and of the repeated tokens, over these rows of the pool."""
    length, answers = pool.length[rows], pool.answers[rows]
    ids = pool.ids[rows][:, : int(length.max())]
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    last = model.lm_head(hidden[torch.arange(len(rows)), length - 1]).log_softmax(-1)
    right = answers >= 0
    answer = -(last.gather(1, answers.clamp(min=0)) * right).sum(1) / right.sum(1)
    row, t = pool.repeats[rows][:, : ids.shape[1]].nonzero(as_tuple=True)
    repeat = cross_entropy(model.lm_head(hidden[row, t]), ids[row, t + 1])
    return answer.mean(), repeat


def new_model(tokenizer: PreTrainedTokenizerFast, family: str, seed: int) -> PreTrainedModel:
    """Make the untrained model: 4 layers of 4 heads, width 64, no dropout."""
    torch.manual_seed(seed)
    return FAMILIES[family](len(tokenizer))


def gpt2(vocabulary: int) -> PreTrainedModel:
    """Layer norms, learned positions, GELU."""
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=CONTEXT,
        n_embd=64,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config)


def llama(vocabulary: int) -> PreTrainedModel:
    """RMS norms, rotary positions, gated SiLU; as many parameters in an MLP as in the other one."""
    config = LlamaConfig(
        vocab_size=vocabulary,
        max_position_embeddings=CONTEXT,
        hidden_size=64,
        intermediate_size=172,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


FAMILIES = {"gpt2": gpt2, "llama": llama}
# What makes one training another.
TRAINED = ("family", "steps", "seed", "rate", "decay")


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Warm up over 200 steps, then decay along a half cosine to a hundredth."""
    warm = min(1.0, (step + 1) / 200)
    return peak * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / steps)))


@torch.no_grad()
def measure(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerFast,
    n: int,
    seed: int,
    rows: Sequence[tuple[str, dict[str, object]]] = tuple((task, {}) for task in MEASURED),
) -> list[Measurement]:
    """Held-out top-1 accuracy over the full vocabulary, and for greater-than the mass on later years."""
    model.eval()
    found = []
    for task, options in rows:
        prompts = make_task(task, tokenizer, n=n, seed=seed, split="held-out", options=options)
        pool = pool_of(prompts.pairs, tokenizer.pad_token_id)
        logits = torch.cat([model(input_ids=ids).logits for ids in pool.ids.split(500)])
        last = logits[torch.arange(n), pool.length - 1]
        if task == "greater-than":
            mass = last.softmax(-1).gather(1, pool.answers.clamp(min=0)) * (pool.answers >= 0)
            value = float(mass.sum(1).mean())
        else:
            value = float((last.argmax(-1) == pool.answers[:, 0]).float().mean())
        found.append(Measurement(task, options, value))
    return found


def new_optimizer(model: PreTrainedModel, decay: float) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98))


def train_step(
    model: PreTrainedModel, optimizer: torch.optim.Optimizer, pools: list[Pool], dice: torch.Generator
) -> list[float]:
    """One step on some prompts of every pool; return the answers' loss of each."""
    model.train()
    optimizer.zero_grad(set_to_none=True)
    shown = []
    for share, pool in zip(MIXTURE, pools, strict=True):
        rows = torch.randint(len(pool.ids), (share.batch,), generator=dice)
        answer, repeat = share_loss(model, pool, rows)
        (answer + REPEAT_WEIGHT * repeat).backward()
        shown.append(float(answer.detach()))
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    optimizer.step()
    return shown


def train(arguments: argparse.Namespace) -> tuple[PreTrainedModel, PreTrainedTokenizerFast, float]:
    """Train, or go on from the saved state; return the model, its tokenizer and the minutes it took."""
    tokenizer = build_tokenizer()
    model = new_model(tokenizer, arguments.family, arguments.seed)
    optimizer = new_optimizer(model, arguments.decay)
    state_file = arguments.work / "state.pt"
    settings = {name: getattr(arguments, name) for name in TRAINED}
    first, spent = load_state(state_file, model, optimizer, settings)
    start = time.monotonic()
    pools: list[Pool] = []
    for step in range(first, arguments.steps):
        if not pools or step % POOL_STEPS == 0:
            pools = draw_pools(tokenizer, 1000 * arguments.seed + step // POOL_STEPS)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps, arguments.rate)
        # Each step has dice of its own, so that a run that was killed goes on as if it had not been.
        dice = torch.Generator().manual_seed(1_000_003 * arguments.seed + step)
        losses = train_step(model, optimizer, pools, dice)
        done = step + 1
        if done % SAVE_EVERY == 0 or done == arguments.steps:
            seconds = spent + time.monotonic() - start
            save_state(state_file, model, optimizer, done, seconds, settings)
            shown = " ".join(f"{value:.3f}" for value in losses)
            found = " ".join(f"{one.task} {one.value:.4f}" for one in measure(model, tokenizer, 500, 1))
            print(f"step {done} {seconds / 60:.1f} min  losses {shown}  held-out {found}", flush=True)
    return model, tokenizer, (spent + time.monotonic() - start) / 60


def load_state(
    path: Path, model: PreTrainedModel, optimizer: torch.optim.Optimizer, settings: dict[str, object]
) -> tuple[int, float]:
    """Put a saved state into model and optimizer, if there is one; return steps done and seconds spent."""
    if not path.is_file():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    if state["settings"] != settings:
        raise SystemExit(f"{path}: the state of another training, {state['settings']}; give another --work")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"], state["seconds"]


def save_state(
    path: Path,
    model: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    step: int,
    seconds: float,
    settings: dict[str, object],
) -> None:
    """Write the state so that a kill in the middle leaves the last one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
        "settings": settings,
    }
    temporary = path.with_suffix(".new")
    torch.save(state, temporary)
    temporary.replace(path)


def main() -> None:
    """Train, measure, and write the folder."""
    parser = argparse.ArgumentParser(description="Train the bundled demo model, or another of the same tasks.")
    parser.add_argument("--family", choices=FAMILIES, default="gpt2")
    parser.add_argument("--steps", type=int, default=7500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=3e-3, help="highest learning rate")
    parser.add_argument("--decay", type=float, default=0.05, help="weight decay")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, help="where the state is kept; by default runs/train-FAMILY-SEED")
    parser.add_argument("--out", type=Path, help="needed for any other model than the bundled one")
    arguments = parser.parse_args()
    bundled = all(getattr(arguments, name) == parser.get_default(name) for name in TRAINED)
    if arguments.out is None and not bundled:
        parser.error("this is another model than the bundled one; give --out")
    arguments.work = arguments.work or ROOT / "runs" / f"train-{arguments.family}-{arguments.seed}"
    out = arguments.out or BUNDLED
    torch.set_num_threads(arguments.threads)
    model, tokenizer, minutes = train(arguments)
    model.eval().save_pretrained(out)
    tokenizer.save_pretrained(out)
    found = measure(model, tokenizer, CARD_PROMPTS, 0, CARD_ROWS)
    if bundled:
        command = f"python scripts/train_demo.py --steps {arguments.steps} --seed {arguments.seed}"
        card = write_card(command, minutes, arguments.threads, CARD_PROMPTS, found)
        (out / "README.md").write_text(card, encoding="utf-8")
    for one in found:
        print(f"{one.task} {dict(one.options)}: {one.value:.4f}")


if __name__ == "__main__":
    main()
