"""Several lines, each behind the likeliest text so far; the lines are a table here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from infill.filler import Filled, FillReport, FillRequest, FillResult, Limits, Slot, Step
from infill.line_by_line import line_by_line

HOLE = FillRequest("def f(rows):\n", "\n        total += row\n", "f.py", "python", limits=Limits(tokens=64, lines=0))
NONE = -30.0
"""Log-probability of the lines after the hole where they do not fit."""


def said(text: str, p: float, follows: float | None = NONE, *, goes_on: bool = True) -> Filled:
    """A line of this probability, how well what comes after the hole follows it, and whether another line began."""
    return Filled(text, math.log(p) + (follows or 0.0), p, True, follows, goes_on, ((len(text), p),))


@dataclass
class Lines:
    """Answers by the prefix behind which they are asked for; `asked` are the requests."""

    known: dict[str, list[Filled]]
    asked: list[FillRequest] = field(default_factory=list)
    meanwhile: Callable[[FillRequest], None] = lambda _: None

    async def __call__(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        self.meanwhile(request)
        report = FillReport(tokens=3, forwards=10, context_tokens=5, prompt_tokens=100, mode="causal")
        return FillResult(tuple(self.known.get(request.prefix.removeprefix(HOLE.prefix), [])), report)


NESTED = {
    "": [said("    return rows", 0.4), said("    total = 0", 0.5), said("    for row in rows:", 0.1, -20.0)],
    "    total = 0\n": [said("    for row in rows:", 0.6, -1.0), said("    return total", 0.2)],
    "    total = 0\n    for row in rows:\n": [said("        print(row)", 0.5, -2.0), said("        pass", 0.1, -5.0)],
}


async def found(lines: Lines, request: FillRequest = HOLE) -> FillResult:
    return await line_by_line(request, lines, lambda text: len(text.split()))


async def test_lines_that_cost_less_than_they_make_of_what_follows_stay() -> None:
    lines = Lines(NESTED)
    result = await found(lines)
    best = result.texts[0]
    assert best.text == "    total = 0\n    for row in rows:"
    assert best.score == pytest.approx(math.log(0.5 * 0.6) - 1.0)
    assert best.confidence == pytest.approx(0.5 * 0.6)
    assert best.follows == -1.0
    assert [request.limits.lines for request in lines.asked] == [1, 1, 1]


async def test_the_likeliest_text_goes_on_not_the_one_that_fits_best_so_far() -> None:
    """`for row in rows:` alone fits better than `total = 0`, and nothing is asked behind it."""
    lines = Lines(NESTED)
    await found(lines)
    assert [request.prefix.removeprefix(HOLE.prefix) for request in lines.asked] == list(NESTED)


async def test_all_texts_come_in_the_order_of_their_score() -> None:
    result = await found(Lines(NESTED))
    scores = [one.score or 0.0 for one in result.texts]
    assert len(result.texts) == 7
    assert scores == sorted(scores, reverse=True)


async def test_one_line_is_enough_where_another_brings_nothing() -> None:
    lines = Lines({"": [said("    return rows", 0.4, -1.0)], "    return rows\n": [said("    x", 0.9, -1.0)]})
    assert (await found(lines)).texts[0].text == "    return rows"
    assert len(lines.asked) == 2


async def test_an_empty_line_is_a_line() -> None:
    """The rest of a block's head is nothing, and its body begins on the next line."""
    lines = Lines({"": [said("", 0.9)], "\n": [said("    return 1", 0.5, -2.0)]})
    assert (await found(lines)).texts[0].text == "\n    return 1"


async def test_a_remark_stands_above_the_first_line_alone() -> None:
    lines = Lines(NESTED)
    await found(lines, replace(HOLE, remark="# def total_of(rows): ..."))
    assert [bool(request.remark) for request in lines.asked] == [True, False, False]


@pytest.mark.parametrize(
    ("first", "limits"),
    [
        (said("    total = 0", 0.5, None), HOLE.limits),
        (said("    total = 0", 0.5, goes_on=False), HOLE.limits),
        (said("    total = 0", 0.5), Limits(tokens=64, lines=1)),
        (said("    total = 0", 0.5), Limits(tokens=3, lines=0)),
    ],
    ids=["not compared", "all that there is", "enough lines", "enough tokens"],
)
async def test_nothing_is_asked_for_behind_a_text_that(first: Filled, limits: Limits) -> None:
    lines = Lines(NESTED | {"": [first]})
    assert (await found(lines, replace(HOLE, limits=limits))).texts == (first,)
    assert len(lines.asked) == 1


async def test_a_text_that_ended_goes_on_as_the_same_text_that_did_not() -> None:
    """With the probability of that one: the search found it twice."""
    ended = said("    total = 0", 0.6, goes_on=False)
    lines = Lines(NESTED | {"": [ended, *NESTED[""]]})
    result = await found(lines)
    assert result.texts[0].confidence == pytest.approx(0.5 * 0.6)
    assert [one for one in result.texts if one.text == ended.text] == [ended]


async def test_no_text_is_no_text() -> None:
    assert (await found(Lines({}))).texts == ()


async def test_tokens_that_are_left_and_no_more_are_asked_for() -> None:
    lines = Lines(NESTED)
    await found(lines, replace(HOLE, limits=Limits(tokens=9, lines=0)))
    assert [request.limits.tokens for request in lines.asked] == [9, 6, 2]


async def test_a_line_need_only_be_as_probable_as_makes_both_so() -> None:
    lines = Lines(NESTED)
    best = (await found(lines, replace(HOLE, least=0.2))).texts[0]
    assert dict(best.beginnings) == pytest.approx({13: 0.5, 34: 0.3})
    assert [request.least for request in lines.asked] == pytest.approx([0.2, 0.4, 0.2 / 0.3])


async def test_every_line_has_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def passes(_request: FillRequest) -> None:
        clock[0] += 0.75

    lines = Lines(NESTED, meanwhile=passes)
    await found(lines, replace(HOLE, limits=replace(HOLE.limits, deadline=1.0)))
    assert [request.limits.deadline for request in lines.asked] == pytest.approx([1.0, 0.25, 0.0])


async def test_its_steps_show_what_stands_already() -> None:
    steps: list[Step] = []

    def tells(request: FillRequest) -> None:
        assert request.on_step is not None
        request.on_step(Step("prefill", 1.0))
        request.on_step(Step("token", 2.0, (Slot("x", "filled", 0.9),)))

    await found(Lines(NESTED, meanwhile=tells), replace(HOLE, on_step=steps.append))
    shown = ["".join(slot.text for slot in step.slots) for step in steps]
    assert shown == ["", "x", "", "    total = 0\nx", "", "    total = 0\n    for row in rows:\nx"]
    assert [step.ms for step in steps[1::2]] == sorted(step.ms for step in steps[1::2])


async def test_its_cost_is_that_of_all_lines_and_the_prompt_is_read_once() -> None:
    report = (await found(Lines(NESTED))).report
    assert (report.forwards, report.context_tokens, report.prompt_tokens) == (30, 15, 100)
