"""What the templates of tasks say, for tests of the prompts made from them."""

from __future__ import annotations

from edgewise.tasks.templates.read import read_template
from edgewise.tasks.templates.shipped import LIBRARY


def template(task):
    return read_template(LIBRARY / f"{task}.toml", task)


def rows(task, name):
    """The fillers of a list as tuples of their fields, of words as text."""
    (words,) = {
        slot.words.name: slot.words for slot in template(task).slots.values() if slot.words.name == name
    }.values()
    found = [tuple(text for _, texts in filler.fields for text in texts) for filler in words.fillers]
    return tuple(row if len(row) > 1 else row[0] for row in found)


def sentences(task):
    """Its clean sentences, those of its variants included."""
    return tuple(one.text for form in template(task).forms for variant in form.variants for one in variant.clean)
