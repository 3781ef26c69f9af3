"""Clients as their makers publish them, unmodified: the `openai` and `ollama` packages for Python."""

from __future__ import annotations

from collections.abc import Iterator

import ollama
import openai
import pytest

from tests.lsp_server.door.conftest import Served, serving

ADDED = "a, b):\n    return a + b"


@pytest.fixture
def client(door: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{door.url}/v1", api_key="unused", max_retries=0) as made:
        yield made


def test_openai_completes(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="any", prompt="def add(", suffix="\n", max_tokens=32)
    assert (answer.choices[0].text, answer.choices[0].finish_reason) == (ADDED, "stop")
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_openai_streams(client: openai.OpenAI) -> None:
    stream = client.completions.create(model="any", prompt="def add(", suffix="\n", stream=True)
    assert [part.choices[0].text for part in stream] == ["a, b):\n", "    return a + b"]


def test_openai_raises_what_the_server_says(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(model="any", prompt="def add(", n=9)
    assert caught.value.param == "n"
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="any", messages=[{"role": "user", "content": "hello"}])


def test_openai_lists_the_model(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["script"]
    assert client.models.retrieve("gpt-3.5-turbo-instruct").id == "script"


def test_ollama_generates_and_streams(door: Served) -> None:
    with ollama.Client(host=door.url) as client:
        answer = client.generate(model="script", prompt="def add(", suffix="\n")
        parts = list(client.generate(model="script", prompt="def add(", suffix="\n", stream=True))
    assert (answer.response, answer.done_reason) == (ADDED, "stop")
    assert "".join(part.response for part in parts) == ADDED
    assert [part.done for part in parts] == [False, False, True]


def test_ollama_reads_a_text_with_a_line_end_of_unicode(door: Served) -> None:
    with ollama.Client(host=door.url) as client:
        parts = client.generate(model="script", prompt="line_end = ", suffix="\n", stream=True)
        assert "".join(part.response for part in parts) == "'\u2028'"


def test_ollama_asks_what_there_is(door: Served) -> None:
    with ollama.Client(host=door.url) as client:
        assert [model.model for model in client.list().models] == ["script:latest"]
        assert "insert" in (client.show("script").capabilities or [])
        assert client.ps().models == []
        with pytest.raises(ollama.ResponseError, match="num_predict"):
            client.generate(model="script", prompt="x", options={"num_predict": -9})
        with pytest.raises(ollama.ResponseError, match="does not chat") as caught:
            client.chat(model="script", messages=[{"role": "user", "content": "hello"}])
        assert isinstance(caught.value.error, str), "a sentence, as Ollama's own errors"


@pytest.mark.slow
def test_the_embedded_model_answers_openai() -> None:
    prompt = "def mean(values):\n    return sum(values) / len("
    with serving() as door, openai.OpenAI(base_url=f"{door.url}/v1", api_key="unused") as client:
        answer = client.completions.create(model="any", prompt=prompt, suffix=")\n", max_tokens=8)
        assert answer.choices[0].text == "values"
        assert answer.model.startswith("redraft-")
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 10
