"""Where the stored exact effects lie, and what they are called."""

from __future__ import annotations

from pathlib import Path

EFFECTS = Path(__file__).parent / "effects"
SHORT = {"SmolLM2": "smollm2", "gemma-3-270m": "gemma3"}


def file_of(model: str, task: str) -> str:
    """Name of the file of a model and task, such as ``"gemma3-ioi.safetensors"``."""
    name = Path(model).stem
    return f"{next((short for start, short in SHORT.items() if name.startswith(start)), name)}-{task}.safetensors"
