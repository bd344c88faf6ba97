"""Rows of a data file to prompt pairs: encode text, take ids as they are, note what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.json_text import shown
from edgewise.tasks.contrast import contrast
from edgewise.tasks.dialects import RawPrompt
from edgewise.tasks.dialects.dialect import Prompt
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.problems import Remark
from edgewise.tasks.prompts import PromptPair, Span


@dataclass(frozen=True)
class Built:
    """A pair, and remarks on its row that are worth a warning."""

    pair: PromptPair
    remarks: tuple[Remark, ...] = ()


_SEVERAL = Remark(
    "several tokens",
    "answers of several tokens are read at the first in which right and wrong ones differ, behind what they share",
)


_WRONG_UNREAD = Remark(
    "wrong answers unread",
    "wrong_answers are not looked at: --answer-tokens all sums over the right answer alone",
)


class PairBuilder:
    """Turn the rows of one file into pairs, with one tokenizer and one choice of BOS.

    Args:
        encoder: for text, with BOS as the user or the tokenizer has it; None where there is no tokenizer.
        bos: the user's own choice, which alone decides for token ids: only True puts BOS before them.
        first_token: of text answers that are several tokens, take the first.
        whole: read every token of the right answer, behind those before it.

    Raises:
        DataError: BOS is asked for and there is no tokenizer to name it.
    """

    def __init__(
        self, encoder: TextEncoder | None, bos: bool | None, first_token: bool = False, whole: bool = False
    ) -> None:
        """Settle what is put before ids."""
        if bos and encoder is None:
            raise DataError("BOS was asked for, but the model has no tokenizer; write its id into the prompts")
        plain = encoder is None or bos is None or not encoder.takes_ids
        self._encoder = encoder if plain or encoder is None else TextEncoder(encoder.tokenizer, bos)
        self._first_token, self._whole = first_token, whole
        self._id_prefix = self._encoder.prefix if self._encoder and bos else ()

    def bos(self, raw: RawPrompt) -> bool:
        """Whether BOS is put before prompts such as this one."""
        if isinstance(raw.clean, str):
            return self._encoder is not None and self._encoder.bos
        return bool(self._id_prefix)

    def build(self, raw: RawPrompt, row: int) -> Built:
        """Encode one row.

        Raises:
            DataError: text without a tokenizer, text beside ids, or an answer that is not one token; the
                message begins with the field.
        """
        if isinstance(raw.clean, str) != isinstance(raw.corrupted, str):
            raise DataError("corrupted: text beside token ids; give clean and corrupted alike")
        clean, corrupted = self._prompt(raw.clean, "clean"), self._prompt(raw.corrupted, "corrupted")
        if raw.answers and self._whole:
            return self._read_whole(raw, clean, corrupted, row)
        if raw.answers and self._of_several_tokens(raw):
            return self._contrasted(raw, clean, corrupted, row)
        right = self._answers(raw.clean, raw.answers, "answers")
        wrong = self._answers(raw.clean, raw.wrong_answers, "wrong_answers")
        remarks = self._remarks(raw, clean, corrupted, (*right, *wrong))
        if self._first_token:
            _require_apart(raw, right, wrong)
            right, wrong = tuple(dict.fromkeys(right)), tuple(dict.fromkeys(wrong))
        return Built(PromptPair(clean, corrupted, right, wrong, raw.positions, row, self._spans(raw)), remarks)

    def _of_several_tokens(self, raw: RawPrompt) -> bool:
        """Whether answers are compared that are several tokens, and none lacks the space that would make it one."""
        texts = [text for text in (*raw.answers, *raw.wrong_answers) if isinstance(text, str)]
        all_texts = len(texts) == len(raw.answers) + len(raw.wrong_answers)
        if self._encoder is None or self._first_token or raw.positions or not (all_texts and raw.wrong_answers):
            return False
        try:
            pieces = self._encoder.continuations(raw.clean if isinstance(raw.clean, str) else None, texts)
        except DataError:
            return False
        longer = [text for text, ids in zip(texts, pieces, strict=True) if len(ids) > 1]
        return bool(longer) and not any(self._encoder.lacks_space(text) for text in longer)

    def _contrasted(self, raw: RawPrompt, clean: tuple[int, ...], corrupted: tuple[int, ...], row: int) -> Built:
        """A pair that is read where its answers first differ."""
        encoder = self._text_encoder("answers")
        right, wrong = (tuple(map(str, texts)) for texts in (raw.answers, raw.wrong_answers))
        try:
            found = contrast(encoder, raw.clean if isinstance(raw.clean, str) else None, right, wrong)
        except DataError as error:
            raise DataError(f"answers: {error}") from error
        tokens = (*clean, *found.shared), (*corrupted, *found.shared)
        pair = PromptPair(*tokens, found.right, found.wrong, (), row, self._spans(raw))
        remarks = self._remarks(raw, clean, corrupted, ())
        return Built(pair, (*remarks, _SEVERAL))

    def _spans(self, raw: RawPrompt) -> tuple[Span, ...]:
        """The named parts of a prompt in tokens."""
        if not raw.spans:
            return ()
        if isinstance(raw.clean, str):
            return self._text_encoder("clean").spans(raw.clean, raw.spans, uncut=True)
        before = 0 if raw.clean[: len(self._id_prefix)] == self._id_prefix else len(self._id_prefix)
        return tuple(
            Span(name, *((start + before, stop + before) if start < stop else (start, stop)))
            for name, (start, stop) in raw.spans.items()
        )

    def _read_whole(self, raw: RawPrompt, clean: tuple[int, ...], corrupted: tuple[int, ...], row: int) -> Built:
        """A pair that is read at every token of its answer, which stands behind both prompts but for the last."""
        if raw.positions:
            raise DataError("positions: with --answer-tokens all the answer's own are read; leave the field out")
        tokens = self._whole_answer(raw)
        before = tokens[:-1]
        pair = PromptPair(
            (*clean, *before),
            (*corrupted, *before),
            tokens,
            positions=tuple(range(len(clean) - 1, len(clean) + len(before))),
            row=row,
            spans=self._spans(raw),
        )
        remarks = self._remarks(raw, clean, corrupted, ())
        return Built(pair, (*remarks, _WRONG_UNREAD) if raw.wrong_answers else remarks)

    def _whole_answer(self, raw: RawPrompt) -> tuple[int, ...]:
        """The tokens of the one right answer, in order."""
        if all(not isinstance(answer, str) for answer in raw.answers):
            return tuple(int(answer) for answer in raw.answers)
        if len(raw.answers) > 1:
            raise DataError(
                f"answers: {len(raw.answers)} of them, and --answer-tokens all sums over one; give one a row"
            )
        try:
            after = raw.clean if isinstance(raw.clean, str) else None
            (found,) = self._text_encoder("answers").continuations(after, [str(raw.answers[0])])
        except DataError as error:
            raise DataError(f"answers: {error}") from error
        return tuple(found)

    def _prompt(self, prompt: Prompt, field: str) -> tuple[int, ...]:
        if isinstance(prompt, str):
            return tuple(self._text_encoder(field).prompt(prompt))
        if self._encoder is not None and not self._encoder.takes_ids:
            raise DataError(f"{field}: token ids, which no chat template takes; give text, or leave --chat out")
        begins = prompt[: len(self._id_prefix)] == self._id_prefix
        return prompt if begins else (*self._id_prefix, *prompt)

    def _answers(self, prompt: Prompt, answers: tuple[str | int, ...], field: str) -> tuple[int, ...]:
        texts = [answer for answer in answers if isinstance(answer, str)]
        if not texts:
            return tuple(int(answer) for answer in answers)
        encoder = self._text_encoder(field)
        try:
            after = prompt if isinstance(prompt, str) else None
            ids = encoder.answers(after, texts, first_token=self._first_token)
        except DataError as error:
            raise DataError(f"{field}: {error}") from error
        encoded = iter(ids)
        return tuple(next(encoded) if isinstance(answer, str) else answer for answer in answers)

    def _text_encoder(self, field: str) -> TextEncoder:
        if self._encoder is None:
            raise DataError(f"{field}: text, and the model has no tokenizer; give token ids such as [12, 13]")
        return self._encoder

    def _remarks(
        self, raw: RawPrompt, clean: tuple[int, ...], corrupted: tuple[int, ...], answers: tuple[int, ...]
    ) -> tuple[Remark, ...]:
        encoder = self._encoder
        if encoder is None:
            return ()
        texts = (*raw.answers, *raw.wrong_answers)
        remarks = [_other_words(encoder, raw)]
        if isinstance(raw.clean, str):
            remarks += [_unknown_words(encoder, (*clean, *corrupted)), _trailing_space(encoder, raw.clean, clean)]
            pairs = zip(texts, answers, strict=True) if answers else ()
            remarks += [_joined_word(encoder, raw.clean, text, token) for text, token in pairs]
        return tuple(remark for remark in remarks if remark)


def _require_apart(raw: RawPrompt, right: tuple[int, ...], wrong: tuple[int, ...]) -> None:
    """Refuse a wrong answer that begins with the token of a right one: first tokens do not tell them apart."""
    for text, token in zip(raw.wrong_answers, wrong, strict=True):
        if token in right:
            other = raw.answers[right.index(token)]
            raise DataError(
                f"wrong_answers: {shown(text)} and the right answer {shown(other)} begin with the same token;"
                " give answers that differ in their first token"
            )


def _other_words(encoder: TextEncoder, raw: RawPrompt) -> Remark | None:
    """Ids of another tokenizer, where the file has the words beside them."""
    ids = [answer for answer in (*raw.answers, *raw.wrong_answers) if isinstance(answer, int)]
    if not raw.words or len(raw.words) != len(ids) or not all(0 <= token < encoder.size for token in ids):
        return None
    decoded = [encoder.decode([token]) for token in ids]
    other = [(text, word) for text, word in zip(decoded, raw.words, strict=True) if not _begins(word, text)]
    if 2 * len(other) <= len(ids):
        return None
    text, word = other[0]
    return Remark(
        "other words",
        f"the answers' token ids are those of another tokenizer: {word!r} stands beside an id that is {text!r} here;"
        " give the answers as text, or ids of this model's tokenizer",
    )


def _begins(word: str, text: str) -> bool:
    return bool(text.strip()) and word.strip().startswith(text.strip())


def _unknown_words(encoder: TextEncoder, tokens: tuple[int, ...]) -> Remark | None:
    unknown = sum(token == encoder.unknown_id for token in tokens)
    if not unknown:
        return None
    text = f"{unknown} words are unknown to the tokenizer and look alike to the model; use words it knows"
    return Remark("unknown words", text)


def _trailing_space(encoder: TextEncoder, text: str, clean: tuple[int, ...]) -> Remark | None:
    if not text.endswith(" ") or tuple(encoder.prompt(text.rstrip(" "))) == clean:
        return None
    return Remark(
        "trailing space",
        "clean ends in a space of its own, where tokenizers join it to the next word; end it before the space",
    )


def _joined_word(encoder: TextEncoder, prompt: str, answer: str | int, token: int) -> Remark | None:
    if isinstance(answer, int) or not (answer[:1].isalpha() and prompt[-1:].isalpha()):
        return None
    if not encoder.lacks_space(answer) or encoder.single(f" {answer}") == token:
        return None
    return Remark(
        "joined word",
        f"answer {answer!r} continues the prompt's last word; if a new word is meant, write {' ' + answer!r}",
    )
