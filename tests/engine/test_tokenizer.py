"""The shipped tokenizer: every text survives, no text reaches a reserved id, look-ups agree with a plain search."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.canvas import ControlIds
from engine.tokenizer import RESERVED, Tokenizer
from tests.engine import tiny
from tests.fakes import CONTROL
from training.evaluate.places import held_out

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
def test_healing_agrees_with_a_plain_search(head: str) -> None:
    """Whatever of the text is written already."""
    raw, ids = head.encode(), TOKENIZER.encode(head)
    for size in range(len(ids)):
        rest = raw[len(b"".join(TOKENIZER.token_bytes[k] for k in ids[:size])) :]
        texts = [(k, piece) for k, piece in enumerate(TOKENIZER.token_bytes) if k >= RESERVED and piece]
        expected = [k for k, piece in texts if piece.startswith(rest) or rest.startswith(piece)]
        found = TOKENIZER.healing(head, ids[:size])
        assert found is not None
        assert found.tolist() == expected
    assert TOKENIZER.healing(head, ids) is None


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{")
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        Tokenizer.load(broken)


def test_so_is_one_at_which_the_library_panics(tmp_path: Path) -> None:
    raw = json.loads((WEIGHTS / "tokenizer.json").read_text(encoding="utf-8"))
    raw["model"]["continuing_subword_prefix"] = "of more bytes than the tokens have"
    broken = tmp_path / "tokenizer.json"
    broken.write_text(json.dumps(raw))
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        Tokenizer.load(broken)


# ---- tokenizers of other makers


def of_another_maker(tmp_path: Path, **changes: object) -> Tokenizer:
    raw = tiny.tokenizer() | changes
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(raw))
    return Tokenizer.load(path)


def test_special_tokens_are_names_and_no_text_reaches_them(tmp_path: Path) -> None:
    """A normal form of Unicode, which would change the user's text, is left out."""
    other = of_another_maker(tmp_path, normalizer={"type": "NFC"})
    text = "a<|mask|>e\u0301<role>\n"
    ids = other.encode(text)
    assert not set(ids) & other.reserved and other.decode(ids) == text
    assert other.marked("<role>HUMAN</role>") == [260, *b"HUMAN", 261]
    assert other.pieces([257, 97, 299]) == ["<|mask|>", "a", ""]
    assert other.decode([257, 97, 299, -1]) == "a"
    vocabulary = other.vocabulary(300)
    assert vocabulary.line_breaks.shape == (300,) and vocabulary.line_breaks.sum() == 1
    assert vocabulary.reserved == set(range(256, 300))


def test_what_limits_the_length_of_its_makers_texts_changes_none(tmp_path: Path) -> None:
    truncation = {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}
    padding = {
        "strategy": {"Fixed": 40}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "a",
    }  # fmt: skip
    other = of_another_maker(tmp_path, truncation=truncation, padding=padding)
    assert other.encode("return x") == list(b"return x")


@pytest.mark.parametrize(
    "edit",
    [
        lambda raw: raw.update(pre_tokenizer={"type": "FixedLength", "length": 0}),
        lambda raw: raw.update(model=raw["model"] | {"vocab": {"a": 0, "b": 2**31 - 1}}),
        lambda raw: raw["added_tokens"][0].update(id=2**31 - 1),
    ],
)
def test_what_the_library_panics_over_and_what_fills_the_memory_is_one_sentence(
    tmp_path: Path, edit: Callable[[dict[str, Any]], None]
) -> None:
    raw = tiny.tokenizer()
    edit(raw)
    with pytest.raises(ValueError, match="not a readable tokenizer"):
        of_another_maker(tmp_path, **raw)


def test_qwen2s_files_are_read_as_transformers_reads_them(tmp_path: Path) -> None:
    """With the vocabulary of the embedded model, on real files: words are split in Qwen2's way."""
    from transformers import Qwen2Tokenizer

    raw = json.loads((WEIGHTS / "tokenizer.json").read_text())["model"]
    vocabulary, merges = raw["vocab"], [" ".join(pair) if isinstance(pair, list) else pair for pair in raw["merges"]]
    names = {len(vocabulary): "<|endoftext|>", len(vocabulary) + 1: "<|mask|>"}
    told = {str(index): {**tiny.tokenizer()["added_tokens"][0], "content": name} for index, name in names.items()}
    for token in told.values():
        del token["id"]
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": told}))
    ours = Tokenizer.load(tmp_path / "vocab.json")
    theirs = Qwen2Tokenizer(vocab=dict(vocabulary), merges=[tuple(one.split(" ")) for one in merges])
    for source in list(held_out())[::20]:
        text = unicodedata.normalize("NFC", source.text[:5000])
        assert ours.encode(text) == theirs.encode(text, add_special_tokens=False), source.path
        assert ours.decode(ours.encode(text)) == text
    assert ours.marked("<|mask|>") == [len(vocabulary) + 1]
    assert ours.joins_line_ends
    (tmp_path / "merges.txt").unlink()
    with pytest.raises(ValueError, match=r"not a readable tokenizer .*merges\.txt"):
        Tokenizer.load(tmp_path / "vocab.json")


def test_added_tokens_that_are_no_markers_are_text(tmp_path: Path) -> None:
    added = [*tiny.tokenizer()["added_tokens"], {**tiny.tokenizer()["added_tokens"][0], "id": 270}]
    added[-1] |= {"content": "\n\n", "special": False}
    other = of_another_maker(tmp_path, added_tokens=added)
    assert other.encode("a\n\nb") == [97, 270, 98]
    assert other.decode([97, 270, 98]) == "a\n\nb"
    assert other.newlines[270] == 2


def test_a_mask_that_its_makers_do_not_call_special_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(tiny.tokenizer("SDARForCausalLM")))
    plain, other = (Tokenizer.load(tmp_path / "tokenizer.json", control) for control in ((), {tiny.MASK, tiny.EOS}))
    assert plain.encode("<|mask|>") == [tiny.MASK]
    assert other.encode("<|mask|>") == list(b"<|mask|>") and tiny.MASK in other.reserved
    other.check(ControlIds.only(tiny.MASK, tiny.EOS), tiny.ROWS)


def test_a_tokenizer_that_falls_back_to_bytes(tmp_path: Path) -> None:
    """Gemma's kind: spaces are U+2581, and what is no character of the vocabulary is spelled in bytes."""
    vocab = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"\u2581": 256, "d": 257, "\u2581d": 258, "\n": 259}
    model = tiny.tokenizer()["model"] | {
        "byte_fallback": True, "unk_token": "<0x00>", "vocab": vocab, "merges": [["\u2581", "d"]]
    }  # fmt: skip
    other = of_another_maker(
        tmp_path,
        model=model,
        added_tokens=[],
        normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
        pre_tokenizer=None,
    )
    assert other.encode(" dé\n") == [258, 0xC3, 0xA9, 259]
    assert other.decode([258, 0xC3, 0xA9, 259]) == " dé\n"
    assert other.joins_line_ends


def test_a_tokenizer_that_is_not_of_these_weights() -> None:
    with pytest.raises(ValueError, match="49160 tokens and its weights 1000"):
        TOKENIZER.check(CONTROL, 1000)
    with pytest.raises(ValueError, match="49160 tokens and its weights 2000000000"):
        TOKENIZER.check(CONTROL, 2_000_000_000)
    with pytest.raises(ValueError, match=r"token 70, .* is text or nothing"):
        TOKENIZER.check(ControlIds.only(mask=70, eom=4), 49160)
    TOKENIZER.check(CONTROL, 49160)
