"""`redraft/fill`: fill-in-the-middle for other tools.

`{prefix, suffix, language?, path?, mode?, maxTokens?, maxLines?, deadlineMs?}` ->
`{text, score, confidence, finished, tokens, forwards, ms, mode, reason}`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from infill.filler import TOKENS_MOST
from lsp_server import jsontext, kinds
from lsp_server.outcome import deadline, outcome
from lsp_server.session import Session
from lsp_server.settings import MODES

METHOD = "redraft/fill"


async def fill(session: Session, params: Any) -> dict[str, Any]:
    """The text between prefix and suffix; an empty one with a `reason` when nothing may or can be said."""
    from infill.prompt import short_path

    since, asked = time.monotonic(), _read(params)
    completer, reason = session.model.completer, _why_not(session, asked)
    if completer is None or reason:
        return _answer(since, reason=reason)
    result = await session.work.while_allowed(lambda: not _why_not(session, asked), completer.fill(**asked), None)
    if result is None:
        return _answer(since, reason=_why_not(session, asked))
    report, (best, reason, finished) = result.report, outcome(result)
    session.count(f"fill {short_path(asked['path'])}".rstrip(), since, report, reason)
    cost = {"tokens": report.tokens, "forwards": report.forwards, "mode": report.mode}
    told = {} if best is None else {"text": best.text, "score": best.score, "confidence": best.confidence}
    return _answer(since, **told, **cost, finished=finished, reason=reason)


def _why_not(session: Session, asked: Mapping[str, Any]) -> str:
    """Why the model may not be asked now, in a few words; nothing when it may."""
    from infill.manners import denied_text

    named = session.why_not(asked["language"]) or session.access.denied(asked["path"], session.settings.exclude)
    return named or denied_text(asked["prefix"] + asked["suffix"]) or ""


def _answer(since: float, **values: Any) -> dict[str, Any]:
    empty = {
        "text": "", "score": None, "confidence": None, "finished": False, "tokens": 0, "forwards": 0, "mode": "",
        "reason": "",
    }  # fmt: skip
    return {**empty, "ms": round((time.monotonic() - since) * 1000, 1), **values}


def _read(params: Any) -> dict[str, Any]:
    """Arguments for `Completer.fill`. Raises JsonRpcInvalidParams naming the first field that is wrong."""
    if not isinstance(params, Mapping):
        raise JsonRpcInvalidParams("`redraft/fill` takes an object with `prefix` and `suffix`")
    read = {name: _text(params, name) for name in ("prefix", "suffix", "language", "path")}
    mode = params.get("mode", "quality")
    if mode not in MODES:
        raise JsonRpcInvalidParams(f"`mode` must be one of {', '.join(MODES)}")
    limit = _whole(params, "deadlineMs", 0, 600_000, default=0)
    return {
        **read,
        "mode": mode,
        "max_tokens": _whole(params, "maxTokens", 1, TOKENS_MOST, default=64),
        "max_lines": _whole(params, "maxLines", 0, 1000, default=0),
        "deadline": limit / 1000 or deadline(mode),
    }


def _text(params: Mapping[str, Any], name: str) -> str:
    value = params.get(name, "")
    if not isinstance(value, str):
        raise JsonRpcInvalidParams(f"`{name}` must be a string")
    return jsontext.whole(value)


def _whole(params: Mapping[str, Any], name: str, low: int, high: int, *, default: int) -> int:
    kind = kinds.whole(low, high)
    try:
        number: int = kind.read(params.get(name, default))
    except ValueError:
        raise JsonRpcInvalidParams(f"`{name}` must be {kind.words}") from None
    return number
