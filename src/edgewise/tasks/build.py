"""Rows of a data file to prompt pairs: encode text, take ids as they are, note what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass

from edgewise.errors import DataError
from edgewise.tasks.dialects import RawPrompt
from edgewise.tasks.dialects.dialect import Prompt
from edgewise.tasks.encode import TextEncoder
from edgewise.tasks.prompts import PromptPair


@dataclass(frozen=True)
class Built:
    """A pair, and remarks on its row that are worth a warning."""

    pair: PromptPair
    remarks: tuple[str, ...] = ()


class PairBuilder:
    """Turn the rows of one file into pairs, with one tokenizer and one choice of BOS.

    Args:
        encoder: for text, with BOS as the user or the tokenizer has it; None where there is no tokenizer.
        bos: the user's own choice, which alone decides for token ids: only True puts BOS before them.

    Raises:
        DataError: BOS is asked for and there is no tokenizer to name it.
    """

    def __init__(self, encoder: TextEncoder | None, bos: bool | None) -> None:
        """Settle what is put before ids."""
        if bos and encoder is None:
            raise DataError("BOS was asked for, but the model has no tokenizer; write its id into the prompts")
        self._encoder = encoder if encoder is None or bos is None else TextEncoder(encoder.tokenizer, bos)
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
        pair = PromptPair(
            self._prompt(raw.clean, "clean"),
            self._prompt(raw.corrupted, "corrupted"),
            self._answers(raw.clean, raw.answers, "answers"),
            self._answers(raw.clean, raw.wrong_answers, "wrong_answers"),
            raw.positions,
            row,
        )
        return Built(pair, self._remarks(raw, pair))

    def _prompt(self, prompt: Prompt, field: str) -> tuple[int, ...]:
        if isinstance(prompt, str):
            return tuple(self._text_encoder(field).prompt(prompt))
        begins = prompt[: len(self._id_prefix)] == self._id_prefix
        return prompt if begins else (*self._id_prefix, *prompt)

    def _answers(self, prompt: Prompt, answers: tuple[str | int, ...], field: str) -> tuple[int, ...]:
        texts = [answer for answer in answers if isinstance(answer, str)]
        if not texts:
            return tuple(int(answer) for answer in answers)
        encoder = self._text_encoder(field)
        try:
            ids = encoder.answers(prompt, texts) if isinstance(prompt, str) else _alone(encoder, texts)
        except DataError as error:
            raise DataError(f"{field}: {error}") from error
        encoded = iter(ids)
        return tuple(next(encoded) if isinstance(answer, str) else answer for answer in answers)

    def _text_encoder(self, field: str) -> TextEncoder:
        if self._encoder is None:
            raise DataError(f"{field}: text, and the model has no tokenizer; give token ids such as [12, 13]")
        return self._encoder

    def _remarks(self, raw: RawPrompt, pair: PromptPair) -> tuple[str, ...]:
        encoder = self._encoder
        if encoder is None or not isinstance(raw.clean, str):
            return ()
        remarks = [_unknown_words(encoder, pair), _trailing_space(encoder, raw.clean, pair)]
        texts = zip((*raw.answers, *raw.wrong_answers), (*pair.answers, *pair.wrong_answers), strict=True)
        remarks += [_joined_word(encoder, raw.clean, text, token) for text, token in texts]
        return tuple(remark for remark in remarks if remark)


def _alone(encoder: TextEncoder, texts: list[str]) -> list[int]:
    ids = [encoder.single(text) for text in texts]
    unusable = [text for text, token in zip(texts, ids, strict=True) if token is None]
    if unusable:
        raise DataError(f"answer {unusable[0]!r} is not one token by itself; give its token id")
    return [token for token in ids if token is not None]


def _unknown_words(encoder: TextEncoder, pair: PromptPair) -> str | None:
    unknown = sum(token == encoder.unknown_id for token in (*pair.clean, *pair.corrupted))
    if not unknown:
        return None
    return f"{unknown} words are unknown to the tokenizer and look alike to the model; use words it knows"


def _trailing_space(encoder: TextEncoder, text: str, pair: PromptPair) -> str | None:
    if text == text.rstrip() or tuple(encoder.prompt(text.rstrip())) == pair.clean:
        return None
    return "clean ends in a space of its own, where tokenizers join it to the next word; end it before the space"


def _joined_word(encoder: TextEncoder, prompt: str, answer: str | int, token: int) -> str | None:
    if isinstance(answer, int) or not (answer[:1].isalpha() and prompt[-1:].isalpha()):
        return None
    spaced = encoder.single(f" {answer}")
    if spaced is None or spaced == token:
        return None
    return f"answer {answer!r} continues the prompt's last word; if a new word is meant, write {' ' + answer!r}"
