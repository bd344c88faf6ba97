"""What stands in every slot of a prompt, slots that stand for others included: of the clean and the corrupted side."""

from __future__ import annotations

from collections.abc import Mapping

from edgewise.tasks.templates.patterns import Filler
from edgewise.tasks.templates.template import Template


class Side(dict[str, Filler]):
    """Slot -> what stands there; one that stands for others is worked out when it is asked for.

    Args:
        template: whose slots they are.
        drawn: slots that are drawn, numbers and options.
        clean: the clean side, of a corrupted one, from which some slots take what stands there.
    """

    def __init__(self, template: Template, drawn: Mapping[str, Filler], clean: Side | None = None) -> None:
        """Begin with what is drawn."""
        super().__init__(drawn)
        self._template, self._clean = template, clean

    def __missing__(self, name: str) -> Filler:
        """Work out a slot that stands for others, once."""
        derived = self._template.derived[name]
        if self._clean is not None and derived.partner is not None:
            self[name] = self._clean[derived.partner]
        else:
            case = "" if derived.by is None else self[derived.by].text
            self[name] = Filler((("text", derived.cases[case].fill(self, self)),))
        return self[name]

    def counts(self, names: tuple[str, ...]) -> dict[str, int]:
        """Those that are numbers, as numbers."""
        return {name: int(self[name].text) for name in names}
