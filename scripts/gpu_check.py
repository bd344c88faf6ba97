"""Prove on your own GPUs that they give what a CPU gives, and say how fast they are and what memory they take.

    python scripts/gpu_check.py                  # ten minutes at most
    python scripts/gpu_check.py --json found.json

1. A small Llama with random weights is scored (EAP, secants), patched, evaluated and searched (ACDC) on the CPU, on one
   GPU and, its layers spread, on all of them, in float32 and in bfloat16. Each is compared with what it must equal.
2. The command line scores it in one process and in one a GPU.
3. A model of 1.2 billion parameters' shape, in bfloat16, is scored on one GPU and over all: prompts a second, times the
   bound (two forward passes and one backward pass of the untouched model), and the peak of memory on every device.

What this machine lacks is named as not tried. Without a GPU the CPU stands for one device, and a small model for the
large one. The exit code is 1 where something differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from edgewise import Model, evaluate_circuit, load_model, load_run, patch_edges, score_edges, top_n
from edgewise.search.acdc.search import acdc
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair

Array = npt.NDArray[np.floating[Any]]
SMALL = {
    "num_hidden_layers": 6,
    "hidden_size": 256,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 704,
    "vocab_size": 1000,
    # Wide enough for attention to attend to something.
    "initializer_range": 0.08,
}
LARGE = {
    "num_hidden_layers": 16,
    "hidden_size": 2048,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 128_256,
    "tie_word_embeddings": True,
}
N_PROMPTS, LENGTH, EXACT, REPEATS = 12, 24, 24, 3
# By the largest value compared. Places round differently; what is one place but for the devices in between hardly.
ROUNDING, MOVED, HALF = 1e-4, 1e-5, 0.2
METHODS = ("eap", "secant", "eap-secant")


@dataclass(frozen=True)
class Place:
    """Where a model is.

    Args:
        name: for people.
        device: of the token ids.
        devices: how many its layers are spread over.
    """

    name: str
    device: str
    devices: int = 1

    def load(self, folder: Path, dtype: str) -> Model:
        """The model of a folder, there."""
        if self.devices == 1:
            return load_model(folder, dtype=dtype, device=self.device)
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return load_model(folder, dtype=dtype, device_map=layer_map(config["num_hidden_layers"], self.devices))


@dataclass(frozen=True)
class Row:
    """One comparison.

    Args:
        what: was computed.
        where: the place and type.
        against: what it must equal.
        difference: the largest, by the largest value; None where it was not tried.
        allowed: the most it may be.
        why: it was not tried.
    """

    what: str
    where: str
    against: str
    difference: float | None
    allowed: float
    why: str = ""

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.difference is None:
            return f"NOT TRIED: {self.why}"
        return "equal" if self.difference <= self.allowed else "DIFFERS"


def layer_map(n_layers: int, devices: int) -> dict[str, int]:
    """Equal numbers of layers on each device, the embedding on the first, the last norm and unembedding on the last."""
    layers = {f"model.layers.{layer}": layer * devices // n_layers for layer in range(n_layers)}
    return {"model.embed_tokens": 0, "model.rotary_emb": 0, **layers, "model.norm": devices - 1, "lm_head": devices - 1}


def places() -> list[Place]:
    """The CPU, and what GPUs there are: one, and all of them together."""
    n = torch.cuda.device_count()
    found = [Place("CPU", "cpu")]
    found += [Place("1 GPU", "cuda")] if n else []
    return found + ([Place(f"{n} GPUs, device map", "cuda", n)] if n > 1 else [])


def made(folder: Path, shape: Mapping[str, Any], dtype: torch.dtype) -> Path:
    """A folder with a model of random weights."""
    torch.manual_seed(0)
    module = LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=0, eos_token_id=0)).to(dtype)
    module.save_pretrained(folder)
    return folder


def prompts(n: int, length: int, vocabulary: int) -> list[PromptPair]:
    """Random pairs that differ from the third token on."""
    draw = np.random.default_rng(0)
    clean, other = (draw.integers(3, vocabulary, (n, length)).tolist() for _ in range(2))
    return [PromptPair((*a[:2], *a[2:]), (*a[:2], *b[2:]), (1,), (2,)) for a, b in zip(clean, other, strict=True)]


def pieces(model: Model, pairs: list[PromptPair]) -> Iterator[tuple[str, Array]]:
    """Everything that is compared, by name."""
    how = Conditions(batch_size=6)
    eap = None
    for method in METHODS:
        scores = score_edges(model, pairs, method=method, metric="logit-diff", conditions=how)
        eap = scores if method == "eap" else eap
        yield f"{method} scores", scores.values
    assert eap is not None
    # The same edges and circuit everywhere, whatever the scores.
    names = [model.graph.edge_name(*place) for place in np.argwhere(model.graph.mask)[:: model.graph.n_edges // EXACT]]
    exact = patch_edges(model, pairs, only=names, metric="logit-diff", conditions=how).values
    yield f"exact effects of {len(names)} edges", exact[~np.isnan(exact)]
    fixed = np.where(model.graph.mask, np.random.default_rng(0).normal(size=model.graph.mask.shape), np.nan)
    kept = top_n(type(eap)(model.graph, fixed), model.graph.n_edges // 3)
    found = evaluate_circuit(model, pairs, kept, metric="logit-diff", random=0, conditions=how)
    yield "a circuit's metric and KL", np.array([found.circuit.metric, found.circuit.kl, found.complement.metric])
    search = acdc(model, pairs[:2], 0.5, metric="logit-diff", conditions=how)
    yield "ACDC, edge for edge", search.circuit().mask.astype(float)


def apart(found: Array, wanted: Array) -> float:
    """The largest difference by the largest value."""
    return float(np.nanmax(np.abs(found - wanted)) / np.nanmax(np.abs(wanted)))


def equality(folder: Path, here: list[Place]) -> Iterator[Row]:
    """Every place against the CPU or one GPU, and bfloat16 against float32."""
    pairs = prompts(N_PROMPTS, LENGTH, SMALL["vocab_size"])
    known: dict[tuple[str, str], dict[str, Array]] = {}
    for dtype in ("float32", "bfloat16"):
        for place in here:
            found = known[place.name, dtype] = dict(pieces(place.load(folder, dtype), pairs))
            for against, allowed in _compared(place, dtype, here):
                for what, value in found.items():
                    # In half precision a search takes other turns, as any rounding makes it.
                    if allowed != HALF or what in ("eap scores", "a circuit's metric and KL"):
                        yield Row(
                            what,
                            f"{place.name}, {dtype}",
                            ", ".join(against),
                            apart(value, known[against][what]),
                            allowed,
                        )


def _compared(place: Place, dtype: str, here: list[Place]) -> Iterator[tuple[tuple[str, str], float]]:
    if dtype == "bfloat16":
        yield (place.name, "float32"), HALF
    if place.devices > 1:
        yield (here[1].name, dtype), MOVED
    elif place.device != "cpu" and dtype == "float32":
        yield (here[0].name, dtype), ROUNDING


def not_tried(n: int) -> Iterator[Row]:
    """What needs more GPUs than there are."""
    if n == 0:
        yield Row("everything above", "1 GPU, float32 and bfloat16", "CPU", None, ROUNDING, "no CUDA device here")
    if n < 2:
        yield Row("everything above", "all GPUs, device map", "1 GPU", None, MOVED, "no second CUDA device here")


def by_processes(folder: Path, n: int) -> tuple[Row, dict[str, Any]]:
    """The command line in one process, and in n."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = folder / "prompts.jsonl"
    rows = prompts(8 * N_PROMPTS, LENGTH, SMALL["vocab_size"])
    fields = ("clean", "corrupted", "answers", "wrong_answers")
    data.write_text("".join(json.dumps({name: getattr(row, name) for name in fields}) + "\n" for row in rows))
    runs = []
    for count in (1, n):
        out = folder / f"run-{count}"
        command = ["discover", "--model", folder, "--data", data, "--method", "eap", "--dtype", "float32", "--out", out]
        command += ["--device", device, "--batch-size", 8, "--top", 50, "--no-evaluate", "--no-pictures"]
        command += ["--processes", count] if count > 1 else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1"} if device == "cpu" else dict(os.environ)
        subprocess.run(
            [sys.executable, "-m", "edgewise", *map(str, command)], check=True, env=environment, capture_output=True
        )
        runs.append(load_run(out))
    one, many = runs
    difference = apart(many.scores.values, one.scores.values)
    where = f"{n} processes, {'a GPU each' if device == 'cuda' and torch.cuda.device_count() >= n else device}"
    seconds = [run.record.timing["scoring"] for run in runs]
    return Row("eap scores", f"{where}, float32", "1 process", difference, 1e-6), {
        "what": f"eap, {len(rows)} prompts of the small model",
        "where": where,
        "seconds": round(seconds[1], 3),
        "times as fast as one": round(seconds[0] / seconds[1], 2),
    }


def speed(folder: Path, here: list[Place], dtype: str, n: int, length: int) -> Iterator[dict[str, Any]]:
    """Prompts a second, times the bound, and peak memory on every device."""
    for place in here if len(here) == 1 else here[1:]:
        model = place.load(folder, dtype)
        pairs, how = prompts(n, length, model.vocab_size), Conditions(batch_size=n)
        least = _timed(lambda model=model, pairs=pairs: bound(model, pairs))
        peaks = _peaks()
        seconds = _timed(
            lambda model=model, pairs=pairs, how=how: score_edges(model, pairs, method="eap", conditions=how)
        )
        yield {
            "what": f"eap, {n} prompts of {length} tokens, {_billions(model):.2f} billion parameters, {dtype}",
            "where": place.name,
            "prompts a second": round(n / seconds, 2),
            "times the bound": round(seconds / least, 2),
            "peak GB by device": _peaks(),
            "peak GB of the bound": peaks,
        }
        del model


def _billions(model: Model) -> float:
    return sum(parameter.numel() for parameter in model.module.parameters()) / 1e9


def bound(model: Model, pairs: list[PromptPair]) -> None:
    """Two forward passes and one backward pass of the untouched model, with respect to activations alone."""
    module = model.module
    embedding, head = module.get_input_embeddings(), module.get_output_embeddings()
    at_answer = head.register_forward_pre_hook(lambda _, args: (args[0][:, -1:].contiguous(),))
    leaf = embedding.register_forward_hook(lambda _, __, out: out.detach().requires_grad_(torch.is_grad_enabled()))
    module.requires_grad_(False)
    try:
        clean, corrupted = (
            torch.tensor([getattr(row, side) for row in pairs], device=model.device) for side in ("clean", "corrupted")
        )
        with torch.no_grad():
            module(input_ids=corrupted, use_cache=False)
        logits = module(input_ids=clean, use_cache=False).logits[:, -1].float()
        (logits[:, 1] - logits[:, 2]).sum().backward()
    finally:
        at_answer.remove()
        leaf.remove()


def _timed(work: Callable[[], object]) -> float:
    """The least of some repeats, in seconds, with memory's peaks of these alone."""
    work()
    for device in range(torch.cuda.device_count()):
        torch.cuda.reset_peak_memory_stats(device)
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        for device in range(torch.cuda.device_count()):
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - began)
    return min(taken)


def _peaks() -> list[float]:
    """By device, of torch's own tensors; nothing is known so of a CPU."""
    return [round(torch.cuda.max_memory_allocated(i) / 1e9, 2) for i in range(torch.cuda.device_count())]


def machine() -> str:
    """What this runs on."""
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f"torch {torch.__version__}, {', '.join(gpus) or 'no CUDA device'}, {os.cpu_count()} cores"


def main() -> int:
    """Compare, measure, and say so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="also write all numbers here")
    options = parser.parse_args()
    torch.set_float32_matmul_precision("highest")
    here, n = places(), torch.cuda.device_count()
    print(machine())
    rows, speeds = list[Row](), list[dict[str, Any]]()

    def show(row: Row) -> None:
        rows.append(row)
        size = "" if row.difference is None else f"{row.difference:.1e} (allowed {row.allowed:.0e})"
        print(f"{row.what:32} {row.where:34} = {row.against:22} {size:24} {row.verdict}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        small = made(Path(folder) / "small", SMALL, torch.float32)
        for row in equality(small, here):
            show(row)
        for row in not_tried(n):
            show(row)
        row, fast = by_processes(small, max(n, 2))
        show(row)
        speeds.append(fast)
        large = made(Path(folder) / "large", LARGE, torch.bfloat16) if n else small
        speeds += speed(large, here, "bfloat16" if n else "float32", 64 if n else 16, 128 if n else 32)
    for one in speeds:
        print("; ".join(f"{name}: {value}" for name, value in one.items() if value != []))
    wrong = [row for row in rows if row.verdict == "DIFFERS"]
    untried = [row for row in rows if row.difference is None]
    print(f"{len(rows) - len(wrong) - len(untried)} equal, {len(wrong)} differ, {len(untried)} not tried")
    if options.json:
        found = {
            "machine": machine(),
            "rows": [asdict(row) | {"verdict": row.verdict} for row in rows],
            "speed": speeds,
        }
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
