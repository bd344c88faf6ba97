"""What `edgewise plan` tells, beside what is measured: peak memory and seconds of scoring, ten models and methods.

    OMP_NUM_THREADS=1 python benchmarks/plan.py --real FOLDER

Each pair is planned in one process and run in another, both forked from this one, which has imported everything, with
one thread. Seconds are of the process's own time (`time.process_time`), so that other work on the machine does not
count; the peak is that of the process's resident memory (`VmHWM` of Linux), loading included. FOLDER holds
SmolLM2-135M-Instruct.Q4_1.gguf and gemma-3-270m-q4_k_m.gguf. The table goes to benchmarks/plan.json; with --only NAME
the rows whose names begin so are measured anew, and the others stay.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, PretrainedConfig

from edgewise.models import Model, load_model
from edgewise.runs.config import RunConfig
from edgewise.runs.methods import method_of, settled
from edgewise.runs.plan.ask import ask
from edgewise.runs.plan.rows import Rows
from edgewise.runs.prompts import make_task
from edgewise.runs.setup import opened_model
from edgewise.settings.conditions import Conditions
from edgewise.tasks import PromptPair, PromptSet

STORED = Path(__file__).with_suffix(".json")
SMOL, GEMMA = "SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"
GPT2 = GPT2Config(bos_token_id=0, eos_token_id=0)
SMALL = GPT2Config(n_layer=6, n_embd=256, n_head=8, vocab_size=10_000, bos_token_id=0, eos_token_id=0)
LLAMA = LlamaConfig(
    hidden_size=1024,
    num_hidden_layers=22,
    num_attention_heads=16,
    num_key_value_heads=4,
    intermediate_size=2816,
    vocab_size=32_000,
)


@dataclass(frozen=True)
class Pair:
    """A model and a method.

    Args:
        name: of the model, in the table.
        model: a name or a file of the folder, with the prompts of IOI; or a shape with random weights.
        method: by name.
        n: prompts.
        length: tokens of each, with a shape.
        settings: the method's own.
    """

    name: str
    model: str | PretrainedConfig
    method: str
    n: int
    length: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


PAIRS = (
    Pair("demo", "demo", "eap", 800),
    Pair("demo", "demo", "eap", 100),
    Pair("demo", "demo", "eap+exact", 20),
    Pair("demo", "demo", "activation-patching", 20),
    Pair("demo", "demo", "acdc", 20, settings={"tau": 0.0, "absolute": True}),
    Pair("GPT-2's shape, 6 layers of 256", SMALL, "activation-patching", 4, 16),
    Pair("GPT-2 small's shape", GPT2, "eap", 32, 15),
    Pair("GPT-2 small's shape", GPT2, "eap-secant", 12, 15),
    Pair("Llama's shape, 22 layers of 1024", LLAMA, "eap", 16, 32),
    Pair("Llama's shape, 22 layers of 1024", LLAMA, "eap-ig-inputs", 4, 32),
    Pair("SmolLM2-135M-Instruct", SMOL, "eap", 24),
    Pair("SmolLM2-135M-Instruct", SMOL, "eap+exact", 8),
    Pair("Gemma 3 270M", GEMMA, "eap", 16),
    Pair("Gemma 3 270M", GEMMA, "secant-mid", 8),
)


def planned(pair: Pair, folder: Path) -> dict[str, float]:
    """What is told."""
    stand_in = Rows(pair.n, pair.length) if pair.length else None
    found = ask(_config(pair, folder), stand_in)
    memory = {part: getattr(found.memory, part) for part in ("program", "weights", "activations", "engine", "logits")}
    return {"seconds": found.seconds or 0.0, "peak": found.memory.peak, "batch_size": found.batch_size, **memory}


def measured(pair: Pair, folder: Path) -> dict[str, float]:
    """What is so."""
    config = settled(_config(pair, folder))
    model = _loaded(pair, config)
    prompts = _prompts(pair, model)
    begun = time.process_time()
    *_, last = method_of(config).states(config, model, prompts, Conditions(), None)
    spent = time.process_time() - begun
    return {"seconds": spent, "peak": _peak(), "batch_size": last.batch_size}


def _config(pair: Pair, folder: Path) -> RunConfig:
    if not isinstance(pair.model, str):
        place = folder / f"{pair.name}.json"
        place.write_text(json.dumps(pair.model.to_dict()))
        return RunConfig(model=str(place), data="random", method=pair.method, settings=pair.settings)
    name = str(folder / pair.model) if pair.model.endswith(".gguf") else pair.model
    return RunConfig(model=name, task="ioi", n=pair.n, method=pair.method, settings=pair.settings)


def _loaded(pair: Pair, config: RunConfig) -> Model:
    if isinstance(pair.model, str):
        return opened_model(config).load()
    torch.manual_seed(0)
    return load_model(AutoModelForCausalLM.from_config(pair.model).eval())


def _prompts(pair: Pair, model: Model) -> PromptSet:
    if isinstance(pair.model, str):
        return make_task("ioi", model, n=pair.n)
    ids = torch.randint(0, model.vocab_size // 2, (pair.n, 2, pair.length))
    ids[:, 1] += model.vocab_size // 2
    return PromptSet("random", tuple(PromptPair(one, other, (0,), (1,)) for one, other in ids.tolist()))


def _peak() -> int:
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024


def forked(work: Callable[[Pair, Path], dict[str, float]], pair: Pair, folder: Path) -> dict[str, float]:
    """What some work gives in a process of its own."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(send, json.dumps(work(pair, folder)).encode())
        finally:
            os._exit(0)
    os.close(send)
    with os.fdopen(receive) as told:
        text = told.read()
    os.waitpid(child, 0)
    found: dict[str, float] = json.loads(text)
    return found


def row(pair: Pair, folder: Path, known: dict[str, Any] | None) -> dict[str, Any]:
    """One row of the table; what was measured before is kept where it is given."""
    told, so = forked(planned, pair, folder), known or forked(measured, pair, folder)
    asked = {"model": pair.name, "method": pair.method, "prompts": pair.n, **pair.settings}
    return {**asked, "planned": told, "measured": so}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as docs/scale.md has them."""
    head = "| model | method | prompts | seconds, planned | measured | GB at the peak, planned | measured |"
    return "\n".join((head, "| --- | --- | --- | --- | --- | --- | --- |", *map(_line, rows)))


def _line(one: dict[str, Any]) -> str:
    seconds, peak = ([one[which][what] for which in ("planned", "measured")] for what in ("seconds", "peak"))
    numbers = [*(f"{value:.2g}" for value in seconds), *(f"{value / 1e9:.2f}" for value in peak)]
    return f"| {one['model']} | `{one['method']}` | {one['prompts']} | {' | '.join(numbers)} |"


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, required=True, help="folder with the two GGUF files")
    parser.add_argument("--only", default="", help="measure the rows of models whose names begin so")
    parser.add_argument("--method", default="", help="of these, the rows of methods whose names begin so")
    parser.add_argument("--plan-only", action="store_true", help="plan anew, and keep what was measured")
    parser.add_argument("--out", type=Path, default=STORED, help="the file of the table")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    before = json.loads(asked.out.read_text())["rows"] if asked.out.is_file() else []
    rows = {(one["model"], one["method"], one["prompts"]): one for one in before}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name in (SMOL, GEMMA):
            (folder / name).symlink_to((asked.real / name).resolve())
        for pair in PAIRS:
            if pair.name.startswith(asked.only) and pair.method.startswith(asked.method):
                key = (pair.name, pair.method, pair.n)
                known = rows[key]["measured"] if asked.plan_only and key in rows else None
                found = rows[key] = row(pair, folder, known)
                ratios = [found["measured"][what] / found["planned"][what] for what in ("seconds", "peak")]
                print(pair.name, pair.method, [round(ratio, 2) for ratio in ratios], flush=True)
                order = [(one.name, one.method, one.n) for one in PAIRS]
                ordered = [rows[key] for key in order if key in rows]
                asked.out.write_text(json.dumps({"threads": 1, "rows": ordered}, indent=2) + "\n")


if __name__ == "__main__":
    main()
