"""A serving engine over HTTP behind the `Filler` seam; the one home of the HTTP client.

A request is one POST of JSON. It goes to the configured address and to no other: redirects are not followed, proxies
of the environment are not used, certificates are verified against those of the system or of SSL_CERT_FILE. An answer is
read to its end before it is believed, and nothing that is wrong with it gets further than one `FillError`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx2

from infill.dialects import KINDS
from infill.filler import FillError, FillReport, FillRequest, FillResult, Score

CONNECT, FIRST_BYTE, TOTAL = 2.0, 30.0, 60.0
"""Seconds until connected, between two reads, and for the whole of a request that has no deadline."""
KEPT = httpx2.Limits(max_keepalive_connections=4, keepalive_expiry=60.0)
"""Idle connections stay open for a pause in typing; one that the server closed meanwhile costs a second try."""
LARGEST = 1 << 20
"""Bytes of an answer."""
RETRY_PAUSE = 0.1

_HINTS = {
    400: "did not understand the request; check redraft.remote.kind and redraft.remote.model",
    401: "wants a valid key; set REDRAFT_REMOTE_KEY",
    402: "wants to be paid",
    403: "refuses the key; check REDRAFT_REMOTE_KEY",
    404: "has no such endpoint or model; check redraft.remote.url, redraft.remote.kind and redraft.remote.model",
    422: "did not understand the request; check redraft.remote.kind and redraft.remote.model",
    429: "has too much to do",
    503: "is not ready",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """Where to ask and how.

    url: the base address, as OpenAI clients take it (`http://127.0.0.1:8012/v1`), or one without a path, which means
    `/v1`; an endpoint under it will do, too. kind: a row of `KINDS`. key: sent as a bearer token when there is one.
    proxy: an address, or empty for none.
    """

    url: str
    kind: str = "completions"
    model: str = ""
    key: str = field(default="", repr=False)
    proxy: str = ""

    @property
    def host(self) -> str:
        """Host and port: what a sentence calls it."""
        return urlsplit(self.url).netloc

    def address(self, path: str) -> str:
        """Of one endpoint; a path with a slash before it stands beside `/v1`."""
        base = re.sub(r"/infill$|(/(chat|fim|edit))?/completions$", "", self.url.rstrip("/"))
        if path.startswith("/"):
            return base.removesuffix("/v1") + path
        return f"{base}{'' if urlsplit(base).path else '/v1'}/{path}"


class RemoteFiller:
    """`Filler` over a serving engine. It has no scores, and nothing can be prepared there."""

    def __init__(self, remote: Remote) -> None:
        """Asks nothing yet. Raises OSError for certificates that cannot be read, ValueError for an unusable proxy."""
        self.remote, self._kind = remote, KINDS[remote.kind]
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "redraft"}
        if remote.key:
            headers["Authorization"] = f"Bearer {remote.key}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            verify=httpx2.create_ssl_context(),
            limits=KEPT,
            proxy=remote.proxy or None,
            trust_env=False,
            follow_redirects=False,
        )
        self._closing: asyncio.Task[None] | None = None

    async def fill(self, request: FillRequest) -> FillResult:
        """The server's texts within the request's deadline. Cancelling closes the connection."""
        began = time.monotonic()
        total = TOTAL if request.limits.deadline is None else request.limits.deadline
        try:
            body = self._kind.body(request, self.remote.model)
            try:
                async with asyncio.timeout(total):
                    answer = await self._ask(self._kind.form(request).path, body, began + total)
            except TimeoutError:
                raise FillError(f"gave no answer within {total:.1f} s") from None
            texts = self._kind.texts(answer, request)
        except FillError as error:
            raise FillError(f"{self.remote.host} {error}", rest=error.rest, unfit=error.unfit) from None
        ms = 1000 * (time.monotonic() - began)
        return FillResult(texts, FillReport(_tokens(answer), ms=ms, mode=self.remote.kind, by=self.remote.host))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        """Always FillError: token ids and log-probabilities of another vocabulary do not compare with ours."""
        raise FillError(f"{self.remote.host} gives no scores")

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        """Nothing: work ahead of time on another machine is somebody's money."""

    def rest(self) -> None:
        """Nothing is done that nobody waits for."""

    def close(self) -> None:
        """Close its connections soon; after the event loop has ended, they went with it."""
        with contextlib.suppress(RuntimeError):
            self._closing = asyncio.get_running_loop().create_task(self.aclose())

    async def aclose(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def _ask(self, path: str, body: Mapping[str, Any], until: float) -> object:
        """The JSON answer; asks once more where that is safe and in time."""
        try:
            return await self._post(path, body)
        except FillError as error:
            if error.again is None or time.monotonic() + error.again >= until:
                raise
            await asyncio.sleep(error.again)
        return await self._post(path, body)

    async def _post(self, path: str, body: Mapping[str, Any]) -> object:
        """One POST. What failed before the first byte of an answer may be sent again: it changes nothing there."""
        timeout = httpx2.Timeout(FIRST_BYTE, connect=CONNECT)
        # In ASCII: a text may hold half a surrogate pair, which JSON can spell and UTF-8 cannot.
        sent, headers = json.dumps(body), {"Content-Type": "application/json"}
        answered, address = False, self.remote.address(path)
        try:
            async with self._client.stream("POST", address, content=sent, headers=headers, timeout=timeout) as response:
                answered = True
                _believe(response)
                return _json(await _bounded(response))
        except httpx2.ConnectTimeout:
            raise FillError(f"cannot be reached within {CONNECT:.0f} s") from None
        except httpx2.TimeoutException:
            raise FillError("fell silent") from None
        except httpx2.ConnectError as error:
            raise FillError(f"cannot be reached ({error})", again=RETRY_PAUSE) from None
        except httpx2.HTTPError as error:
            # Its text may quote what the server sent, and that may quote the request.
            what = f"{'broke off its answer' if answered else 'closed the connection'} ({type(error).__name__})"
            raise FillError(what, again=None if answered else RETRY_PAUSE) from None


def _believe(response: httpx2.Response) -> None:
    """Raises FillError unless this is the beginning of a JSON answer. What the body says of an error is not repeated:
    some servers repeat the request there."""
    status = response.status_code
    if 300 <= status < 400:
        raise FillError(f"sends requests to another address ({status}), which redraft does not follow")
    if status != 200:
        hint = _HINTS.get(status, "failed" if status >= 500 else "refuses the request")
        rest = _retry_after(response.headers.get("Retry-After", "")) if status in (429, 503) else None
        raise FillError(f"{hint} ({status})", again=rest, rest=rest or 0.0)
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        what = kind if re.fullmatch(r"[a-z]{1,20}/[a-z.+-]{1,40}", kind) else "something"
        raise FillError(f"answered {what} instead of application/json; check redraft.remote.url")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise FillError("compressed its answer although it was asked not to")


async def _bounded(response: httpx2.Response) -> bytes:
    """The body, never more than LARGEST bytes of it."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST:
            raise FillError(f"answered more than {LARGEST >> 20} MiB")
    return bytes(body)


def _json(body: bytes) -> object:
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise FillError("answered bytes that are not UTF-8") from None
    except (ValueError, RecursionError):
        raise FillError("answered something that is not JSON") from None


def _tokens(answer: object) -> int:
    """What the answer says of its own length; 0 when it says nothing that can be true."""
    told = answer if isinstance(answer, dict) else {}
    usage = told.get("usage")
    count = usage.get("completion_tokens") if isinstance(usage, dict) else told.get("tokens_predicted")
    return count if isinstance(count, int) and 0 <= count <= LARGEST else 0


def _retry_after(value: str) -> float | None:
    """Seconds (RFC 9110, 10.2.3): a number or a date."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None
