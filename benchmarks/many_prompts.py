"""Time and peak memory of scoring 32 to 10,000 prompts of a data file: linear the one, flat the other.

Each size is a fresh process that reads the file and scores it, as `edgewise discover --data` does.

    python benchmarks/many_prompts.py
    python benchmarks/many_prompts.py --bootstrap 200
    python benchmarks/many_prompts.py --sizes 32 512 --tokens 64
    python benchmarks/many_prompts.py --tiny --sizes 1000 10000 100000 --threads 1     # and many_prompts.json anew
    python benchmarks/many_prompts.py --parquet --sizes 1000 10000 100000 --threads 1  # reading alone; kept there too
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
from edgewise.tasks.files import read_prompts as read_file

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


def write_parquet(path: Path, n: int, tokens: int) -> None:
    """The same rows as a Parquet file."""
    from pyarrow.json import read_json
    from pyarrow.parquet import write_table

    lines = path.with_suffix(".jsonl")
    write_file(lines, n, tokens)
    write_table(read_json(lines), path, row_group_size=10_000)


def read(path: Path) -> dict[str, float]:
    """Read the file in this process, as ids of a model that is not there."""
    began = time.perf_counter()
    prompts = read_file(path, None, vocab_size=VOCABULARY)
    return {"prompts": len(prompts), "read_s": round(time.perf_counter() - began, 3), "peak_mb": round(peak())}


def peak() -> float:
    """Of this process's memory, in MB."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0]) / 1024


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
    return {
        "prompts": len(prompts),
        "read_s": round(read - began, 3),
        "score_s": round(done - read, 3),
        "ms_per_prompt": round(1000 * (done - began) / len(prompts), 3),
        "peak_mb": round(peak()),
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
    parser.add_argument("--parquet", action="store_true", help="read Parquet files, and score nothing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.score:
        file, shape = options.score, "tiny" if options.tiny else "small"
        print(json.dumps(read(file) if options.parquet else score(file, options.bootstrap, shape)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            path = Path(folder) / f"{size}.{'parquet' if options.parquet else 'jsonl'}"
            (write_parquet if options.parquet else write_file)(path, size, options.tokens)
            command = [sys.executable, __file__, "--score", str(path), "--threads", str(options.threads)]
            command += ["--bootstrap", str(options.bootstrap), *(["--tiny"] if options.tiny else [])]
            command += ["--parquet"] if options.parquet else []
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows.append(json.loads(done.stdout))
            print(json.dumps(rows[-1]), flush=True)
    if options.parquet:
        kept = {row["prompts"]: row for row in json.loads(RESULTS.read_text(encoding="utf-8"))}
        rows = [kept[row["prompts"]] | {"parquet_mb": row["peak_mb"], "parquet_s": row["read_s"]} for row in rows]
    else:
        print(f"\n{'prompts':>8} {'read s':>8} {'score s':>8} {'ms each':>8} {'peak MB':>8}")
        for row in rows:
            columns = ("prompts", "read_s", "score_s", "ms_per_prompt", "peak_mb")
            print(" ".join(f"{row[name]:8}" for name in columns))
    if options.tiny or options.parquet:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
