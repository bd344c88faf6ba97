"""What `edgewise plan` tells of large models on accelerators: EAP of 1,000 prompts of 32 tokens, in bfloat16.

    OMP_NUM_THREADS=1 python benchmarks/plans.py

From the models' published configs (benchmarks/configs; of Gemma 3 27B the text part), without weights. Nothing of it is
measured but `planning_seconds`, what the plan itself takes here, of the process's own time.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from edgewise.report.plan import plan_document
from edgewise.runs.config import RunConfig
from edgewise.runs.plan.ask import ask
from edgewise.runs.plan.rows import Rows

HERE = Path(__file__).parent
STORED = HERE / "plans.json"
ASKED = (
    ("Llama-3.1-8B", "h100"),
    ("gemma-3-27b", "h100"),
    ("Qwen3-32B", "2xh100"),
    ("Llama-3.1-70B", "4xh100"),
    ("Llama-3.1-70B", "8xh100"),
)


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as docs/scale.md has them."""
    head = "| model | on | edges | operations | about | prompts at a time | weights | passes and engine | on disk |"
    return "\n".join((head, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |", *map(_line, rows)))


def _line(one: dict[str, Any]) -> str:
    memory = one["memory"]
    passes = sum(memory[part] for part in ("activations", "engine", "logits", "scores"))
    numbers = (
        f"{one['size']['edges']:,}",
        f"{one['flops']:.1e}",
        f"{one['seconds']:.0f} s",
        str(one["batch_size"]),
        f"{memory['weights'] / 1e9:.0f} GB",
        f"{passes / 1e9:.0f} GB",
        f"{one['disk'] / 1e6:.0f} MB",
    )
    return f"| {one['model']} | `{one['on']}` | {' | '.join(numbers)} |"


def main() -> None:
    """Plan, and write what is told."""
    torch.set_num_threads(1)
    rows = []
    for name, on in ASKED:
        begun = time.process_time()
        config = RunConfig(str(HERE / "configs" / f"{name}.json"), data="rows", method="eap", dtype="bfloat16")
        found = plan_document(ask(config, Rows(1000, 32), on=on))
        found |= {"model": name, "on": on, "planning_seconds": round(time.process_time() - begun, 1)}
        print(name, on, found["planning_seconds"], found["seconds"], found["batch_size"], found["memory"], flush=True)
        rows.append(found)
    STORED.write_text(json.dumps({"rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
