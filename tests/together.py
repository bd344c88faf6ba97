"""Several processes that work together on this machine, for tests: forked, so that none imports torch, and joined."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from edgewise import processes
from killing import CONTEXT


def together(n: int, work: Callable[..., Any], folder: Path, *args: Any) -> list[Any]:
    """What n processes return that do the same work together, by rank; `work` stands in a module."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    begun = [CONTEXT.Process(target=_joined, args=(rank, n, port, work, folder, args)) for rank in range(n)]
    for process in begun:
        process.start()
    for process in begun:
        process.join()
    assert [process.exitcode for process in begun] == [0] * n
    return [pickle.loads((folder / f"returned-{rank}").read_bytes()) for rank in range(n)]


def _joined(rank: int, n: int, port: int, work: Callable[..., Any], folder: Path, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n),
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
    }
    processes.join()
    returned = work(*args)
    processes.part()
    (folder / f"returned-{rank}").write_bytes(pickle.dumps(returned))
