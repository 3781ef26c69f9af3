"""Loading, waiting, leaving: what happens around an answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from infill.complete import Completer
from lsp_server.compose import Description
from lsp_server.door import server
from lsp_server.door.app import Door
from lsp_server.door.facts import Facts
from lsp_server.door.guard import Guard
from tests.lsp_server.door.conftest import PATIENCE, RULES, Served, scripted, serving, until

LONG = {"prompt": "numbers = ", "suffix": "\n", "max_tokens": 512}
SECONDS = {**LONG, "max_tokens": 100}
QUICK = {"prompt": "greet = ", "suffix": "\n"}


@contextmanager
def dawdling(folder: Path) -> Iterator[Served]:
    """A model that takes a long while, one token a forward, and a line with one place."""
    rules = [*RULES, ("numbers = ", "[" + ", ".join(map(str, range(500))) + "]")]
    model = scripted(folder, rules, seconds=0.05, probability=0.3)
    with serving("--model", model, "--waiting", "1", "--mode", "causal") as served:
        yield served


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with dawdling(tmp_path_factory.mktemp("slow")) as served:
        yield served


def ask(door: Served, body: dict[str, Any] = QUICK) -> httpx2.Response:
    return door.http.post("/v1/completions", json=body, timeout=PATIENCE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_while_the_model_loads_clients_are_told_to_come_back(tmp_path: Path) -> None:
    """The script is a pipe that nobody has written to yet."""
    pipe = tmp_path / "script.json"
    os.mkfifo(pipe)
    with serving("--model", f"scripted:{pipe}", wait=False) as door:
        answer = ask(door)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["error"]["message"] == "Loading model"
        answer = door.http.get("/health")
        assert answer.status_code == 503
        assert answer.json()["error"] == {"code": 503, "message": "Loading model", "type": "unavailable_error"}
        assert door.http.get("/metrics").status_code == 200
        pipe.write_text('{"rules": [{"after": "greet = ", "write": "1"}]}')
        until(lambda: door.http.get("/health").status_code == 200)
        assert ask(door).json()["choices"][0]["text"] == "1"


def test_a_model_that_cannot_be_loaded_ends_the_server(
    redraft: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "bad.json").write_text("{}")
    ran = redraft("serve", "--port", "0", "--model", "scripted:bad.json")
    assert ran.returncode == 1
    assert "is no script" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", [("serve", "--port", "{}"), ("lsp", "--tcp", "127.0.0.1:{}")])
def test_a_port_in_use_is_one_sentence(
    redraft: Callable[..., subprocess.CompletedProcess[str]], door: Served, command: tuple[str, ...]
) -> None:
    ran = redraft(*(word.format(door.port) for word in command))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"redraft: cannot listen on 127.0.0.1:{door.port} (Address already in use); choose")
    assert "Traceback" not in ran.stderr


def test_a_client_that_goes_takes_its_job_along(slow: Served) -> None:
    before = slow.metric("redraft_forwards_total")
    assert ask(slow).status_code == 200
    quick = slow.metric("redraft_forwards_total") - before
    begun, gone = slow.metric("redraft_forwards_total"), slow.metric("redraft_cancelled_total")
    with httpx2.Client() as client, pytest.raises(httpx2.ReadTimeout):
        client.post(f"{slow.url}/v1/completions", json=LONG, timeout=httpx2.Timeout(PATIENCE, read=1))
    until(lambda: slow.metric("redraft_cancelled_total") == gone + 1 and slow.metric("redraft_running") == 0)
    seen = slow.metric("redraft_forwards_total")
    assert seen > begun, "the job had begun"
    assert ask(slow).json()["choices"][0]["text"] == "'hello'"
    assert slow.metric("redraft_forwards_total") - seen in (quick, quick + 1), "one step more at most"


def test_a_client_that_goes_while_it_waits_leaves_the_line(slow: Served) -> None:
    with ThreadPoolExecutor() as pool, httpx2.Client() as first:
        running = pool.submit(first.post, f"{slow.url}/v1/completions", json=SECONDS, timeout=PATIENCE)
        until(lambda: slow.metric("redraft_running") == 1)
        with socket.create_connection(("127.0.0.1", slow.port)) as waiting:
            body = b'{"prompt": "greet = "}'
            waiting.sendall(
                b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
            )
            waiting.sendall(body)
            until(lambda: slow.metric("redraft_waiting") == 1)
        until(lambda: slow.metric("redraft_waiting") == 0)
        assert slow.metric("redraft_running") == 1
        assert running.result().status_code == 200


def test_a_full_line_answers_503_and_when_to_come_back(slow: Served) -> None:
    with ThreadPoolExecutor() as pool:
        first = pool.submit(ask, slow, SECONDS)
        until(lambda: slow.metric("redraft_running") == 1)
        second = pool.submit(ask, slow)
        until(lambda: slow.metric("redraft_waiting") == 1)
        third = slow.http.post("/infill", json={"input_prefix": "", "input_suffix": ""}, timeout=PATIENCE)
        assert third.status_code == 503
        assert int(third.headers["retry-after"]) >= 1
        assert third.json()["error"]["type"] == "unavailable_error"
        assert first.result().status_code == second.result().status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_and_its_clients_are_told(tmp_path: Path, number: signal.Signals) -> None:
    with dawdling(tmp_path) as door, ThreadPoolExecutor() as pool:
        running = pool.submit(ask, door, LONG)
        until(lambda: door.metric("redraft_running") == 1)
        door.process.send_signal(number)
        answer = running.result()
        assert (answer.status_code, "shutting down" in answer.text) == (503, True)
        door.process.wait(PATIENCE)
        assert door.process.stderr is not None
        assert door.process.stderr.read() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_although_its_model_is_not_there_yet(tmp_path: Path, number: signal.Signals) -> None:
    """Nobody ever writes to the pipe that the script is."""
    pipe = tmp_path / "script.json"
    os.mkfifo(pipe)
    with serving("--model", f"scripted:{pipe}", wait=False) as door:
        assert ask(door).status_code == 503
        door.process.send_signal(number)
        door.process.wait(PATIENCE)
        assert door.process.stderr is not None
        assert door.process.stderr.read() == ""


def test_what_goes_wrong_while_the_model_loads_ends_the_server_whatever_kind_it_is() -> None:
    class Panic(BaseException):
        """As of a library in Rust: no Exception."""

    def load() -> Completer:
        raise Panic("the model is broken")

    door = Door(Facts(Description("broken"), "0", 0), Guard.of("127.0.0.1"))
    with pytest.raises(RuntimeError, match="the model is broken"):
        server.run(door, server.listen("127.0.0.1", 0), load, lambda: None)


@asynccontextmanager
async def patient() -> AsyncIterator[Any]:
    """The socket's side alone, before an application that answers 204 and reads nothing; yields its address."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    serves = uvicorn.Server(uvicorn.Config(application, http=server.Patient, lifespan="off", log_config=None))
    listener = server.listen("127.0.0.1", 0)
    running = asyncio.create_task(serves.serve([listener]))
    try:
        yield listener.getsockname()
    finally:
        serves.should_exit = True
        await running


async def test_who_asks_nothing_keeps_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has asked once may be silent for longer."""
    monkeypatch.setattr(server, "BODY_SECONDS", 0.3)
    async with patient() as address:
        asks, silent, slow = [await asyncio.open_connection(*address) for _ in range(3)]
        asks[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        slow[1].write(b"GET / HTTP/1.1\r\n")
        assert b"204" in await asks[0].readuntil(b"\r\n\r\n")
        for reader, _ in (silent, slow):
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
        asks[1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"204" in await asks[0].readuntil(b"\r\n\r\n")
        asks[1].write(b"GET / HTTP/1.1\r\n")  # what it begins, it has to end
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(asks[0].read(), PATIENCE) == b""
        for _, writer in (asks, silent, slow):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


ASKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ((b"no request\r\n\r\n",), [b"400"]),
        ((ASKED + b"zz\r\n",), [b"400"]),
        ((ASKED, b"zz\r\n"), [b"204"]),
        ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"no request\r\n\r\n"), [b"204", b"400"]),
        ((b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",), [b"204"]),
    ],
    ids=["no request", "the body at once", "the body later", "after an answer", "another protocol"],
)
async def test_what_cannot_be_read_is_answered_once_and_fills_no_log(
    sent: tuple[bytes, ...], told: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that has not looked at the body may have answered before."""
    async with patient() as address:
        reader, writer = await asyncio.open_connection(*address)
        answers = b""
        for part in sent:
            writer.write(part)
            with contextlib.suppress(TimeoutError):
                answers += await asyncio.wait_for(reader.read(4096), 1)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == told
    assert {record.message for record in caplog.records} <= {"Invalid HTTP request received."}


@pytest.mark.slow
def test_a_reader_that_does_not_read_is_hung_up_on(door: Served) -> None:
    """It asks for page after page and reads none: what is sent to it must not pile up."""
    ask_again = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.settimeout(PATIENCE)
        reader.connect(("127.0.0.1", door.port))
        with pytest.raises(ConnectionError):
            while True:
                reader.sendall(ask_again)
    assert door.http.get("/health").status_code == 200
