"""Where the stored exact effects lie, what they are called, and what each is for."""

from __future__ import annotations

from pathlib import Path

EFFECTS = Path(__file__).parent / "effects"
SHORT = {"SmolLM2": "smollm2", "gemma-3-270m": "gemma3"}
# Settings are settled on these, and reported on the others.
SETTLED = ("gemma3-ioi", "gemma3-agreement", "smollm2-capitals", "smollm2-induction")


def short(model: str) -> str:
    """What a model's file is called in names of files, such as ``"gemma3"``."""
    name = Path(model).stem
    return next((short for start, short in SHORT.items() if name.startswith(start)), name)


def file_of(model: str, task: str) -> str:
    """Name of the file of a model and task, such as ``"gemma3-ioi.safetensors"``."""
    return f"{short(model)}-{task}.safetensors"


def files_of(model: str, folder: Path) -> list[Path]:
    """All files of a model."""
    return sorted(folder.glob(f"{short(model)}-*.safetensors"))
