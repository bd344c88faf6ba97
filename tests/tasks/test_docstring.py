from __future__ import annotations

import ast
import json
import re
from itertools import combinations

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from edgewise.errors import DataError
from edgewise.tasks import make_task
from edgewise.tasks.split import is_held_out
from edgewise.tasks.words import ARGUMENTS, THINGS
from tasks.library import sentences

pytestmark = pytest.mark.slow

HEAD = re.compile(r"def (\w+) ?\( ?self ?,([\w ,]+)\) ?:")


def parse(tokenizer, ids):
    """Method, arguments of the definition, documented arguments: by regular expression."""
    text = tokenizer.decode(ids)
    method, arguments = HEAD.search(text).groups()
    return method, [a.strip() for a in arguments.split(",")], re.findall(r": ?param (\w+)", text)


def words(tokenizer, tokens):
    return [tokenizer.decode([t]).strip() for t in tokens]


@pytest.fixture(scope="module")
def paper_like_tokenizer():
    """BOS, and one token for each piece that byte-level BPE splits text into: as the paper's model reads."""
    split = ByteLevel(add_prefix_space=False)
    listed = dict.fromkeys([*ARGUMENTS, *THINGS])
    (sentence,) = sentences("docstring")
    text = re.sub(r"\{\w+\}", "a", sentence)
    texts = [text, *(" " + word for word in listed), *THINGS, "\ndef run(self):\n", "x: the"]
    pieces = dict.fromkeys(piece for one in texts for piece, _ in split.pre_tokenize_str(one))
    vocabulary = {piece: i for i, piece in enumerate(["<|BOS|>", "<|UNK|>", *pieces])}
    backend = Tokenizer(WordLevel(vocabulary, unk_token="<|UNK|>"))
    backend.pre_tokenizer = split
    backend.post_processor = TemplateProcessing(single="<|BOS|> $A", special_tokens=[("<|BOS|>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|BOS|>", unk_token="<|UNK|>")


@pytest.mark.parametrize("split", ["discovery", "held-out"])
@pytest.mark.parametrize("around", [{}, {"before": 0, "after": 2}, {"before": 4, "after": 0}])
def test_the_answer_follows_the_last_documented_argument_in_the_definition(split, around, any_tokenizer):
    for pair in make_task("docstring", any_tokenizer, n=100, split=split, options=around):
        method, arguments, shown = parse(any_tokenizer, pair.clean)
        assert len(arguments) == 3 + around.get("before", 2) + around.get("after", 1)
        place = arguments.index(shown[-1])
        assert arguments[place - 1] == shown[0]
        assert words(any_tokenizer, pair.answers) == [arguments[place + 1]]
        matching = arguments[place - 1 : place + 2]
        kinds = {is_held_out(*two) for two in combinations(matching, 2)}
        assert kinds == {split == "held-out"}
        if split == "discovery":
            assert not any(is_held_out(*two) for two in combinations([method, *arguments], 2))


def test_the_prompt_is_the_beginning_of_a_python_method(gpt2_tokenizer):
    for pair in make_task("docstring", gpt2_tokenizer, n=20):
        text = gpt2_tokenizer.decode(pair.clean)
        (function,) = ast.parse(text + ' x: y\n    """\n').body
        names = [argument.arg for argument in function.args.args]
        assert names[0] == "self"
        assert words(gpt2_tokenizer, pair.answers) == [names[5]]
        description, *params = ast.get_docstring(function).split("\n")
        assert len(description.split()) == 3
        lines = [re.fullmatch(r":param (\w+): \w+ \w+", line) for line in params[1:3]]
        assert [line[1] for line in lines] == names[3:5]


def test_thirteen_wrong_answers_and_five_tokens_replaced(any_tokenizer):
    for pair in make_task("docstring", any_tokenizer, n=100):
        _, clean, _ = parse(any_tokenizer, pair.clean)
        _, corrupted, replaced = parse(any_tokenizer, pair.corrupted)
        wrong = words(any_tokenizer, pair.wrong_answers)
        assert len(set(wrong)) == 13
        assert sum(a != b for a, b in zip(pair.clean, pair.corrupted, strict=True)) == 5
        assert corrupted[:2] + corrupted[5:] == clean[:2] + clean[5:]
        new = corrupted[2:5] + replaced
        assert len(set(new)) == 5
        assert not set(new) & set(clean)
        assert set(new) | (set(clean) - set(words(any_tokenizer, pair.answers))) <= set(wrong)


def test_the_papers_tokenizer_gets_41_tokens_with_the_papers_places(paper_like_tokenizer):
    prompts = make_task("docstring", paper_like_tokenizer, n=50)
    assert prompts.bos is True
    for pair in prompts:
        assert len(pair.clean) == 41
        assert pair.positions == (40,)
        assert pair.clean[15] == pair.answers[0]
        assert (pair.clean[27], pair.clean[34]) == (pair.clean[11], pair.clean[13])
        differing = [i for i, (a, b) in enumerate(zip(pair.clean, pair.corrupted, strict=True)) if a != b]
        assert differing == [11, 13, 15, 27, 34]


def test_the_words_stand_where_the_published_prompts_have_them(shared, gpt2_tokenizer):
    published = json.loads((shared / "docstring_words.json").read_text())["items"]

    def shape(clean, corrupted, answer):
        """For each word where it occurred first; which words differ; where the answer stands."""
        first = [clean.index(word) for word in clean]
        changed = [i for i, (a, b) in enumerate(zip(clean, corrupted, strict=True)) if a != b]
        return [first[i] for i in (13, 17)], changed, clean.index(answer), len(clean)

    theirs = {str(shape(item["words"], item["corrupt_words"], item["correct"][0].strip())) for item in published}
    ours = set()
    for pair in make_task("docstring", gpt2_tokenizer, n=50):
        clean, corrupted = (re.findall(r"\w+", gpt2_tokenizer.decode(ids)) for ids in (pair.clean, pair.corrupted))
        ours.add(str(shape(clean, corrupted, words(gpt2_tokenizer, pair.answers)[0])))
    assert ours == theirs == {"([5, 6], [5, 6, 7, 13, 17], 7, 21)"}
    assert {len(item["wrong"]) for item in published} == {13}


def test_an_impossible_number_of_arguments_is_refused(demo_tokenizer):
    with pytest.raises(DataError, match="before: 20; choose 0 to 8"):
        make_task("docstring", demo_tokenizer, n=2, options={"before": 20})
