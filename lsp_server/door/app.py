"""The one handler: read a call in its dialect, wait for a turn, fill the hole, write the answer. And the routes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from infill import manners
from infill.complete import Completer
from infill.filler import FillResult, Step
from lsp_server.door import body, openapi
from lsp_server.door.call import Answer, Call, Refused, Text
from lsp_server.door.dialect import Dialect, encoded
from lsp_server.door.dialects import chat, llama_cpp, mistral, ollama, openai, tabby
from lsp_server.door.facts import PROBES, Facts, Probe
from lsp_server.door.guard import Guard, body_of
from lsp_server.door.line import Line
from lsp_server.door.metrics import MEDIA as METRICS_MEDIA
from lsp_server.door.metrics import Metrics
from lsp_server.hosts import is_loopback

log = logging.getLogger(__name__)

FILLS: Mapping[str, tuple[Dialect, ...]] = {
    "/infill": (llama_cpp.INFILL,),
    "/completion": (llama_cpp.INFILL, llama_cpp.COMPLETION),
    "/completions": (llama_cpp.INFILL, openai.DIALECT),
    "/v1/completions": (tabby.DIALECT, openai.DIALECT),
    "/beta/completions": (openai.DIALECT,),
    "/v1/chat/completions": (chat.DIALECT,),
    "/v1/fim/completions": (mistral.DIALECT,),
    "/fim/completions": (mistral.DIALECT,),
    "/api/generate": (ollama.DIALECT,),
}
"""Path -> its dialects: the first whose sign stands in the body, else the last."""
PEOPLE = replace(openai.DIALECT, name="people")
"""The dialect for /metrics, the pages and most paths that do not exist: people look at those."""
TABBY_EVENTS = ("view", "select", "dismiss")
GONE = 499
"""The status of an answer that nobody is left to read."""


@dataclass
class Door:
    """One server's state: the completer once it is loaded, and everything that requests share."""

    facts: Facts
    guard: Guard
    mode: str = "speedy"
    waiting: int = 8
    completer: Completer | None = None
    line: Line = field(init=False)
    metrics: Metrics = field(init=False)
    _jobs: set[asyncio.Task[Answer]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.line = Line(self.waiting)
        self.metrics = Metrics(self.line)

    async def fill(self, request: Request, dialects: tuple[Dialect, ...]) -> Response:
        """Read, answer, write. Raises Refused, and ClientDisconnect when nobody waits any more."""
        self.guard.admit(request)
        value = body.parse(await body_of(request))
        dialect = next((each for each in dialects if each.sign and each.sign in value), dialects[-1])
        request.state.dialect = dialect
        asked = body.read(value, dialect.body)
        told = dialect.read(asked)
        call = told.bounded()
        denied = manners.denied(call.path, told.prefix + told.suffix)  # a file says at its beginning what it is
        with self.metrics.seconds.labels(dialect.name).time():
            answer = await self._unless_gone(request, self._answer(call, denied, _client(request, call)))
        notes = {"X-Redraft-Cut": "prefix={}, suffix={}".format(*call.cut)} if any(call.cut) else {}
        if answer.denied:
            notes["X-Redraft-Silent"] = answer.denied
        if call.stream and dialect.events is not None:
            events = dialect.framing.frames(dialect.events(answer, asked))
            return StreamingResponse(_async(events), headers=notes, media_type=dialect.framing.media)
        return _json(dialect.write(answer, asked), headers=notes)

    async def _unless_gone(self, request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
        """What the work returns. When the client goes first, the work is cancelled and ClientDisconnect raised."""
        job, gone = asyncio.create_task(work), asyncio.create_task(_gone(request))
        self._jobs.add(job)
        try:
            await asyncio.wait((job, gone), return_when=asyncio.FIRST_COMPLETED)
            if not job.done():
                raise ClientDisconnect
            if job.cancelled():
                raise Refused(503, "the server is shutting down", retry_after=5)
            return job.result()
        finally:
            self._jobs.discard(job)
            gone.cancel()
            if job.cancel():
                with contextlib.suppress(asyncio.CancelledError):
                    await job

    def leave(self) -> None:
        """Cancel what runs and waits; its clients are told."""
        for job in self._jobs:
            job.cancel()

    async def _answer(self, call: Call, denied: str | None, client: str) -> Answer:
        completer, seen, result = self._loaded(), _Seen(self.metrics), FillResult(())
        if denied is None:
            async with self.line.turn(client):
                with self.metrics.running.track_inprogress():
                    result = await self._filled(completer, call, seen)
        self.metrics.note(result.report)
        texts = [Text(one.text, one.finished).until(call.stop) for one in result.texts[: call.n]]
        texts = texts or [Text("", not result.cut)]
        return Answer(
            call,
            tuple(texts),
            result.report,
            self.facts.model.name,
            uuid.uuid4().hex,
            int(time.time()),
            seen.prompt_ms,
            denied,
        )

    async def _filled(self, completer: Completer, call: Call, seen: Callable[[Step], None]) -> FillResult:
        return await completer.fill(
            call.prefix,
            call.suffix,
            path=call.path,
            language=call.language_id,
            snippets=[each for each in call.snippets if manners.denied(each.path, each.text) is None],
            mode=self.mode,
            max_tokens=call.max_tokens,
            max_lines=1 if "\n" in call.stop else None if call.typing else 0,
            deadline=call.deadline,
            alternatives=call.n,
            urgent=True,
            on_step=seen,
        )

    async def probe(self, request: Request, probe: Probe) -> Response:
        """Answer a question about the server."""
        self.guard.admit(request, public=probe.public)
        await body_of(request)
        self._loaded()
        return _json(probe.answer(self.facts))

    async def event(self, request: Request) -> Response:
        """What a Tabby client did with an answer: counted by its kind, and nothing of it kept."""
        self.guard.admit(request)
        kind = body.parse(await body_of(request)).get("type")
        if kind in TABBY_EVENTS:
            self.metrics.events.labels(kind).inc()
        return PlainTextResponse("")

    async def page(self, request: Request, made: Callable[[], Response]) -> Response:
        """Something for people or Prometheus."""
        self.guard.admit(request)
        return made()

    def _loaded(self) -> Completer:
        if self.completer is None:
            raise Refused(503, "Loading model", retry_after=2)
        return self.completer


# ---- routes

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


def application(door: Door, lifespan: Callable[[Starlette], Any]) -> Starlette:
    """The ASGI application: every route of the tables."""
    description = openapi.description(door.facts.version, FILLS, PROBES)
    pages: dict[str, Callable[[], Response]] = {
        "/": lambda: PlainTextResponse(f"Ollama is running (in truth redraft {door.facts.version}; see /docs)"),
        "/docs": lambda: HTMLResponse(openapi.page(description)),
        "/openapi.json": lambda: _json(description),
        "/metrics": lambda: Response(door.metrics.page(), media_type=METRICS_MEDIA),
    }
    routes = [*_fill_routes(door), *_probe_routes(door)]
    routes.append(Route("/v1/events", _guarded(door, tabby.DIALECT, door.event), methods=["POST"]))
    for path, made in pages.items():
        routes.append(Route(path, _guarded(door, PEOPLE, partial(door.page, made=made))))
    served = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _no_such(door)})
    served.router.redirect_slashes = False  # it answers before the guard does, with whatever Host it was told
    return served


def _fill_routes(door: Door) -> Iterator[Route]:
    for path, dialects in FILLS.items():
        endpoint = _guarded(door, dialects[-1], partial(door.fill, dialects=dialects))
        yield Route(path, endpoint, methods=["POST"])


def _probe_routes(door: Door) -> Iterator[Route]:
    spoken = {dialect.name: dialect for dialects in FILLS.values() for dialect in dialects}
    for probe in PROBES:
        endpoint = _guarded(door, spoken[probe.dialect], partial(door.probe, probe=probe))
        yield Route(probe.path.replace("}", ":path}"), endpoint, methods=list(probe.methods))


def _guarded(door: Door, dialect: Dialect, answer: Endpoint) -> Endpoint:
    """The same endpoint, but refusals and bugs become answers in the client's dialect, and all answers are counted."""

    async def endpoint(request: Request) -> Response:
        request.state.dialect = dialect
        try:
            response = await answer(request)
        except Refused as refused:
            response = _refusal(request.state.dialect, refused)
        except ClientDisconnect:
            door.metrics.cancelled.labels(request.state.dialect.name).inc()
            return Response(status_code=GONE)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.url.path)
            told = f"internal error ({type(error).__name__}); the server's log has more"
            response = _refusal(request.state.dialect, Refused(500, told))
        door.metrics.requests.labels(request.state.dialect.name, response.status_code).inc()
        return response

    return endpoint


def _no_such(door: Door) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Refuses paths that do not exist, and methods that a path does not have."""

    async def refuse(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        where = f"{request.method} {request.url.path}: {problem.detail}"
        refused = Refused(problem.status_code, f"{where}; redraft fills holes and does not chat, /docs lists its paths")
        dialect = ollama.DIALECT if request.url.path.startswith("/api/") else PEOPLE

        async def answer(request: Request) -> Response:
            door.guard.admit(request)
            raise refused

        response = await _guarded(door, dialect, answer)(request)
        response.headers.update(problem.headers or {})
        return response

    return refuse


# ---- between the two


class _Seen:
    """Counts forwards while they happen, and notes when the prompt was read."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics, self.prompt_ms = metrics, 0.0

    def __call__(self, step: Step) -> None:
        self._metrics.forwards.inc(step.kind != "remembered")
        if step.kind == "prefill":
            self.prompt_ms = step.ms


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _client(request: Request, call: Call) -> str:
    """Who asks: the user that the client names, else its connection; from other machines, the machine."""
    if call.user or request.client is None:
        return f"user {call.user}"
    host, port = request.client
    return f"{host}:{port}" if is_loopback(host) else host


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(encoded(value), status, headers, "application/json")


def _refusal(dialect: Dialect, refused: Refused) -> Response:
    told = dialect.error(refused)
    if isinstance(told, str):
        return PlainTextResponse(told, refused.status, refused.headers)
    return _json(told, refused.status, refused.headers)


async def _async(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
