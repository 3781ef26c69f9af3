"""Requests as each kind of server wants them, answers as each gives them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from infill.dialects import KINDS, PREFIX_MOST, SUFFIX_MOST
from infill.filler import FillError, FillRequest, Limits, Snippet
from lsp_server.settings import REMOTE_KINDS
from tests.serving import ANSWERS

ADD = FillRequest(
    prefix="def add(a, b):\n    return ",
    suffix="\n\nprint(add(1, 2))\n",
    path="/home/me/sums/add.py",
    language="python",
    snippets=(Snippet("lib/sums.py", "def total(values):\n    ..."),),
    limits=Limits(tokens=48, lines=1),
)
FIX = replace(
    ADD,
    prefix="def add(a, b):\n",
    draft="    return a - b",
    suffix="\n\nprint(add(1, 2))\n",
    suspects=((13, 14),),
    limits=Limits(tokens=30, lines=1),
)


def answer(name: str) -> Any:
    return json.loads((ANSWERS / f"{name}.json").read_bytes())


def texts(kind: str, given: Any, request: FillRequest) -> list[tuple[str, bool]]:
    return [(one.text, one.finished) for one in KINDS[kind].texts(given, request)]


def chat(content: str | None) -> Any:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}


def test_the_settings_offer_every_kind() -> None:
    assert tuple(KINDS) == REMOTE_KINDS


@pytest.mark.parametrize(
    ("kind", "name", "request_", "wanted"),
    [
        ("completions", "completions", ADD, "a + b"),
        ("llama.cpp", "infill-llama", ADD, "a + b"),
        ("fim", "fim-mistral", ADD, "a + b"),
        ("fim", "fim-inception", ADD, "a + b"),
        ("mercury-edit", "fim-inception", ADD, "a + b"),
        ("mercury-edit", "edit-inception", FIX, "    return a + b"),
        ("sglang", "chat-sglang", ADD, "a + b"),
        ("vllm", "chat-vllm", ADD, "a + b"),
        ("completions", "completions", FIX, "a + b"),
    ],
)
def test_a_recorded_answer_becomes_the_text_of_the_hole(
    kind: str, name: str, request_: FillRequest, wanted: str
) -> None:
    assert texts(kind, answer(name), request_) == [(wanted, True)]


def test_several_answers_are_distinct_in_the_servers_order_and_no_more_than_asked() -> None:
    three = replace(ADD, alternatives=3)
    assert texts("completions", answer("completions"), three) == [("a + b", True), ("sum((a, b))", False)]
    assert texts("completions", answer("completions"), replace(ADD, alternatives=2)) == [("a + b", True)]
    assert texts("fim", answer("fim-mistral"), three) == [("a + b", True)]


def test_lines_over_the_limit_are_cut_and_the_text_counts_as_finished() -> None:
    long = {"choices": [{"text": "a\nb\nc", "finish_reason": "length"}]}
    assert texts("completions", long, replace(ADD, limits=Limits(lines=2))) == [("a\nb", True)]
    assert texts("completions", long, replace(ADD, limits=Limits(lines=3))) == [("a\nb\nc", False)]
    assert texts("completions", long, replace(ADD, limits=Limits(lines=0))) == [("a\nb\nc", False)]


@pytest.mark.parametrize(
    ("reason", "finished"), [("stop", True), (None, True), ("eos", True), ("abort", False), ({"type": "stop"}, True)]
)
def test_a_text_that_was_broken_off_is_not_finished(reason: object, finished: bool) -> None:
    assert texts("fim", {"choices": [{"text": "a", "finish_reason": reason}]}, ADD) == [("a", finished)]


# ---- requests


def test_fill_in_the_middle_has_both_sides_and_snippets_as_comments() -> None:
    body = KINDS["completions"].body(ADD, "m")
    assert body == {
        "model": "m", "max_tokens": 48, "temperature": 0.0, "stream": False, "stop": ["\n"], "suffix": ADD.suffix,
        "prompt": "# lib/sums.py:\n# def total(values):\n#     ...\n#\n# sums/add.py\n" + ADD.prefix,
    }  # fmt: skip
    assert KINDS["fim"].body(ADD, "m") == body
    del body["temperature"]
    assert KINDS["mercury-edit"].body(ADD, "m") == body, "Inception's schema has no such field"


def test_llama_cpp_gets_snippets_in_their_own_field_and_says_why_it_stopped() -> None:
    assert KINDS["llama.cpp"].body(ADD, "") == {
        "input_prefix": ADD.prefix, "input_suffix": ADD.suffix, "prompt": "",
        "input_extra": [{"filename": "lib/sums.py", "text": ADD.snippets[0].text}],
        "n_predict": 48, "max_tokens": 48, "temperature": 0.0, "stream": False, "cache_prompt": True, "stop": ["\n"],
    }  # fmt: skip
    assert texts("llama.cpp", {"content": "a", "stop_type": "limit"}, ADD) == [("a", False)]
    for wrong in ({"choices": [{"text": "a"}]}, [], "a", {"content": 5}):
        with pytest.raises(FillError, match="; check "):
            texts("llama.cpp", wrong, ADD)


def test_what_has_no_comment_sign_gets_no_snippets_and_what_is_empty_is_left_out() -> None:
    body = KINDS["fim"].body(replace(ADD, language="plaintext", suffix="", limits=Limits(lines=0)), "")
    assert body == {"max_tokens": 64, "temperature": 0.0, "stream": False, "prompt": ADD.prefix}


def test_only_who_can_is_asked_for_several() -> None:
    three = replace(ADD, alternatives=3)
    assert {kind: KINDS[kind].body(three, "").get("n", 1) for kind in KINDS} == {
        "completions": 3, "llama.cpp": 1, "fim": 1, "mercury-edit": 1, "sglang": 1, "vllm": 1,
    }  # fmt: skip
    assert KINDS["completions"].body(three, "")["temperature"] > 0


def test_a_chat_has_the_suffix_first_so_that_typing_changes_its_end() -> None:
    body = KINDS["sglang"].body(ADD, "inclusionAI/LLaDA2.1-mini")
    system, user = (message["content"] for message in body["messages"])
    assert "one line" in system
    assert user.index(ADD.snippets[0].text) < user.index(ADD.suffix) < user.index(ADD.prefix)
    typed = KINDS["sglang"].body(replace(ADD, prefix=ADD.prefix + "a"), "")["messages"][1]["content"]
    assert typed.startswith(user.removesuffix("\n</text>\n\n"))
    assert "chat_template_kwargs" not in body
    assert KINDS["vllm"].body(ADD, "")["chat_template_kwargs"] == {"enable_thinking": False}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("```python\na + b\n```", "a + b"),
        ("Here you are:\n\n```\na + b\n```\nThat adds them.", "a + b"),
        ("```python\na + b", "a + b"),
        ("a + b", "a + b"),
        ("```py\n\n    a\n    b\n```", "\n    a\n    b"),
        ("```python\n```", ""),
        (None, ""),
    ],
)
def test_the_first_fence_of_a_chat_is_the_text(content: str | None, text: str) -> None:
    assert texts("sglang", chat(content), replace(ADD, limits=Limits(lines=0))) == [(text, True)]


def test_the_edit_endpoint_gets_the_file_with_the_lines_and_the_cursor_in_it() -> None:
    body = KINDS["mercury-edit"].body(FIX, "mercury-edit-2")
    (message,) = body.pop("messages")
    assert body == {"model": "mercury-edit-2", "max_tokens": 30, "temperature": 0.0}
    assert message == {
        "role": "user",
        "content": (
            "<|recently_viewed_code_snippets|>\n"
            "<|recently_viewed_code_snippet|>\ncode_snippet_file_path: lib/sums.py\ndef total(values):\n    ...\n"
            "<|/recently_viewed_code_snippet|>\n"
            "<|/recently_viewed_code_snippets|>\n"
            "<|current_file_content|>\ncurrent_file_path: sums/add.py\ndef add(a, b):\n"
            "<|code_to_edit|>\n    return a <|cursor|>- b\n<|/code_to_edit|>\n"
            "\nprint(add(1, 2))\n\n<|/current_file_content|>\n"
            "<|edit_diff_history|>\n<|/edit_diff_history|>\n"
        ),
    }


def test_a_hole_within_a_line_is_repaired_by_its_whole_line() -> None:
    within = replace(FIX, prefix="def add(a, b):\n    ret", draft="urn a - ", suffix="b\n\nprint(1)\n", suspects=())
    for kind in ("mercury-edit", "sglang", "vllm"):
        body = json.dumps(KINDS[kind].body(within, ""))
        assert re.search(r"    return a - (<\|cursor\|>)?b\\n", body), kind
        assert body.count("    ret") == 1
        assert texts(kind, chat("```\n    return a + b\n```"), within) == [("urn a + ", True)]
        assert texts(kind, chat("```\n    x = a + b\n```"), within) == []
        assert texts(kind, chat("```\n    retb\n```"), within) == [("", True)]
        assert texts(kind, chat("    retu"), within) == []


def test_no_edit_is_an_answer() -> None:
    assert texts("mercury-edit", chat("None"), FIX) == []
    assert texts("mercury-edit", chat("```\nNone\n```"), FIX) == []


@pytest.mark.parametrize("mark", ["<|cursor|>", "<|/code_to_edit|>", "<|edit_diff_history|>"])
def test_text_with_the_servers_own_marks_is_not_sent(mark: str) -> None:
    for request in (replace(FIX, prefix=mark), replace(FIX, suffix=mark), replace(FIX, draft=mark)):
        with pytest.raises(FillError, match="its own marks") as raised:
            KINDS["mercury-edit"].body(request, "")
        assert raised.value.unfit
    KINDS["mercury-edit"].body(replace(ADD, prefix=mark), "")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("request_", [ADD, FIX])
def test_what_is_far_from_the_cursor_is_not_sent(kind: str, request_: FillRequest) -> None:
    far = "".join(f"far{n} = {n}\n" for n in range(9000))
    long = replace(request_, prefix=far + request_.prefix, suffix=request_.suffix + far, snippets=())
    sent = json.dumps(KINDS[kind].body(long, ""))
    assert "/home" not in sent
    assert len(sent) < 2 * (PREFIX_MOST + SUFFIX_MOST)
    assert "far8999 = 8999" in sent and "far0 = 0" in sent and "far4500 =" not in sent
    assert not re.search(r'(?:"|\\n)(?!far)\d* = \d+\\n', sent), "cut within a line"
    one_line = replace(request_, prefix="x" * 50_000, suffix="y" * 50_000, snippets=())
    try:
        assert len(json.dumps(KINDS[kind].body(one_line, ""))) < 2 * (PREFIX_MOST + SUFFIX_MOST)
    except FillError as error:
        assert error.unfit and request_ is FIX
