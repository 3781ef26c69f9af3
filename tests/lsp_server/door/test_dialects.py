"""Every dialect over a real socket: what it answers, how it streams, how it refuses."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest

from infill.complete import Completer
from infill.filler import Filled, Filler, FillReport, FillRequest, FillResult
from lsp_server.compose import Choice, Description, described
from lsp_server.door.app import Door, application
from lsp_server.door.facts import Facts, tabby_health
from lsp_server.door.guard import Guard
from tests.lsp_server.door.conftest import Served

ADDED = "a, b):\n    return a + b"
INFILL = {"input_prefix": "x = 1\n", "input_suffix": "\n", "prompt": "def add("}
FIM = {"prompt": "def add(", "suffix": "\n"}
QWEN = {"prompt": "<|fim_prefix|>def add(<|fim_suffix|>\n<|fim_middle|>"}

TEXT_OF = {
    "/infill": lambda body: body["content"],
    "/completion": lambda body: body["content"],
    "/v1/completions": lambda body: body["choices"][0]["text"],
    "/beta/completions": lambda body: body["choices"][0]["text"],
    "/completions": lambda body: body["choices"][0]["text"],
    "/v1/chat/completions": lambda body: body["choices"][0]["message"]["content"],
    "/v1/fim/completions": lambda body: body["choices"][0]["message"]["content"],
    "/fim/completions": lambda body: body["choices"][0]["text"],
    "/api/generate": lambda body: body["response"],
}


def post(door: Served, path: str, body: object, **headers: str) -> httpx2.Response:
    return door.http.post(path, json=body, headers=headers)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/infill", INFILL),
        ("/completion", QWEN),
        ("/v1/completions", FIM),
        ("/v1/completions", QWEN),
        ("/v1/completions", {**FIM, "prompt": [FIM["prompt"]]}),
        ("/beta/completions", FIM),
        ("/completions", FIM),
        ("/v1/fim/completions", FIM),
        ("/v1/fim/completions", {**FIM, "suffix": "<|endoftext|>"}),
        ("/fim/completions", FIM),
        ("/api/generate", {**FIM, "stream": False}),
        ("/api/generate", {**QWEN, "raw": True, "stream": False}),
    ],
)
def test_a_hole_is_filled(door: Served, path: str, body: dict[str, Any]) -> None:
    answer = post(door, path, {**body, "temperature": 0.2, "a_field_of_tomorrow": {"x": 1}})
    assert answer.status_code == 200, answer.text
    assert TEXT_OF[path](answer.json()) == ADDED


@pytest.mark.parametrize(
    ("before", "text"), [("def add(", "a, b):"), ("def sum(a, b):\n    ", "s = a + b\n    return s")]
)
def test_while_somebody_types_a_text_has_the_lines_of_its_place(door: Served, before: str, text: str) -> None:
    """The rest of a line inside one, several lines where a block begins."""
    answer = post(door, "/v1/completions", {"language": "python", "segments": {"prefix": before, "suffix": "\n"}})
    assert answer.json()["choices"] == [{"index": 0, "text": text}]
    typed = {"input_prefix": "", "prompt": before, "input_suffix": "\n", "t_max_predict_ms": 60_000}
    assert post(door, "/infill", typed).json()["content"] == text
    said = post(door, "/v1/chat/completions", marimo(before)).json()["choices"][0]["message"]
    assert (said["role"], said["content"]) == ("assistant", text)


def marimo(before: str, after: str = "") -> dict[str, Any]:
    """What marimo 0.25 sends by pydantic-ai 2, which keeps the tokens of a text apart."""
    instructions = "You are a python code completion assistant. Only output the code after the <|fim_suffix|> part."
    hole = f"<\u200d|fim_prefix|>{before}<\u200d|fim_suffix|>{after}<\u200d|fim_middle|>"
    messages = [{"role": "system", "content": instructions}, {"role": "user", "content": hole}]
    return {"model": "redraft", "stream": False, "messages": messages, "max_completion_tokens": 1024}


def test_where_there_is_nothing_to_say_marimo_gets_what_it_leaves_out(door: Served) -> None:
    """pydantic-ai does not take an empty text for an answer."""
    asked = marimo("nobody knows ")
    for messages, text in ((asked["messages"], "<|file_separator|>"), (asked["messages"][1:], "")):
        answer = post(door, "/v1/chat/completions", {**asked, "messages": messages})
        assert answer.json()["choices"][0]["message"]["content"] == text


def test_a_chat_is_answered_where_it_has_a_hole_alone(door: Served) -> None:
    parts = [{"type": "text", "text": QWEN["prompt"]}]
    body = {"messages": [{"role": "user", "content": parts}], "stream": True}
    *chunks, done = events(post(door, "/v1/chat/completions", body))
    assert "".join(json.loads(chunk)["choices"][0]["delta"]["content"] for chunk in chunks) == "a, b):"
    assert done == "[DONE]"
    for messages in ([], [{"role": "user", "content": "hello"}], [{"role": "assistant", "content": None}]):
        answer = post(door, "/v1/chat/completions", {"messages": messages})
        assert (answer.status_code, answer.json()["error"]["param"]) == (404, "messages")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/infill", INFILL, "n_predict"),
        ("/completion", QWEN, "n_predict"),
        ("/v1/completions", FIM, "max_tokens"),
        ("/v1/fim/completions", FIM, "max_tokens"),
    ],
)
def test_a_whole_number_may_be_spelt_as_a_float(door: Served, path: str, body: dict[str, Any], field: str) -> None:
    """As programs write it in whose language every number is one."""
    answer = post(door, path, {**body, field: 64.0})
    assert answer.status_code == 200, answer.text
    assert TEXT_OF[path](answer.json()) == ADDED
    answer = post(door, path, {**body, field: 64.5})
    assert answer.status_code == 400 and f"`{field}`" in answer.text


def test_openai_has_all_that_its_clients_read(door: Served) -> None:
    answer = post(door, "/v1/completions", {**FIM, "echo": True}).json()
    assert answer["id"].startswith("cmpl-")
    assert (answer["object"], answer["model"]) == ("text_completion", "script")
    assert answer["choices"] == [
        {"index": 0, "text": f"def add({ADDED}", "logprobs": None, "finish_reason": "stop"},
    ]
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0 < usage["completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_text_of_too_few_tokens_says_so(door: Served) -> None:
    answer = post(door, "/v1/completions", {**FIM, "max_tokens": 3}).json()["choices"][0]
    assert answer["finish_reason"] == "length"
    assert ADDED.startswith(answer["text"])


def test_a_text_of_which_the_limit_left_nothing_says_so(door: Served) -> None:
    hole = {"prompt": "open = ", "suffix": "\n"}
    answer = post(door, "/v1/completions", {**hole, "max_tokens": 2}).json()
    assert (answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]) == ("", "length")
    assert post(door, "/api/generate", {**hole, "stream": False}).json()["done_reason"] == "stop"


@pytest.mark.parametrize(("finished", "reason"), [(True, "stop"), (False, "length")])
async def test_the_limit_is_one_of_each_text(finished: bool, reason: str) -> None:
    """Three of which nothing can stand have more tokens than one may have."""

    class Unfit:
        async def fill(self, request: FillRequest) -> FillResult:
            texts = tuple(Filled("y = 2000" + end, -1.0, None, finished) for end in ("", " ", "\n"))
            return FillResult(texts, FillReport(tokens=6))

    door = Door(Facts(Description("unfit"), "0", 0), Guard.of("127.0.0.1"), completer=Completer(cast(Filler, Unfit())))
    asked = {"prompt": "x = 1\n", "suffix": "y = 2000\n", "n": 3, "max_tokens": 4}
    transport = httpx2.ASGITransport(application(door, contextlib.nullcontext))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
        answer = (await http.post("/beta/completions", json=asked)).json()
    assert [(one["text"], one["finish_reason"]) for one in answer["choices"]] == [("", reason)]


def test_lines_end_as_those_around_the_hole_do(door: Served) -> None:
    hole = {"prompt": "x = 1\r\ndef add(", "suffix": "\r\n"}
    answer = post(door, "/v1/completions", hole).json()["choices"][0]
    assert answer["text"] == ADDED.replace("\n", "\r\n")
    for stop in ("\n", "\r\n", "\n    return"):
        answer = post(door, "/v1/completions", {**hole, "stop": stop}).json()["choices"][0]
        assert answer["text"] == "a, b):"


def test_a_stop_text_ends_the_answer(door: Served) -> None:
    answer = post(door, "/infill", {**INFILL, "stop": [" + ", "\n\n"]}).json()
    assert (answer["content"], answer["stop_type"], answer["stopping_word"]) == ("a, b):\n    return a", "word", " + ")
    answer = post(door, "/api/generate", {**FIM, "stream": False, "options": {"stop": "\n"}}).json()
    assert answer["response"] == "a, b):"


def test_llama_cpp_answers_the_fields_that_are_asked_for(door: Served) -> None:
    fields = ["content", "timings/predicted_n", "truncated", "no/such"]
    answer = post(door, "/infill", {**INFILL, "response_fields": fields}).json()
    assert answer == {"content": ADDED, "timings/predicted_n": answer["timings/predicted_n"], "truncated": False}
    assert answer["timings/predicted_n"] > 0


@pytest.mark.parametrize("granted", [-1, 0, None])
def test_llama_cpp_may_leave_the_time_open(door: Served, granted: float | None) -> None:
    assert post(door, "/infill", {**INFILL, "t_max_predict_ms": granted}).json()["content"] == ADDED


def test_llama_cpp_writes_no_space_after_a_colon(door: Served) -> None:
    """llama.vim drops an answer in which it does not find this text."""
    assert post(door, "/infill", INFILL).text.startswith("{")
    assert '"content":"a, b)' in post(door, "/infill", INFILL).text


def test_llama_cpp_answers_a_list_for_several(door: Served) -> None:
    answer = post(door, "/infill", {**INFILL, "n_cmpl": 3}).json()
    assert isinstance(answer, list)
    assert answer[0]["content"] == ADDED


def test_a_warming_request_is_answered_without_a_text(door: Served) -> None:
    extra = [{"text": "def sub(a, b):\n    return a - b\n", "filename": "sums.py", "time": 1}]
    body = {**INFILL, "input_extra": extra, "n_predict": 0, "samplers": [], "response_fields": [""]}
    assert post(door, "/infill", body).json() == {}


@pytest.mark.parametrize("body", [{}, {"keep_alive": 0}, {"prompt": ""}])
def test_without_a_prompt_ollama_only_loads(door: Served, body: dict[str, Any]) -> None:
    forwards = door.metric("redraft_forwards_total")
    answer = post(door, "/api/generate", {"model": "any", "stream": False, **body}).json()
    assert (answer["response"], answer["done"], answer["done_reason"]) == ("", True, "load")
    (only,) = post(door, "/api/generate", {"model": "any", **body}).text.splitlines()
    assert json.loads(only)["done_reason"] == "load"
    assert door.metric("redraft_forwards_total") == forwards


# ---- streams


def events(answer: httpx2.Response) -> list[Any]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    return [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]


def test_openai_streams_to_done(door: Served) -> None:
    body = {**FIM, "stream": True, "stream_options": {"include_usage": True}}
    *parts, usage, done = events(post(door, "/v1/completions", body))
    texts = [json.loads(part)["choices"][0] for part in parts]
    assert "".join(each["text"] for each in texts) == ADDED
    assert [each["finish_reason"] for each in texts] == [None, "stop"]
    assert json.loads(usage)["usage"]["completion_tokens"] > 0
    assert done == "[DONE]"


def test_mistral_streams_in_both_places(door: Served) -> None:
    *parts, done = events(post(door, "/v1/fim/completions", {**FIM, "stream": True}))
    choices = [json.loads(part)["choices"][0] for part in parts]
    assert "".join(each["delta"]["content"] for each in choices) == ADDED
    assert "".join(each["text"] for each in choices) == ADDED
    assert choices[-1]["finish_reason"] == "stop"
    assert done == "[DONE]"


def test_llama_cpp_streams_to_stop(door: Served) -> None:
    parts = [json.loads(part) for part in events(post(door, "/completion", {**QWEN, "stream": True}))]
    assert "".join(part["content"] for part in parts) == ADDED
    assert [part["stop"] for part in parts] == [False, False, True]
    assert parts[-1]["timings"]["predicted_n"] > 0


def test_ollama_streams_lines_unless_told_otherwise(door: Served) -> None:
    answer = post(door, "/api/generate", FIM)
    assert answer.headers["content-type"] == "application/x-ndjson"
    parts = [json.loads(line) for line in answer.text.splitlines()]
    assert "".join(part["response"] for part in parts) == ADDED
    assert [part["done"] for part in parts] == [False, False, True]
    assert parts[-1]["done_reason"] == "stop"
    assert parts[-1]["eval_count"] > 0


# ---- refusals


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/completions", {"suffix": ""}, "prompt"),
        ("/v1/completions", {"prompt": 7}, "prompt"),
        ("/v1/completions", {"prompt": ["a", "b"]}, "prompt"),
        ("/v1/completions", {"prompt": "", "n": 4}, "n"),
        ("/v1/completions", {"prompt": "", "n": 0}, "n"),
        ("/v1/completions", {"prompt": "", "max_tokens": -1}, "max_tokens"),
        ("/v1/completions", {"prompt": "", "stop": [1]}, "stop[0]"),
        ("/v1/completions", {"prompt": "", "stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
    ],
)
def test_openai_names_the_field(door: Served, path: str, body: object, field: str) -> None:
    answer = post(door, path, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", field)
    assert f"`{field.partition('[')[0]}" in error["message"]


def test_every_dialect_refuses_in_its_own_shape(door: Served) -> None:
    answer = post(door, "/infill", {"input_prefix": "", "input_suffix": None})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["type"]) == (400, 400, "invalid_request_error")
    assert "`input_suffix`" in error["message"]
    answer = post(door, "/v1/fim/completions", {"prompt": "", "n": 4})
    assert (answer.status_code, answer.json()["object"], answer.json()["param"]) == (400, "error", "n")
    answer = post(door, "/v1/completions", {"segments": {"suffix": ""}})
    assert (answer.status_code, answer.text) == (400, "`segments.prefix`: it is missing")
    answer = post(door, "/api/generate", {"prompt": "", "options": {"num_predict": "many"}})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("`options.num_predict`: ")


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b"\xff", b'{"prompt": ' + b"[" * 100_000, b'{"prompt": NaN}']
)
def test_what_is_no_json_object_is_refused(door: Served, raw: bytes) -> None:
    answer = door.http.post("/v1/completions", content=raw)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_half_a_character_is_survived(door: Served) -> None:
    """JavaScript clients cut texts inside a surrogate pair."""
    raw = rb'{"prompt": "\ude00 def add(", "suffix": "\n\ud83d", "echo": true}'
    answer = door.http.post("/v1/completions", content=raw)
    assert answer.json()["choices"][0]["text"] == f"? def add({ADDED}"


def test_a_path_that_is_not_there_says_where_to_look(door: Served) -> None:
    answer = post(door, "/v1/embeddings", {"input": []})
    assert answer.status_code == 404
    assert "/docs" in answer.json()["error"]["message"]
    answer = door.http.get("/infill")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


# ---- long prompts, secret files


def test_a_long_prompt_is_cut_on_the_far_sides_and_says_so(door: Served) -> None:
    lines = "x = 1\n" * 20_000
    body = {"input_prefix": lines, "input_suffix": "\n" + lines, "prompt": "def add("}
    answer = post(door, "/infill", body)
    assert (answer.json()["content"], answer.json()["truncated"]) == (ADDED, True)
    cut = dict(part.split("=") for part in answer.headers["x-redraft-cut"].split(", "))
    assert 120_000 - 32_768 <= int(cut["prefix"]) < 120_000
    assert 120_000 - 32_768 <= int(cut["suffix"]) < 120_000
    assert "x-redraft-cut" not in post(door, "/infill", INFILL).headers


def test_the_model_is_never_asked_about_secrets(door: Served) -> None:
    before = door.metric("redraft_forwards_total")
    body = {"segments": {"prefix": "greet = ", "suffix": "\n", "filepath": "config/.env"}}
    answer = post(door, "/v1/completions", body)
    assert answer.json()["choices"][0]["text"] == ""
    assert answer.headers["x-redraft-silent"] == "keys and secrets are never read"
    assert door.metric("redraft_forwards_total") == before
    body["segments"]["filepath"] = "config/app.py"
    answer = post(door, "/v1/completions", body)
    assert answer.json()["choices"][0]["text"] == "'hello'"
    assert "x-redraft-silent" not in answer.headers


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("# Code generated by protoc. DO NOT EDIT.\n", "generated file"),
        ("-----BEGIN RSA PRIVATE KEY-----\n", "keys and secrets are never read"),
        ("import os\n", None),
        ("x = 1\n" * 1000 + "# Code generated by build.py. DO NOT EDIT.\n", None),
    ],
)
def test_a_long_file_is_what_its_beginning_says(door: Served, head: str, reason: str | None) -> None:
    """And not what stands where its prefix is cut."""
    lines = "x = 1\n" * ((32_768 - 100) // 6)
    for prefix in (head + lines * 2, head + lines):
        answer = post(door, "/v1/completions", {"segments": {"prefix": prefix + "def add(", "suffix": "\n"}})
        assert answer.headers.get("x-redraft-silent") == reason
        assert bool(answer.json()["choices"][0]["text"]) is (reason is None)


def test_what_git_ignores_is_not_asked_about(door: Served, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("mine.py\n")
    for name, reason in (("mine.py", "ignored by .gitignore"), ("a.py", None)):
        body = {"segments": {"prefix": "def add(", "suffix": "\n", "filepath": str(tmp_path / name)}}
        assert post(door, "/v1/completions", body).headers.get("x-redraft-silent") == reason


# ---- what clients ask first


def test_probes_say_what_their_clients_look_for(door: Served) -> None:
    def get(path: str) -> Any:
        answer = door.http.get(path)
        assert answer.status_code == 200, path
        return answer.json()

    assert get("/health") == {"status": "ok"}
    assert get("/props")["total_slots"] == 1
    (listed,) = get("/v1/models")["data"]
    assert listed["id"] == "script"
    assert listed["type"] == "base" and listed["capabilities"]["completion_fim"], "as Mistral's clients want it"
    for name in ("anything", "Qwen/Qwen2.5-Coder-1.5B"):
        assert get(f"/v1/models/{name}")["id"] == "script"
    assert get("/openapi.json")["paths"]["/v1/models/{model}"]["get"]["parameters"][0]["name"] == "model"
    assert get("/v1/health")["model"] == "script"
    assert get("/v1beta/server_setting") == {"disable_client_side_telemetry": True}
    assert get("/api/version")["version"]
    assert get("/api/tags")["models"][0]["name"] == "script:latest"
    shown = post(door, "/api/show", {"model": "script"}).json()
    assert ".Suffix" in shown["template"]
    assert "insert" in shown["capabilities"]
    assert door.http.get("/").text.startswith("Ollama is running")


@pytest.mark.parametrize(("asked", "told"), [("", "cpu"), ("auto", "cpu"), ("cuda:0", "cuda:0")])
def test_tabbys_clients_hear_what_the_model_runs_on(asked: str, told: str) -> None:
    assert tabby_health(Facts(described(Choice(device=asked)), "0", 0))["device"] == told


def test_events_of_tabby_are_counted_by_kind_alone(door: Served) -> None:
    before = door.metric("redraft_client_events_total")
    for kind in ("view", "select", "<script>"):
        event = {"type": kind, "completion_id": "cmpl-1", "choice_index": 0}
        assert post(door, "/v1/events?select_kind=line", event).status_code == 200
    assert door.metric("redraft_client_events_total") == before + 2
    assert "script>" not in door.http.get("/metrics").text


def test_the_description_lists_what_the_routes_are(door: Served) -> None:
    told = door.http.get("/openapi.json").json()
    for path, methods in told["paths"].items():
        for method in methods:
            assert door.http.request(method, path, json={}).status_code not in (404, 405, 500)
    fields = {name: schema["properties"] for name, schema in told["components"]["schemas"].items()}
    most = [fields["LlamaInfill"]["n_predict"], fields["OpenAICompletion"]["max_tokens"]]
    assert all(each["anyOf"][0]["description"].startswith("The most tokens of a text") for each in most)
    page = door.http.get("/docs").text
    assert all(f"<code>{path}</code>" in page for path in told["paths"])
    assert "<script" not in page
    assert "<b>input_suffix</b>" in page
