"""The queue by itself, on a clock of its own."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from lsp_server.door.call import Refused
from lsp_server.door.line import Line


class Crowd:
    """Clients of one line, each of whose turns lasts until it is let go."""

    def __init__(self, most: int) -> None:
        ticks = itertools.count(1)
        self.line = Line(most, clock=lambda: float(next(ticks)))
        self.served: list[str] = []
        self.refused: list[str] = []
        self._holds: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def _ask(self, client: str) -> None:
        try:
            async with self.line.turn(client):
                self.served.append(client)
                done = asyncio.Event()
                self._holds.put_nowait(done)
                await done.wait()
        except Refused as refused:
            assert refused.status == 503
            assert refused.retry_after >= 1
            self.refused.append(client)

    async def ask(self, client: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._ask(client))
        await settle()
        return task

    async def finish(self) -> None:
        """End the turn that is held now."""
        (await self._holds.get()).set()
        await settle()


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_at_a_time_in_order_of_arrival() -> None:
    crowd = Crowd(4)
    for client in "abc":
        await crowd.ask(client)
    assert crowd.served == ["a"]
    await crowd.finish()
    await crowd.finish()
    assert crowd.served == ["a", "b", "c"]


async def test_one_that_leaves_as_the_turn_ends_is_not_called() -> None:
    """Cancelled, it is out of the line only when its task runs again."""
    crowd = Crowd(4)
    held, gone = await crowd.ask("a"), await crowd.ask("b")
    await crowd.ask("c")
    held.cancel()
    gone.cancel()
    await settle()
    assert crowd.served == ["a", "c"]


async def test_who_had_a_turn_goes_behind_who_had_none() -> None:
    crowd = Crowd(4)
    await crowd.ask("greedy")
    for client in ("greedy", "greedy", "late"):
        await crowd.ask(client)
    for _ in range(3):
        await crowd.finish()
    assert crowd.served == ["greedy", "late", "greedy", "greedy"]


async def test_a_newcomer_overtakes_nobody_who_waits() -> None:
    """A client that comes on a new connection each time is new each time."""
    crowd = Crowd(4)
    await crowd.ask("steady")
    await crowd.ask("curl 1")
    await crowd.finish()
    await crowd.ask("steady")
    for number in (2, 3):
        await crowd.ask(f"curl {number}")
    for _ in range(3):
        await crowd.finish()
    assert crowd.served == ["steady", "curl 1", "steady", "curl 2", "curl 3"]


async def test_a_full_line_sends_away_whom_it_would_serve_last() -> None:
    crowd = Crowd(1)
    await crowd.ask("a")
    await crowd.ask("b")
    await crowd.ask("c")
    assert crowd.refused == ["c"]
    await crowd.finish()
    await crowd.ask("a")
    assert (crowd.served, crowd.refused) == (["a", "b"], ["c"])
    await crowd.ask("c")
    assert crowd.refused == ["c", "a"], "c was there before a's last turn"
    await crowd.finish()
    assert crowd.served == ["a", "b", "c"]


async def test_who_leaves_the_line_holds_up_nobody() -> None:
    crowd = Crowd(4)
    await crowd.ask("a")
    leaves = await crowd.ask("b")
    await crowd.ask("c")
    leaves.cancel()
    await settle()
    assert len(crowd.line) == 1
    await crowd.finish()
    assert crowd.served == ["a", "c"]


async def test_who_is_called_and_leaves_at_once_passes_the_turn_on() -> None:
    crowd = Crowd(4)
    await crowd.ask("a")
    leaves = await crowd.ask("b")
    await crowd.ask("c")
    (await crowd._holds.get()).set()
    while len(crowd.line) == 2:
        await asyncio.sleep(0)
    leaves.cancel()
    await settle()
    assert crowd.served[-1] == "c"


async def test_a_failed_turn_ends_like_any_other() -> None:
    line = Line(1)
    with pytest.raises(ZeroDivisionError):
        async with line.turn("a"):
            raise ZeroDivisionError
    async with asyncio.timeout(10):
        async with line.turn("b"):
            pass


async def test_shares_are_equal_when_all_ask_all_the_time() -> None:
    """16 clients, places for 2: whoever is sent away asks again."""
    line = Line(2)
    turns = dict.fromkeys(range(16), 0)

    async def client(number: int) -> None:
        while sum(turns.values()) < 16 * 10:
            try:
                async with line.turn(number):
                    turns[number] += 1
                    await asyncio.sleep(0)
            except Refused:
                await asyncio.sleep(0)

    await asyncio.gather(*(client(number) for number in turns))
    counts = list(turns.values())
    jain = sum(counts) ** 2 / (len(counts) * sum(count**2 for count in counts))
    assert jain > 0.9


async def test_clients_of_long_ago_are_forgotten() -> None:
    line = Line(1)
    for number in range(5000):
        async with line.turn(number):
            pass
    assert len(line._since) <= 4096
