"""A loading rehearsed on the meta device: ``transformers``' own report of it, from names and shapes alone.

What is stored under other names, or as one tensor an expert, goes through the same conversions as when it is loaded, so
the report is the one that the loading would give; and no weight is read for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING

from edgewise.errors import ModelError
from edgewise.models.pretrained.causes import Facts, cause
from edgewise.models.pretrained.files import Files, weight_files
from edgewise.models.pretrained.library import broken, clipped, quiet
from edgewise.models.pretrained.loading_report import BUFFERS, LAYER, Report
from edgewise.models.weight_names import listed

# The report is asked for, every shape is in it, and what it says is judged here.
ASKED = {"output_loading_info": True, "ignore_mismatched_sizes": True}


@dataclass(frozen=True)
class Outline:
    """The names of a model's parts, which a report is judged by."""

    expected: frozenset[str]
    base: str
    head: str | None

    @classmethod
    def of(cls, module: nn.Module) -> Outline:
        """Of a model."""
        output = module.get_output_embeddings()  # type: ignore[operator]
        names = {id(part): name for name, part in module.named_modules()}
        head = None if output is None else f"{names[id(output)]}.weight"
        return cls(frozenset(module.state_dict()), str(module.base_model_prefix), head)


def rehearse(folder: Path, config: Any) -> None:
    """Refuse a folder whose weights are not those of the model that its config describes.

    Args:
        folder: the model's folder.
        config: its config.

    Raises:
        ModelError: a file that cannot be read, or names and shapes that do not fit.
    """
    files = weight_files(folder, getattr(config, "transformers_weights", None))
    tensors = files.tensors()
    kind = MODEL_FOR_CAUSAL_LM_MAPPING.get(type(config), None)
    if kind is None or getattr(config, "quantization_config", None) is not None:
        return  # code of the repository's own, or stored otherwise than the model has it: judged after the loading
    where = f"model folder {str(folder)!r}"
    _refuse_other_numbers(tensors, where)
    _refuse_gaps(tensors, where)
    with quiet():
        try:
            module, info = kind.from_pretrained(None, config=config, state_dict=tensors, device_map="meta", **ASKED)
        except BaseException as error:
            if not broken(error):
                raise
            raise ModelError(f"{where}: {_unconverted(tensors, error)}") from None
    judge(info, Outline.of(module), where, config, tensors, files)


def judge(
    info: Mapping[str, Any],
    outline: Outline,
    where: str,
    config: Any,
    held: Collection[str] = (),
    files: Files | None = None,
) -> None:
    """Refuse a loading that made up or left out something.

    Raises:
        ModelError: with the first few names, how many there are, and the cause where it can be seen.
    """
    report = Report.of(info, outline.expected, outline.base)
    if report.passed:
        return
    depth = type(config).attribute_map.get("num_hidden_layers", "num_hidden_layers")
    facts = Facts(report, held, outline.expected, outline.base, outline.head, config.to_dict(), depth, files)
    raise ModelError(f"{where}: {_found(report)}: {cause(facts)}")


def _found(report: Report) -> str:
    parts = []
    if report.missing:
        lacks = "1 weight is" if len(report.missing) == 1 else f"{len(report.missing)} weights are"
        parts.append(f"{lacks} missing and would be random ({listed(report.missing)})")
    if report.mismatched:
        name = next(iter(report.mismatched))
        found, wanted = map(list, report.mismatched[name])
        more = f", and {len(report.mismatched) - 1} more do not fit" if len(report.mismatched) > 1 else ""
        parts.append(f"{name!r} is {found} in the file and {wanted} by its config{more}")
    if report.unexpected:
        has = "1 weight of the file has" if len(report.unexpected) == 1 else f"{len(report.unexpected)} weights have"
        names = "" if report.missing else f" and would be left out ({listed(report.unexpected)})"
        parts.append(f"{has} no place in the model{names}")
    parts.extend(f"{one:.160}" for one in report.errors[:1])
    return "; ".join(parts)


def _refuse_other_numbers(tensors: Mapping[str, Tensor], where: str) -> None:
    found = [name for name, x in tensors.items() if not x.is_floating_point() and not BUFFERS.search(name)]
    if found and tensors[found[0]].is_complex():
        raise ModelError(f"{where}: {len(found)} weights are complex ({listed(found)}), and no model here has such")
    if found:
        raise ModelError(
            f"{where}: {len(found)} weights are whole numbers ({listed(found)}), as quantised ones are, and config.json"
            " has no quantization_config; get the config that belongs to them, or unquantised weights"
        )


def _refuse_gaps(tensors: Collection[str], where: str) -> None:
    """Refuse experts that are not numbered from 0 on: they are put together in order, whatever their numbers."""
    for kind, numbers in _alike(tensors).items():
        if (gap := next((n for n in range(len(numbers)) if n not in numbers), None)) is not None:
            raise ModelError(
                f"{where}: {kind.replace('*', str(gap))!r} is missing, and there is a number {max(numbers)}; the file"
                " is not whole, get it again"
            )


def _unconverted(tensors: Mapping[str, Tensor], error: BaseException) -> str:
    """Why tensors that belong together, one an expert, could not be put together."""
    alike = _alike(tensors)
    for names in alike.values():
        shapes = [tuple(tensors[name].shape) for name in names.values()]
        usual = max(shapes, key=shapes.count)
        odd = next((name for name in names.values() if tuple(tensors[name].shape) != usual), None)
        if odd is not None:
            found = list(tensors[odd].shape)
            return f"{odd!r} is {found}, and the others of its layer are {list(usual)}; save it again"
    most = max((len(names) for names in alike.values()), default=0)
    few = [kind for kind, names in alike.items() if len(names) < most]
    if few:
        return f"experts are missing ({listed(few)}, where others have {most}); the file is not whole, get it again"
    reason = clipped(error, 160)
    return f"no model can be made of config.json and these weights ({reason}); mend config.json, or get both again"


def _alike(names: Collection[str]) -> dict[str, dict[int, str]]:
    """Names that differ in the last of several numbers alone, by that number: one tensor an expert."""
    alike: dict[str, dict[int, str]] = {}
    for name in names:
        numbers = list(LAYER.finditer(name))
        if len(numbers) > 1:
            last = numbers[-1]
            kind = f"{name[: last.start()]}*{name[last.end() :]}"
            alike.setdefault(kind, {})[int(last.group())] = name
    return alike
