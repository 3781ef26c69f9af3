"""The HTTP filler against a real server on loopback: what it sends, what it believes, and when it lets go."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from infill.filler import FillError, FillRequest, Limits
from infill.remote import Remote, RemoteFiller
from tests.serving import FAULTS, Behaviour, Call, Server, recorded, says, serving

ADD = FillRequest("def add(a, b):\n    return ", "\n", "add.py", "python", limits=Limits(lines=1, deadline=20))
SOON = replace(ADD, limits=Limits(lines=1, deadline=0.5))
KEY = "sk-very-secret-0123456789"


@asynccontextmanager
async def asking(server: Server, **chosen: Any) -> AsyncIterator[RemoteFiller]:
    filler = RemoteFiller(Remote(**{"url": server.url, **chosen}))
    try:
        yield filler
    finally:
        await filler.aclose()


async def texts(filler: RemoteFiller, request: FillRequest = ADD) -> list[str]:
    return [one.text for one in (await filler.fill(request)).texts]


async def failure(filler: RemoteFiller, request: FillRequest = ADD) -> FillError:
    with pytest.raises(FillError) as raised:
        await filler.fill(request)
    return raised.value


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after the other, the last one for ever."""
    left = list(behaviours)

    def behave(call: Call) -> Awaitable[None] | None:
        return (left.pop(0) if len(left) > 1 else left[0])(call)

    return behave


# ---- what is sent


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("completions", "completions", "/v1/completions"),
        ("llama.cpp", "infill-llama", "/infill"),
        ("fim", "fim-mistral", "/v1/fim/completions"),
        ("mercury-edit", "fim-inception", "/v1/fim/completions"),
        ("sglang", "chat-sglang", "/v1/chat/completions"),
        ("vllm", "chat-vllm", "/v1/chat/completions"),
    ],
)
async def test_each_kind_asks_its_endpoint_and_reads_its_answer(kind: str, name: str, path: str) -> None:
    async with serving(recorded(name)) as server, asking(server, kind=kind, model="m", key=KEY) as filler:
        result = await filler.fill(ADD)
        assert [one.text for one in result.texts] == ["a + b"]
        assert (result.report.by, result.report.mode) == (server.url.removeprefix("http://"), kind)
        assert result.report.tokens > 0 and result.report.ms > 0
        (call,) = server.calls
        assert call.path == path
        assert call.body["model"] == "m"
        assert call.headers["authorization"] == f"Bearer {KEY}"
        assert call.headers["content-type"] == "application/json"
        assert call.headers["accept-encoding"] == "identity"


async def test_a_repair_goes_to_the_edit_endpoint() -> None:
    fix = replace(ADD, prefix="def add(a, b):\n", draft="    return a - b")
    async with serving(recorded("edit-inception")) as server, asking(server, kind="mercury-edit") as filler:
        assert await texts(filler, fix) == ["    return a + b"]
        assert server.calls[0].path == "/v1/edit/completions"


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("http://h:1", "http://h:1/v1/completions"),
        ("http://h:1/", "http://h:1/v1/completions"),
        ("https://h/v1/", "https://h/v1/completions"),
        ("https://h/beta", "https://h/beta/completions"),
        ("https://h/api/v1/completions", "https://h/api/v1/completions"),
        ("https://h/v1/fim/completions/", "https://h/v1/completions"),
        ("https://h/v1/chat/completions", "https://h/v1/completions"),
    ],
)
def test_an_address_is_a_base_or_names_the_endpoint(base: str, address: str) -> None:
    assert Remote(base).address("completions") == address


@pytest.mark.parametrize("base", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/infill"])
def test_an_endpoint_at_the_root(base: str) -> None:
    assert Remote(base).address("/infill") == "http://h:1/infill"


async def test_a_server_without_a_key_gets_none() -> None:
    async with serving(says("x")) as server, asking(server) as filler:
        await filler.fill(ADD)
        assert "authorization" not in server.calls[0].headers


async def test_half_a_surrogate_pair_is_sent_as_json_spells_it() -> None:
    async with serving(says("x")) as server, asking(server) as filler:
        assert await texts(filler, replace(ADD, prefix='s = "\ud83d"\n')) == ["x"]
        assert server.calls[0].body["prompt"].endswith('s = "\ud83d"\n')


async def test_a_connection_is_used_again() -> None:
    async with serving(says("x")) as server, asking(server) as filler:
        for _ in range(5):
            await filler.fill(ADD)
        assert (len(server.calls), server.connections) == (5, 1)


async def test_fewer_answers_than_asked_are_those_that_came() -> None:
    async with serving(says("x", "y")) as server, asking(server) as filler:
        assert await texts(filler, replace(ADD, alternatives=3)) == ["x", "y"]
        assert server.calls[0].body["n"] == 3


async def test_an_empty_answer_is_an_answer() -> None:
    async with serving(says("")) as server, asking(server) as filler:
        assert await texts(filler) == [""]


@pytest.mark.parametrize(("told", "believed"), [(7, 7), (-1, 0), (10**30, 0), ("7", 0)])
async def test_a_count_of_tokens_is_believed_if_it_can_be_true(told: object, believed: int) -> None:
    answer = {"choices": [{"text": "x", "finish_reason": "stop"}], "usage": {"completion_tokens": told}}
    async with serving(lambda call: call.answer(json.dumps(answer).encode())) as server, asking(server) as filler:
        result = await filler.fill(ADD)
    assert ([one.text for one in result.texts], result.report.tokens) == (["x"], believed)


# ---- what is not believed


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_goes_wrong_is_one_sentence_and_the_next_request_works(fault: str) -> None:
    behaviour, sentence = FAULTS[fault]
    async with serving(behaviour) as server, asking(server, key=KEY) as filler:
        error = await failure(filler, SOON if "within" in sentence else ADD)
        assert sentence in str(error)
        assert str(error).startswith(server.url.removeprefix("http://"))
        assert "\n" not in str(error) and KEY not in str(error) and len(str(error)) < 200
        server.behave = says("a + b")
        assert await texts(filler) == ["a + b"]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with serving(says("stolen")) as other, serving(says("")) as server, asking(server, key=KEY) as filler:
        server.behave = lambda call: call.answer(b"", status, Location=f"{other.url}/v1/completions")
        assert f"another address ({status})" in str(await failure(filler))
        assert (other.connections, len(server.calls)) == (0, 1)


async def test_nobody_listens() -> None:
    async with serving(says("x")) as server:
        pass
    async with asking(server) as filler:
        error = await failure(filler)
        assert "cannot be reached (" in str(error)


async def test_proxies_of_the_environment_are_not_used_and_a_chosen_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(says("direct")) as server, serving(says("by proxy")) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with asking(server) as filler:
            assert await texts(filler) == ["direct"]
        assert proxy.connections == 0
        async with asking(server, proxy=proxy.url) as filler:
            assert await texts(filler) == ["by proxy"]


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return authority


async def test_a_certificate_that_the_system_does_not_know_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with serving(says("x"), tls) as server:
        async with asking(server, key=KEY) as filler:
            error = await failure(filler)
            assert "certificate" in str(error).lower() and KEY not in str(error)
            assert not server.calls, "the request, with its key, was sent before the certificate was looked at"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        async with asking(server, key=KEY) as filler:
            assert await texts(filler) == ["x"]


async def test_a_certificate_of_another_host_is_refused(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(tls)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    async with serving(says("x"), tls) as server, asking(server) as filler:
        assert "cannot be reached" in str(await failure(filler))
        assert not server.calls


# ---- once more


@pytest.mark.parametrize("fault", ["closes at once", "resets", "speaks no HTTP"])
async def test_what_failed_before_the_first_byte_is_asked_once_more(fault: str) -> None:
    async with serving(in_turn(FAULTS[fault][0], says("x"))) as server, asking(server) as filler:
        assert await texts(filler) == ["x"]
        server.behave = FAULTS[fault][0]
        await failure(filler)
        assert len(server.calls) == 4, "once more and no more"


@pytest.mark.parametrize(
    "fault", ["closes in the middle", "claims more bytes than it sends", "HTML", "500", "503", "429", "401", "floods"]
)
async def test_what_failed_later_is_not_asked_again(fault: str) -> None:
    async with serving(FAULTS[fault][0]) as server, asking(server) as filler:
        await failure(filler)
        assert len(server.calls) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("spelled", ["0", "date"])
async def test_who_says_when_is_asked_then(status: int, spelled: str) -> None:
    when = spelled if spelled == "0" else format_datetime(datetime.now(UTC), usegmt=True)
    later: Behaviour = lambda call: call.answer(b"{}", status, Retry_After=when)  # noqa: E731
    async with serving(in_turn(later, says("x"))) as server, asking(server) as filler:
        assert await texts(filler) == ["x"]
        assert len(server.calls) == 2


@pytest.mark.parametrize("when", ["60", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)])
async def test_who_wants_to_be_asked_after_the_deadline_is_left_alone(when: str) -> None:
    later: Behaviour = lambda call: call.answer(b"{}", 429, Retry_After=when)  # noqa: E731
    async with serving(later) as server, asking(server) as filler:
        error = await failure(filler)
        assert error.rest > 50
        assert len(server.calls) == 1


@pytest.mark.parametrize("when", ["soon", "-1", "1e9999", "Fri, 99 Foo 2026", f"Fri, 01 Jan {9**30} 00:00:00 GMT"])
async def test_who_says_no_time_is_not_asked_again(when: str) -> None:
    async with serving(lambda call: call.answer(b"{}", 503, Retry_After=when)) as server, asking(server) as filler:
        assert (await failure(filler)).rest == 0
        assert len(server.calls) == 1


# ---- letting go


@pytest.mark.parametrize("fault", ["hangs", "hangs after the head", "drips"])
async def test_cancelling_closes_the_connection(fault: str) -> None:
    async with serving(FAULTS[fault][0]) as server, asking(server) as filler:
        asked = asyncio.create_task(filler.fill(replace(ADD, limits=Limits())))
        call = await server.called()
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await asyncio.wait_for(call.gone.wait(), 10)
        server.behave = says("x")
        assert await texts(filler) == ["x"]


@pytest.mark.parametrize("fault", ["hangs", "hangs after the head", "drips"])
async def test_so_does_the_deadline(fault: str) -> None:
    async with serving(FAULTS[fault][0]) as server, asking(server) as filler:
        assert "gave no answer within 0.5 s" in str(await failure(filler, SOON))
        await asyncio.wait_for((await server.called()).gone.wait(), 10)


async def test_a_flood_is_cut_off() -> None:
    async with serving(FAULTS["floods"][0]) as server, asking(server) as filler:
        await failure(filler)
        async with asyncio.timeout(10):
            while not server.calls[0].writer.is_closing():
                await asyncio.sleep(0.01)


async def test_many_at_once_get_their_own_answers() -> None:
    def echo(call: Call) -> Awaitable[None] | None:
        return says(call.body["prompt"][-2:])(call)

    async with serving(echo) as server, asking(server) as filler:
        asked = [texts(filler, replace(ADD, prefix=f"a = {n:02}", limits=Limits(deadline=20))) for n in range(50)]
        assert await asyncio.gather(*asked) == [[f"{n:02}"] for n in range(50)]


async def test_it_has_no_scores() -> None:
    async with serving(says("x")) as server, asking(server) as filler:
        with pytest.raises(FillError, match="gives no scores"):
            await filler.score(ADD, ["x"])
        filler.warm(ADD)
        assert server.connections == 0


def test_a_remote_does_not_show_its_key() -> None:
    remote = Remote("https://h/v1", key=KEY)
    assert KEY not in repr(remote)
    assert KEY not in str(RemoteFiller(remote).__dict__)
