"""Many clients at the HTTP door: 64 of them ask for a minute, each as soon as it has an answer or may ask again.

    python -m benchmarks.door [--clients 64] [--seconds 60] [--threads N] [--model DIR]

Each client types somewhere else in a real file, one line a time, so that nobody profits from what is encoded for
another. A 503 with Retry-After is obeyed; any other refusal is an error. Fairness is Jain's index of the answers
that the clients got: 1 when all got as many, 1/clients when one got all; beside it the most that so many answers
allow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Any

import httpx2
import psutil

from benchmarks.model import add_model_arguments, server_arguments
from benchmarks.sample import sample

PATIENCE = 120


@dataclass
class Client:
    """One client and what happened to it. waits: seconds from a question to its answer."""

    number: int
    url: str
    asked: int = 0
    waits: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    async def work(self, until: float) -> None:
        """Ask until the time is over."""
        kept = httpx2.Limits(keepalive_expiry=PATIENCE)  # the server knows a client by its connection
        # Reading the certificates that nobody needs here would keep the clients busy for seconds.
        async with httpx2.AsyncClient(base_url=self.url, timeout=PATIENCE, limits=kept, verify=False) as http:
            while time.perf_counter() < until:
                began = time.perf_counter()
                answer = await http.post("/infill", json=self._hole())
                self.asked += 1
                if answer.status_code == 200:
                    # Those who were sent away do not come back after the end; what the line still holds then is no
                    # measure of fairness.
                    self.waits += [time.perf_counter() - began] * (time.perf_counter() < until)
                elif answer.status_code == 503 and (after := answer.headers.get("retry-after")):
                    self.others["503 with Retry-After"] += 1
                    await asyncio.sleep(min(float(after), max(0.0, until - time.perf_counter())))
                else:
                    self.others[f"{answer.status_code} {answer.text[:60]}"] += 1

    def _hole(self) -> dict[str, Any]:
        lines = sample().split("\n")
        places = [at for at, line in enumerate(lines) if len(line.strip()) > 12]
        line = places[(37 * self.number + len(self.waits)) % len(places)]
        cut = len(lines[line]) - len(lines[line].strip()) // 2
        before, after = "\n".join([*lines[:line], ""]), "\n".join(["", *lines[line + 1 :]])
        asked = {"n_predict": 24, "stop": ["\n"], "t_max_predict_ms": 1000}
        return {"input_prefix": before, "prompt": lines[line][:cut], "input_suffix": after, **asked}


async def start(arguments: Sequence[str]) -> tuple[asyncio.subprocess.Process, str]:
    """The server as a process, once its model is loaded, and its address."""
    command = (sys.executable, "-m", "lsp_server", "serve", "--port", "0", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    url = ""
    async for raw in process.stderr:
        line = raw.decode()
        url = found.group() if (found := re.search(r"http://[\d.]+:\d+", line)) else url
        if line.startswith("redraft: ready"):
            return process, url
    raise SystemExit("the server did not start; try `redraft serve`")


async def measure(clients: int, seconds: float, arguments: Sequence[str]) -> dict[str, Any]:
    """Let the clients ask, and watch the server's memory meanwhile."""
    process, url = await start(arguments)
    watched = psutil.Process(process.pid)
    crowd = [Client(number, url) for number in range(clients)]
    until = time.perf_counter() + seconds
    working = asyncio.gather(*(client.work(until) for client in crowd))
    memory: list[float] = []
    while not working.done():
        memory.append(watched.memory_info().rss / 1e6)
        await asyncio.wait((working,), timeout=seconds / 60)
    await working
    process.terminate()
    await process.wait()
    return figures(crowd, memory)


def figures(crowd: Sequence[Client], memory: Sequence[float]) -> dict[str, Any]:
    """What the table shows. Memory is compared between the end of the first third, when all caches are full, and the
    end."""
    counts = [len(client.waits) for client in crowd]
    waits = [wait for client in crowd for wait in client.waits]
    others: Counter[str] = sum((client.others for client in crowd), Counter())
    refused = others.pop("503 with Retry-After", 0)
    return {
        "clients": len(crowd),
        "answers": sum(counts),
        "answers_least": min(counts),
        "answers_most": max(counts),
        "refused_503_with_retry_after": refused,
        "errors": dict(others),
        "jain": round(jain(counts), 3),
        "jain_at_most": round(jain([(sum(counts) + place) // len(counts) for place in range(len(counts))]), 3),
        "wait_p50_s": round(median(waits), 2),
        "wait_p95_s": round(quantiles(waits, n=20)[18], 2),
        "rss_third_mb": round(memory[len(memory) // 3]),
        "rss_end_mb": round(memory[-1]),
    }


def jain(counts: Sequence[int]) -> float:
    """The fairness of shares (Jain, Chiu and Hawe 1984, equation 1)."""
    return sum(counts) ** 2 / (len(counts) * sum(count**2 for count in counts))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 when anything but a 503 with Retry-After was answered in place of a text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    add_model_arguments(parser)
    given = parser.parse_args(arguments)
    found = asyncio.run(measure(given.clients, given.seconds, server_arguments(given)))
    for name, value in found.items():
        print(f"{name:<30} {value}")
    print(json.dumps(found))
    return 1 if found["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
