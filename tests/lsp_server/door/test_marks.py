"""Other models' tokens in prompts; and what a call knows of its language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infill.filler import Snippet
from lsp_server.door.call import NAME_MOST, Call
from lsp_server.door.marks import FAMILIES, Marks, told

BEFORE, AFTER = "def add(a, b):\n    ", "\n\nprint(add(1, 2))\n"


@pytest.mark.parametrize(
    "prompt",
    [
        f"<|fim_prefix|>{BEFORE}<|fim_suffix|>{AFTER}<|fim_middle|>",
        f"<|fim_suffix|>{AFTER}<|fim_prefix|>{BEFORE}<|fim_middle|>",
        f"<fim_prefix>{BEFORE}<fim_suffix>{AFTER}<fim_middle>",
        f"<fim_prefix><fim_suffix>{AFTER}<fim_middle>{BEFORE}",
        f"<｜fim▁begin｜>{BEFORE}<｜fim▁hole｜>{AFTER}<｜fim▁end｜>",
        f"<|fim_begin|>{BEFORE}<|fim_hole|>{AFTER}<|fim_end|>",
        f"<PRE> {BEFORE} <SUF>{AFTER} <MID>",
        f"<|code_prefix|>{BEFORE}<|code_suffix|>{AFTER}<|code_middle|>",
        f"<[fim-suffix]>{AFTER}<[fim-prefix]>{BEFORE}<[fim-middle]>",
        f"[SUFFIX]{AFTER}[PREFIX]{BEFORE}",
        f"<s>[SUFFIX]{AFTER}[PREFIX]{BEFORE}",
    ],
)
def test_each_family_is_understood(prompt: str) -> None:
    assert told(prompt, None) == Call(BEFORE, AFTER)
    assert told(prompt, "") == Call(BEFORE, AFTER)


@given(st.sampled_from(FAMILIES), st.text(), st.text(), st.booleans())
def test_what_stands_between_the_tokens_comes_back(marks: Marks, prefix: str, suffix: str, suffix_first: bool) -> None:
    space = " " * marks.padded
    parts = [f"{marks.prefix}{space}{prefix}{space}", f"{marks.suffix}{suffix}"]
    if suffix_first or not marks.middle:
        parts = [f"{marks.suffix}{suffix}{space}", f"{marks.prefix}{space}{prefix}"]
    middle = (space if not suffix_first else "") + marks.middle
    found = told("".join(parts) + (middle if marks.middle else ""), None)
    if prefix.startswith("+++++ "):
        return
    assert (found.prefix, found.suffix) == (prefix.removesuffix(" ") if space and suffix_first else prefix, suffix)


def test_other_files_become_snippets() -> None:
    prompt = (
        "<|repo_name|>sums\n<|file_sep|>lib/sub.py\ndef sub(a, b): ...\n<|file_sep|>lib/add.py\n"
        f"<|fim_prefix|>{BEFORE}<|fim_suffix|>{AFTER}<|fim_middle|>"
    )
    assert told(prompt, None) == Call(
        BEFORE, AFTER, "lib/add.py", snippets=(Snippet("lib/sub.py", "def sub(a, b): ...\n"),)
    )
    assert told(f"<filename>add.py\n<fim_suffix>{AFTER}<fim_prefix>{BEFORE}<fim_middle>", None).path == "add.py"


def test_codestral_files_become_snippets() -> None:
    files = f"+++++ lib/sub.py\ndef sub(a, b): ...\n\n+++++ lib/add.py\n{BEFORE}"
    wanted = Call(BEFORE, AFTER, "lib/add.py", snippets=(Snippet("lib/sub.py", "def sub(a, b): ...\n\n"),))
    assert told(files, AFTER) == wanted
    assert told(f"[SUFFIX]{AFTER}[PREFIX]{files}", None) == wanted


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "def add(",
        'MARKS = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>")\n\ndef add(',
        'MARKS = ("[SUFFIX]", "[PREFIX]")\n',
        "<fim_prefix>without an end<fim_suffix>",
        "+++++ ",
    ],
)
def test_a_text_that_only_mentions_tokens_is_the_prefix(prompt: str) -> None:
    assert told(prompt, None) == Call(prompt)


def test_a_suffix_of_its_own_means_that_tokens_are_text() -> None:
    prompt = f"<fim_prefix>{BEFORE}<fim_suffix>{AFTER}<fim_middle>"
    assert told(prompt, "\n") == Call(prompt, "\n")
    assert told("def add(", "<|endoftext|>") == Call("def add(")


@pytest.mark.parametrize(
    ("call", "language"),
    [
        (Call("", language="go", path="a.py"), "go"),
        (Call("", path="src/a.rs"), "rust"),
        (Call("# language: python\n# indentation: use 4 spaces for a tab\n"), "python"),
        (Call("// language: typescript\n"), "typescript"),
        (Call("/* language: c */\n", path="notes"), "c"),
        (Call("", path="Makefile"), "makefile"),
        (Call("the language: english"), ""),
    ],
)
def test_the_language_is_the_clients_word_or_a_guess(call: Call, language: str) -> None:
    assert call.language_id == language


@given(st.text(), st.text())
def test_what_is_cut_and_what_is_kept_is_all(prefix: str, suffix: str) -> None:
    call = Call(prefix * 4000, suffix * 4000).bounded()
    assert len(call.prefix) <= 32_768 >= len(call.suffix)
    assert (prefix * 4000).endswith(call.prefix)
    assert (suffix * 4000).startswith(call.suffix)
    assert call.cut == (4000 * len(prefix) - len(call.prefix), 4000 * len(suffix) - len(call.suffix))


@pytest.mark.parametrize(
    ("far", "near", "kept"),
    [("y" * 9_000, "z" * 30_000, 30_001), ("y" * 20_000, "z" * 20_000, 32_768), ("x = 1", "y" * 40_000, 32_768)],
)
def test_a_side_is_cut_at_a_line_where_one_is_near(far: str, near: str, kept: int) -> None:
    call = Call(f"{far}\n{near}\n", f"{near}\n{far}\n").bounded()
    assert (len(call.prefix), len(call.suffix)) == (kept, kept)


def test_names_that_are_remembered_are_short() -> None:
    long = "x" * 2_000_000 + "/.env"
    call = Call("", path=long, snippets=(Snippet(long, "a"),), user=long).bounded()
    assert all(len(name) <= NAME_MOST for name in (call.path, call.snippets[0].path, call.user))
    assert call.path.endswith("/.env") and call.snippets[0].path.endswith("/.env")
