"""Rows of MIB's data sets, of which one counterfactual is the corrupted prompt.

- ioi: `prompt`, `metadata` (indirect object, subject), and a prompt in which the two have changed places;
- multiple choice (mcqa, arc): `prompt`, `choices`, `answerKey`, and the same with other symbols, whose answer is wrong;
- arithmetic: `prompt`, `label`, and another sum with its label.

Source: Mueller et al. (2025), MIB, and the loader of its circuit track. Rows whose prompts are of different length are
left out there: `--drop-invalid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgewise.errors import DataError
from edgewise.json_text import shown
from edgewise.tasks.dialects import cells
from edgewise.tasks.dialects.dialect import Dialect, RawPrompt
from edgewise.tasks.tables import FileTable

_FLIPPED, _SYMBOLS, _SUM = "s2_io_flip_counterfactual", "symbol_counterfactual", "random_counterfactual"


def _ioi(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    names = [f" {_inside(fields, 'metadata', key)}" for key in ("indirect_object", "subject")]
    return RawPrompt(
        cells.text(fields["prompt"], "prompt"),
        cells.text(_inside(fields, _FLIPPED, "prompt"), _FLIPPED),
        (names[0],),
        (names[1],),
    )


def _choice(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    other = fields[_SYMBOLS]
    return RawPrompt(
        cells.text(fields["prompt"], "prompt"),
        cells.text(_inside(fields, _SYMBOLS, "prompt"), _SYMBOLS),
        (_symbol(fields, "choices"),),
        (_symbol(other, _SYMBOLS),),
    )


def _arithmetic(fields: Mapping[str, Any], typed: bool) -> RawPrompt:
    prompt = cells.text(fields["prompt"], "prompt")
    space = "" if prompt.endswith(" ") else " "
    return RawPrompt(
        prompt,
        cells.text(_inside(fields, _SUM, "prompt"), _SUM),
        (f"{space}{fields['label']}",),
        (f"{space}{_inside(fields, _SUM, 'label')}",),
    )


def _symbol(fields: Mapping[str, Any], where: str) -> str:
    """The label of the right choice, as it follows the prompt."""
    labels = _inside(fields, "choices", "label")
    try:
        return f" {labels[cells.whole_number(fields['answerKey'], 'answerKey')]}"
    except (IndexError, KeyError, TypeError) as error:
        raise DataError(f"{where}: answerKey is none of the choices {shown(labels)}; mend the row") from error


def _inside(fields: Mapping[str, Any], name: str, key: str) -> Any:
    value = fields.get(name)
    if not isinstance(value, Mapping) or value.get(key) is None:
        raise DataError(f"{name}: {shown(value)} has no {key!r}; give MIB's own rows")
    return value[key]


def _has(*names: str) -> Any:
    def recognises(table: FileTable) -> bool:
        return set(names) <= set(table.columns)

    return recognises


_WHOSE = (
    ("mib-ioi", ("prompt", "metadata", _FLIPPED), _ioi),
    ("mib-choice", ("prompt", "choices", "answerKey", _SYMBOLS), _choice),
    ("mib-arithmetic", ("prompt", "label", _SUM), _arithmetic),
)
MIB_DIALECTS = tuple(Dialect(name, fields, _has(*fields), read) for name, fields, read in _WHOSE)
