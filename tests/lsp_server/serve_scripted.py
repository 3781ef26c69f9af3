"""The real server with a completer that answers from a script; as a program, `serve_scripted.py JSON` over stdio.

`{"write": {"text before the cursor": ["proposal", …], …}, "repair": {"old": "new", …}, "errors": {…}, "fill": "text",
  "cut": false, "seconds": 0, "remembered": false, "load_seconds": 0, "load_error": "", "fail": false, "tcp": false,
  "pinned": {}}`

`write` and `repair` match the end of the text before the cursor (of a notebook's cells above, too), and the region's
text; `errors` does so first where an error begins. `test/calls` counts what the completer was asked, and how many of
its answers were cancelled.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from infill.complete import Completer, Completion, Suggestion
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import Filled, FillReport, FillResult, Step
from infill.repair import Repair
from lsp_server.server import RedraftServer, build
from lsp_server.settings import Settings


class ScriptedCompleter(Completer):
    """Says what the script says, after as long as the script wants."""

    def __init__(self, script: dict[str, Any], settings: Settings) -> None:
        self.script, self.settings, self.calls = script, settings, Counter[str]()
        self.warming = False

    @asynccontextmanager
    async def called(self, what: str) -> AsyncIterator[FillReport]:
        self.calls[what] += 1
        seconds = self.script.get("seconds", 0)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.calls["cancelled"] += 1
            raise
        if self.script.get("fail"):
            raise RuntimeError("the script says so")
        yield FillReport(forwards=not self.script.get("remembered"), ms=seconds * 1000, mode="scripted")

    async def complete(self, snapshot: Snapshot, cursor: int, *, selected: Any = None, **rest: Any) -> Completion:
        async with self.called("complete") as report:
            start, chosen = selected or (cursor, "")
            before = snapshot.before(start) + chosen
            texts = next((texts for end, texts in self.script["write"].items() if before.endswith(end)), [])
            self.calls[f"others_{len(rest['others'])}"] += 1
            if rest["level"]:
                self.calls[f"level_{rest['level'].encode().hex()}"] += 1
            self.calls[f"version_{snapshot.version}"] += 1
            rest["on_step"](Step("token" if report.forwards else "remembered", report.ms))
            return Completion(tuple(Suggestion(start, cursor, chosen + text, 0.9) for text in texts), report=report)

    async def repair(self, snapshot: Snapshot, start: int, end: int, **rest: Any) -> Repair:
        async with self.called("repair") as report:
            texts = self.script["repair"] | (self.script["errors"] if (told := rest["told"]) and told.wrong else {})
            if (new := texts.get(snapshot.text[start:end])) is None:
                return Repair(reason="redraft found no better text here.", report=report)
            return Repair((Edit(start, end, new.replace("\n", snapshot.newline)),), gain=3.0, report=report)

    async def fill(self, prefix: str, suffix: str, **rest: Any) -> FillResult:
        async with self.called("fill") as report:
            text, cut = self.script.get("fill", ""), self.script.get("cut", False)
            self.calls[f"deadline_{rest['deadline']}"] += 1
            filled = Filled(f"{prefix[-1:]}{text}{suffix[:1]}", -1.5, 0.8, True)
            return FillResult((filled,) if text else (), report, cut)

    def warm(self, *given: Any, **rest: Any) -> None:
        self.calls["warm"] += 1
        self.warming = True

    def foresee(self, snapshot: Snapshot, suggestion: Suggestion, **rest: Any) -> None:
        self.calls["foresee"] += 1
        self.calls[f"foresee_{suggestion.text[:3]}"] += 1

    def rest(self) -> None:
        self.calls["rest"] += self.warming
        self.warming = False

    def close(self) -> None: ...


def scripted(given: dict[str, Any]) -> RedraftServer:
    """A server that does as the script says."""
    script = {"write": {}, "repair": {}, "errors": {}, **given}
    made: list[ScriptedCompleter] = []

    def load(settings: Settings) -> Completer:
        time.sleep(script.get("load_seconds", 0))
        if script.get("load_error"):
            raise ValueError(script["load_error"])
        made.append(ScriptedCompleter(script, settings))
        return made[0]

    server = build(load, pinned=script.get("pinned"))
    server.session.ahead.READING = script.get("reading", 3600.0)

    @server.feature("test/calls")
    def calls(params: Any) -> dict[str, int]:
        return dict(+made[0].calls) if made else {}

    @server.feature("test/broken")
    async def broken(params: Any) -> None:
        raise LookupError("no such thing\nin two lines")

    @server.feature("test/loaded")
    def loaded(params: Any) -> int:
        return len(made)

    @server.feature("test/settings")
    def settings(params: Any) -> dict[str, Any]:
        return {"model": made[0].settings.model, "maxLines": server.session.settings.max_lines}

    return server


def main() -> int:
    """Serve as the script on the command line says."""
    logging.basicConfig(level=logging.CRITICAL)
    script = json.loads(sys.argv[1])
    server = scripted(script)
    print("whatever is printed must not reach the client")
    if script.get("tcp"):
        server.start_tcp("127.0.0.1", 0)
    else:
        server.start_io()
    return server.exit_code


if __name__ == "__main__":
    sys.exit(main())
