"""`edgewise discover` with several sets of prompts: a run of each, and what they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgewise.cli import output
from edgewise.cli.carried_out import carried_out
from edgewise.cli.data import refuse_unreadable
from edgewise.cli.groups import METHOD_SETTINGS
from edgewise.cli.options import Given
from edgewise.errors import SettingError
from edgewise.settings.together import require_way

_OF_SETS = ("task", "data")


def sets_of(given: Given) -> tuple[list[dict[str, str]], Given]:
    """Each set of prompts, in the order of the options, and what was given for all of them.

    One task beside one data file is no pair of sets, but a mistake that is told as everywhere.
    """
    named = {name: given[name] for name in _OF_SETS if name in given}
    left = {name: value for name, value in given.items() if name not in _OF_SETS}
    if all(len(values) == 1 for values in named.values()):
        return [{name: values[0] for name, values in named.items()}] if named else [], left
    return [{name: value} for name, values in named.items() for value in values], left


def discover_sets(
    sets: Sequence[Mapping[str, str]],
    given: Given,
    out: Path,
    way: str,
    *,
    overwrite: bool,
    pictures: bool,
    as_json: bool,
) -> None:
    """Run every set in a folder of its own, and make one circuit of them.

    Args:
        sets: a task or a data file each.
        given: all other settings.
        out: the folder.
        way: as of `edgewise shared --together`.
        overwrite: compute again.
        pictures: make the page of each run.
        as_json: print the JSON document of what they share.

    Raises:
        SettingError: several values of a method's setting, or a set that is given twice.
    """
    require_way(way)
    if given.get("level") == "neuron":
        raise SettingError("--level neuron scores one set of prompts; give one --task or --data")
    for one in sets:
        refuse_unreadable({**given, **one})
    asked = _single(given)
    from edgewise.report.contest.shared import shared_document, show_shared
    from edgewise.report.document import warnings
    from edgewise.runs.contest.shared import set_folders, share
    from edgewise.verbs.asked import config_of
    from edgewise.verbs.discover import find
    from edgewise.verbs.shared import show_in_common

    with carried_out(asked, overwrite) as execution:
        configs = {name: config_of({**asked, **one}) for name, one in set_folders(sets).items()}
        runs = []
        for number, (name, config) in enumerate(configs.items(), start=1):
            saying = execution.named(f"{number} of {len(configs)}, {name}")
            runs.append(find(config, out / name, saying, pictures=pictures))
        first = runs[0].config
        found = share(
            [run.folder for run in runs],
            out,
            way=way,  # type: ignore[arg-type]
            selection=first.selection,
            evaluate=first.evaluate,
            trust_remote_code=first.trust_remote_code,
            batch_size=first.batch_size,
            execution=execution,
        )
        if pictures:
            show_in_common(found.results, out, [run.folder for run in runs], execution)
    for run in runs:
        output.warn(f"{run.folder}: {line}" for line in warnings(run))
    if as_json:
        output.document("shared", shared_document(found))
        return
    output.result(show_shared(found.results))
    verb = "Found the finished result in" if found.reused else "Wrote"
    output.result(f"\n{verb} {found.path}, and one folder a set")


def _single(given: Given) -> dict[str, Any]:
    """What was given, with the one value of each setting that a sweep takes several of."""
    several = {one.name: one.flag for one in METHOD_SETTINGS.settings if one.setting.sweep}
    swept = next((flag for name, flag in several.items() if len(given.get(name, ())) > 1), None)
    if swept is not None:
        raise SettingError(f"several values of {swept} beside several sets of prompts; give one value, or one set")
    return {name: value[0] if name in several else value for name, value in given.items()}
