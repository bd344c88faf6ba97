"""Time and peak memory of scoring 32 to 10,000 prompts of a data file: linear the one, flat the other.

Each size is a fresh process that reads the file and scores it, as `edgewise discover --data` does.

    python benchmarks/many_prompts.py
    python benchmarks/many_prompts.py --bootstrap 200
    python benchmarks/many_prompts.py --sizes 32 512 --tokens 64
    python benchmarks/many_prompts.py --tiny --sizes 1000 10000 100000 --threads 1     # and many_prompts.json anew
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from edgewise import load_model, read_prompts, score_edges
from edgewise.settings.conditions import Conditions

RESULTS = Path(__file__).with_suffix(".json")
VOCABULARY = 5_000
# Layers, heads and width; prompts a micro-batch.
SHAPES = {"small": (6, 8, 512, 32), "tiny": (2, 4, 64, 256)}


def write_file(path: Path, n: int, tokens: int) -> None:
    """Write ``n`` rows of random token ids that differ from the third token on."""
    draw = torch.Generator().manual_seed(0)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(n):
            clean, other = torch.randint(0, VOCABULARY, (2, tokens), generator=draw).tolist()
            row = {"clean": clean, "corrupted": clean[:2] + other[2:], "answers": [1], "wrong_answers": [2]}
            file.write(json.dumps(row) + "\n")


def score(path: Path, bootstrap: int, shape: str) -> dict[str, float]:
    """Read and score the file in this process."""
    torch.manual_seed(0)
    layers, heads, width, batch_size = SHAPES[shape]
    ends = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0}
    config = GPT2Config(n_layer=layers, n_head=heads, n_embd=width, **ends)
    model = load_model(GPT2LMHeadModel(config).eval())
    began = time.perf_counter()
    prompts = read_prompts(path, model)
    read = time.perf_counter()
    score_edges(model, prompts, conditions=Conditions(batch_size=batch_size), bootstrap=bootstrap, method="eap")
    done = time.perf_counter()
    peak = int(Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) / 1024
    return {
        "prompts": len(prompts),
        "read_s": round(read - began, 3),
        "score_s": round(done - read, 3),
        "ms_per_prompt": round(1000 * (done - began) / len(prompts), 3),
        "peak_mb": round(peak),
    }


def main() -> None:
    """Run every size and print one JSON line each, then a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 128, 512, 2048, 10000])
    parser.add_argument("--tokens", type=int, default=15)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bootstrap", type=int, default=0, help="resamples whose means are kept too")
    parser.add_argument("--tiny", action="store_true", help="a model so small that the prompts' own memory shows")
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.score:
        print(json.dumps(score(options.score, options.bootstrap, "tiny" if options.tiny else "small")))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = Path(folder) / f"{size}.jsonl"
            write_file(path, size, options.tokens)
            command = [sys.executable, __file__, "--score", str(path), "--threads", str(options.threads)]
            command += ["--bootstrap", str(options.bootstrap), *(["--tiny"] if options.tiny else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
            print(json.dumps(rows[-1]), flush=True)
    print(f"\n{'prompts':>8} {'read s':>8} {'score s':>8} {'ms each':>8} {'peak MB':>8}")
    for row in rows:
        print(f"{row['prompts']:8} {row['read_s']:8} {row['score_s']:8} {row['ms_per_prompt']:8} {row['peak_mb']:8}")
    if options.tiny:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
