"""A template's slots as spans: what is kept apart where scores are kept apart by place.

Where a template names parts of its own, these are the spans: a slot, the word behind one, or what lies between parts.
Else each slot is one: a slot that a sentence has several times is ``noun``, ``noun 2`` and so on; all sentences of a
template have the same spans, empty where a sentence lacks the slot or no token begins in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.places import END, with_end
from edgewise.tasks.prompts import Span
from edgewise.tasks.templates.patterns import Filler, Pattern
from edgewise.tasks.templates.template import Form, SpanRule, Template

Extent = tuple[int, int]


def spans_of(
    template: Template, form: Form, sentence: Pattern, chosen: Mapping[str, Filler], encoder: TextEncoder, length: int
) -> tuple[Span, ...]:
    """The spans of a prompt that was made of a sentence.

    Args:
        template: which may name parts of its own.
        form: whose sentences have the same spans.
        sentence: the clean one.
        chosen: its fillers.
        encoder: the tokenizer, wrapped.
        length: of the prompt in tokens.
    """
    own = dict(zip(sentence.named_slots, sentence.ends(chosen), strict=True))
    text = sentence.fill(chosen, chosen)[0]
    if template.spans:
        named = _parts(template.spans, own, text, chosen)
    else:
        names = dict.fromkeys(name for one in form.variants for each in one.clean for name in each.named_slots)
        named = {name: own.get(name, (0, 0)) for name in names}
    found = encoder.spans(text, named, whole=False)
    return with_end(found, length) if found else ()


def _parts(
    rules: Sequence[SpanRule], slots: Mapping[str, Extent], text: str, chosen: Mapping[str, Filler]
) -> dict[str, Extent]:
    """The parts by name, each from its first character to behind its last."""
    found: dict[str, Extent] = {}
    for rule in rules:
        if rule.kind == "slot":
            found[rule.name] = slots.get(rule.of if rule.by is None else rule.cases[chosen[rule.by].text], (0, 0))
    for rule in rules:
        if rule.kind == "after":
            behind = found[rule.of][1]
            found[rule.name] = (behind, _next_space(text, behind + 1))
    for rule in rules:
        if rule.kind == "until":
            stop = text.rindex(" ") + 1 if rule.of == END else found[rule.of][0]
            found[rule.name] = (max((end for _, end in found.values() if end <= stop), default=0), stop)
    return {rule.name: found[rule.name] for rule in rules}


def _next_space(text: str, start: int) -> int:
    at = text.find(" ", start)
    return len(text) if at < 0 else at
