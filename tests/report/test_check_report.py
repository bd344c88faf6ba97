"""What `edgewise check` says beside its table: a warning is never beside an unqualified word of trust."""

from __future__ import annotations

from edgewise.engine.check import CheckRow, Language
from edgewise.engine.check.language import Continuation
from edgewise.report.check import check_document, show_check, verdict

ROWS = [CheckRow("sources sum", True, 1e-7, 1e-5, "fine")]
SAID = (Continuation("The capital of France is", ((" Paris", 0.75), (" the", 0.125))),)
FINE = Language(SAID, 3.5, 80, 10.8)
NEAR = Language(SAID, 10.75, 80, 10.8)


def test_words_and_numbers_are_shown() -> None:
    text = show_check("m", "float32", ROWS, FINE)
    assert "The capital of France is  ' Paris' 0.75, ' the' 0.12" in text
    assert "loss on plain English: 3.50 nats a token (80 tokens); chance: 10.80" in text
    assert text.splitlines()[-1] == "Scores and patched runs of m in float32 can be trusted: all 1 checks passed."
    plain = check_document("m", "float32", ROWS, FINE)
    assert plain["language"]["continuations"][0]["likeliest"][0] == {"token": " Paris", "probability": 0.75}
    assert (plain["language"]["loss"], plain["language"]["chance"], plain["warnings"]) == (3.5, 10.8, [])


def test_trust_is_qualified_beside_a_warning() -> None:
    for says in (NEAR, Language(wrong="the tokenizer gives too large ids")):
        said = verdict("m", "float32", ROWS, says)
        assert "can be trusted" not in said
        assert "this may not be the model you mean: see the warning" in said
        plain = check_document("m", "float32", ROWS, says)
        assert plain["passed"] is True
        assert plain["warnings"] == [says.warning]
        assert plain["verdict"] == said
