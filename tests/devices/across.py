"""A process of its own: every piece on a model over three pretended devices, compared with the same on the CPU.

    python across.py '{"FAMILY": ["PIECE", ...], ...}'

prints ``{family: {piece: [largest relative difference, what went wrong]}}``, with all pieces for an empty list. In a
process of its own, since torch's devices are known to a whole process.
"""

from __future__ import annotations

import copy
import json
import sys
import time
import traceback
from collections.abc import Callable

import accelerate
import numpy as np
import pretended
from pieces import PIECES, Numbers
from torch import nn

from edgewise.models import Model, load_model
from tiny import HF_FAMILIES


def device_map(model: Model) -> dict[str, str]:
    """Each block on another device, what stands before them with the first, the final norm with the last.

    The unembedding is on a device of its own, but where it is the embedding's.
    """
    names = {id(module): name for name, module in model.module.named_modules()}
    places = {names[id(block.module)]: f"{pretended.NAME}:{i}" for i, block in enumerate(model.wiring.blocks)}
    places[names[id(model.wiring.final_norm.module)]] = f"{pretended.NAME}:{len(places) - 1}"
    tied = model.module.get_output_embeddings().weight is model.module.get_input_embeddings().weight
    places[names[id(model.wiring.unembedding)]] = f"{pretended.NAME}:{0 if tied else 1}"
    for name, module in model.module.named_modules():
        if not list(module.children()) and not any(name == known or name.startswith(f"{known}.") for known in places):
            places[name] = f"{pretended.NAME}:0"
    return places


def spread(family: str) -> tuple[Model, Model]:
    """A model on the CPU, and the same over devices."""
    plain = load_model(HF_FAMILIES[family]())
    module: nn.Module = copy.deepcopy(plain.module)
    accelerate.dispatch_model(module, device_map(load_model(module)), skip_keys=module._skip_keys_device_placement)
    return plain, load_model(module)


def difference(here: Numbers, there: Numbers) -> float:
    """The largest one, by the largest number."""
    return float(np.nanmax(np.abs(here - there)) / np.nanmax(np.abs(here)))


def compared(piece: Callable[[Model], Numbers], plain: Model, over: Model) -> tuple[float, str]:
    """How far the devices' result is from the CPU's, or what went wrong."""
    try:
        return difference(piece(plain), piece(over)), ""
    except Exception as error:
        return float("nan"), "".join(traceback.format_exception(error))


def main() -> None:
    """Run what was asked for, ``{family: pieces}``."""
    library, found = pretended.register(), {}
    for family, names in json.loads(sys.argv[1]).items():
        plain, over = spread(family)
        found[family] = {}
        for name in names or PIECES:
            began = time.process_time()
            found[family][name] = compared(PIECES[name], plain, over)
            sys.stderr.write(f"{family} {name}: {time.process_time() - began:.2f} s\n")
    del library
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
