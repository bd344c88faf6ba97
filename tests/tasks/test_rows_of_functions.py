"""Tasks made from templates against the functions that made them before: the same rows, token for token.

The digests are those of the functions, which are no more: exact effects and published figures are of their rows.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from edgewise.tasks import make_task

N = 12
ROWS = json.loads(Path(__file__).with_name("rows_of_functions.json").read_text())


def digests(tokenizer, key):
    """Of the ids of all rows, and of the parts that `ioi` names."""
    task, rest = key.split(" ", 1)
    options, split, seed = rest.rsplit(" ", 2)
    prompts = make_task(task, tokenizer, n=N, seed=int(seed), split=split, options=json.loads(options))
    spans = json.dumps([[(span.name, span.start, span.stop) for span in pair.spans] for pair in prompts])
    found = [prompts.fingerprint(), hashlib.sha256(spans.encode()).hexdigest()]
    return [digest[:32] for digest in found[: 2 if task == "ioi" else 1]]


@pytest.mark.parametrize("name", ["demo", "gpt2"])
def test_the_rows_are_those_of_the_functions(name, request):
    tokenizer = request.getfixturevalue(f"{name}_tokenizer")
    assert {key: digests(tokenizer, key) for key in ROWS[name]} == ROWS[name]
