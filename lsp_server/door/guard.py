"""Who may ask: the Host and Origin checks, the token, and the size of a body."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

from lsp_server.door.call import Refused
from lsp_server.hosts import is_loopback

BODY_MOST = 4 << 20
"""Bytes of a body."""
BODY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Guard:
    """names: host names besides `localhost` by which clients reach the server. token: what clients must send, or
    empty."""

    names: frozenset[str]
    token: str = ""

    @classmethod
    def of(cls, host: str, names: Sequence[str] = (), token: str = "") -> Guard:
        """The server listens on `host`; other machines know it by its own name, too."""
        own = () if is_loopback(host) else (host, socket.gethostname())
        return cls(frozenset(name.lower() for name in (*own, *names)), token)

    def admit(self, request: Request, *, public: bool = False) -> None:
        """Raises Refused. public: the path says nothing about anybody, so no token is needed.

        A page from elsewhere that rebinds its name to 127.0.0.1 sends that name as Host; an address cannot be rebound.
        A page of another origin says so in Origin or, where it may leave that out, in Sec-Fetch-Site.
        """
        if not self._is_own(request.headers.get("host", "")):
            raise Refused(403, "the Host header names no address of this server; --allow-host NAME would allow it")
        origin = request.headers.get("origin")
        same = origin is None or origin.partition("://")[2].lower() == request.headers["host"].lower()
        if not same or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "pages of other origins may not ask this server")
        if self.token and not public:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(
                given.strip().encode("latin-1"), self.token.encode()
            ):
                raise Refused(401, "this server wants its token: Authorization: Bearer ...")

    def _is_own(self, header: str) -> bool:
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        if name == "localhost" or name in self.names:
            return True
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return False


async def body_of(request: Request) -> bytes:
    """The whole body. Raises Refused when it is too large, by its announced length already, or comes too slowly."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_MOST:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_MOST:
                    raise _too_large()
    except TimeoutError:
        raise Refused(408, f"the body did not arrive within {BODY_SECONDS:.0f} seconds") from None
    return bytes(body)


def _too_large() -> Refused:
    return Refused(413, f"a body may have {BODY_MOST:,} bytes; send less of the file")
