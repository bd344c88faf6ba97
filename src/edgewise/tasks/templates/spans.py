"""A template's slots as spans: what is kept apart where scores are kept apart by place.

A slot that a sentence has several times is ``noun``, ``noun 2`` and so on; all sentences of a template have the same
spans, empty where a sentence lacks the slot or no token begins in it.
"""

from __future__ import annotations

from collections.abc import Mapping

from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.places import with_end
from edgewise.tasks.prompts import Span
from edgewise.tasks.templates.patterns import Filler, Pattern
from edgewise.tasks.templates.template import Form


def slot_spans(
    form: Form, sentence: Pattern, chosen: Mapping[str, Filler], encoder: TextEncoder, length: int
) -> tuple[Span, ...]:
    """The spans of a prompt that was made of a sentence.

    Args:
        form: whose sentences have the same spans.
        sentence: the clean one.
        chosen: its fillers.
        encoder: the tokenizer, wrapped.
        length: of the prompt in tokens.
    """
    own = dict(zip(sentence.named_slots, sentence.ends(chosen), strict=True))
    names = dict.fromkeys(name for one in form.variants for each in one.clean for name in each.named_slots)
    named = {name: own.get(name, (0, 0)) for name in names}
    found = encoder.spans(sentence.fill(chosen, chosen)[0], named, whole=False)
    return with_end(found, length) if found else ()
