"""The shipped tokenizer: every text survives, no text reaches a reserved id, look-ups agree with a plain search."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.tokenizer import RESERVED, Tokenizer

WEIGHTS = Path(__file__).parents[2] / "engine" / "weights" / "redraft-135m"
TOKENIZER = Tokenizer.load(WEIGHTS / "tokenizer.json")
NAMES = TOKENIZER.pieces(range(RESERVED))

texts = st.text(
    st.one_of(st.sampled_from(" \t\n\r()[]{}:._=019aeéß中🙂\x00\x04\x1d"), st.characters(exclude_categories=["Cs"]))
)


@given(texts)
@example("\U00040000\U000c0000\U000f0000\U0010ffff\x04\x06\x13\x14\x16\x1d\u2028\f\r\n")
@example("    def f(self):\n\t\treturn 1234  \n\n\n")
def test_every_text_survives(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


@given(st.lists(st.one_of(st.sampled_from([*NAMES, "<|im_start|>", "<|endoftext|>", "<repo_name>"]), texts)))
def test_no_text_reaches_a_reserved_id(parts: list[str]) -> None:
    text = "".join(parts)
    ids = TOKENIZER.encode(text)
    assert all(RESERVED <= index < TOKENIZER.size for index in ids)
    assert TOKENIZER.decode(ids) == text


@given(st.lists(st.integers(0, TOKENIZER.size - 1)))
def test_decoding_takes_any_ids_and_adds_no_reserved_name(ids: list[int]) -> None:
    assert TOKENIZER.decode(ids) == TOKENIZER.decode([index for index in ids if index >= RESERVED])
    assert len(TOKENIZER.pieces(ids)) == len(ids)


def test_a_character_cut_at_the_end_vanishes_and_a_broken_one_inside_is_marked() -> None:
    ids = TOKENIZER.encode("a\U00040000")
    assert TOKENIZER.decode(ids[:-1]) == "a"
    assert TOKENIZER.decode(ids[:-1] + TOKENIZER.encode("b")) == "a\ufffdb"


def test_lone_surrogates_become_replacement_characters() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("a\ud800b")) == "a\ufffdb"


def test_code_is_split_as_the_base_model_was_trained() -> None:
    pieces = TOKENIZER.pieces(TOKENIZER.encode("def f(x1):\n    return 42\n"))
    assert pieces == ["def", " f", "(", "x", "1", "):", "\n   ", " return", " ", "4", "2", "\n"]


def test_a_line_end_is_a_token_border() -> None:
    """Prompt format: the parts before and after a whitespace run's start tokenize as the whole does."""
    text = (Path(__file__)).read_text()
    whole = TOKENIZER.encode(text)
    for offset in [k for k in range(1, len(text)) if text[k] == "\n" and not text[k - 1].isspace()][:40]:
        assert TOKENIZER.encode(text[:offset]) + TOKENIZER.encode(text[offset:]) == whole


def test_newlines_counts_line_breaks_per_id() -> None:
    assert TOKENIZER.newlines.shape == (TOKENIZER.size,)
    text = "a\n\n\n  b\n"
    assert TOKENIZER.newlines[TOKENIZER.encode(text)].sum() == text.count("\n")
    assert not TOKENIZER.newlines[:RESERVED].any()


@given(st.one_of(st.sampled_from(["", " ", "\n", "retu", "    ", "é", "self.", "xyzzy"]), texts))
def test_starting_with_agrees_with_a_plain_search(head: str) -> None:
    raw = head.encode()
    expected = [k for k, piece in enumerate(TOKENIZER.token_bytes) if k >= RESERVED and piece.startswith(raw)]
    assert TOKENIZER.starting_with(head).tolist() == expected


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{")
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        Tokenizer.load(broken)
