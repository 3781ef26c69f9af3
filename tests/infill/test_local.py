"""The local filler over the real engine and tokenizer, with a scripted model in place of the weights."""

from __future__ import annotations

import asyncio
import math
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine import CAUSAL, QUALITY, Canvas, Context, Engine, Modes, Prediction, ScriptedDenoiser, Vocabulary
from engine.checkpoint import EMBEDDED
from engine.run import Run
from engine.tokenizer import RESERVED, Tokenizer
from infill import prompt
from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.filler import Filled, FillError, FillRequest, FillResult, Limits, Score, Snippet, Step
from infill.lines import next_depth
from infill.local import SCORED_MOST, LocalFiller
from infill.steering import meeting
from tests.fakes import CONTROL, DELETE, EOM, INSERT, MASK, predict

TOKENS = Tokenizer.load(EMBEDDED / "tokenizer.json")
VOCABULARY = Vocabulary(TOKENS.newlines, frozenset(range(RESERVED)))
LEFT_TO_RIGHT = Modes(CAUSAL, CAUSAL, CAUSAL)
REQUEST = FillRequest("def add(a, b):\n    return ", "\n\nprint(add(1, 2))\n", "pkg/math.py", "python")


def saying(*texts: str, prob: float = 0.95, seconds: float = 0.0) -> ScriptedDenoiser:
    return ScriptedDenoiser.saying(CONTROL, [TOKENS.encode(text) for text in texts], prob=prob, seconds=seconds)


def spelling(says: Callable[[str], Sequence[int] | str], prob: float = 0.95) -> ScriptedDenoiser:
    """A model that answers with what `says` makes of the text on the canvas; a string is written from its start."""

    def answer(_context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        said = says(TOKENS.decode([*committed, *canvas.ids]))
        ids = TOKENS.encode(said) if isinstance(said, str) else list(said)
        row = (ids + [EOM] * (len(committed) + len(canvas)))[len(committed) :][: len(canvas)]
        return predict(*({token: prob} for token in row))

    return ScriptedDenoiser(CONTROL, answer)


@pytest.fixture
async def filler() -> AsyncIterator[Callable[..., LocalFiller]]:
    made: list[LocalFiller] = []

    def make(denoiser: ScriptedDenoiser, modes: Modes | None = None, **options: object) -> LocalFiller:
        engine = Engine(denoiser, modes or Modes(), VOCABULARY)
        made.append(LocalFiller(engine, TOKENS, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()


Make = Callable[..., LocalFiller]


def texts(result: FillResult) -> list[str]:
    return [one.text for one in result.texts]


class TestComplete:
    async def test_is_the_models_text(self, filler: Make) -> None:
        result = await filler(saying("a + b")).fill(REQUEST)
        assert result.texts == (Filled("a + b", None, None, True),)
        assert (result.report.mode, result.report.forwards, result.report.tokens) == ("speedy", 1, 3)

    @pytest.mark.parametrize("mode", ["speedy", "quality", "causal", "auto"])
    async def test_in_every_mode(self, filler: Make, mode: str) -> None:
        assert texts(await filler(saying("a + b")).fill(replace(REQUEST, mode=mode))) == ["a + b"]

    async def test_stops_at_the_line_end_without_it(self, filler: Make) -> None:
        for mode in ("speedy", "causal"):
            result = await filler(saying("a + b\n\n\ndef sub(a, b):")).fill(replace(REQUEST, mode=mode))
            assert result.texts[0].text == "a + b"
            assert result.texts[0].finished

    async def test_of_several_lines_takes_as_many(self, filler: Make) -> None:
        request = replace(REQUEST, limits=Limits(8, 64, lines=2))
        for mode in ("speedy", "causal"):
            result = await filler(saying("a\nb\nc\nd")).fill(replace(request, mode=mode))
            assert result.texts[0].text == "a\nb"
            assert result.texts[0].finished

    async def test_longer_than_its_canvas_continues(self, filler: Make) -> None:
        long = "alpha(one, two) + beta(three, four) + gamma(five, six) + delta(seven)"
        result = await filler(saying(long)).fill(replace(REQUEST, limits=Limits(8, 64)))
        assert texts(result) == [long]

    async def test_past_its_tokens_is_unfinished(self, filler: Make) -> None:
        result = await filler(saying("one two three four five six")).fill(replace(REQUEST, limits=Limits(8, 3)))
        assert result.texts == (Filled("one two three", None, None, False),)

    async def test_never_shows_a_control_token(self, filler: Make) -> None:
        mixed = [*TOKENS.encode("a"), CONTROL.middle, INSERT, DELETE, MASK, 0, *TOKENS.encode("b")]
        for mode in ("speedy", "quality", "causal"):
            (only,) = texts(await filler(spelling(lambda _: mixed)).fill(replace(REQUEST, mode=mode)))
            assert "[" not in only
            assert "<|" not in only

    async def test_keeps_the_users_text_byte_for_byte_in_the_context(self, filler: Make) -> None:
        denoiser, odd = saying("x"), "s = '🙂\u2028[MASK]\f'\n"
        await filler(denoiser).fill(replace(REQUEST, prefix=odd, suffix="", snippets=(Snippet("a.py", odd),)))
        shown = [TOKENS.decode(stream.ids) for stream in denoiser.opened[0].streams]
        assert shown == ["a.py\n" + odd, "pkg/math.py\n" + odd]


class TestAlternatives:
    def script(self, _context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        a, b, bracket = (TOKENS.encode(name)[0] for name in ("a", "b", "("))
        last = bracket if (committed or canvas.ids)[0] == b else EOM
        said = [{a: 0.6, b: 0.3, bracket: 0.05}, {last: 0.95}, *[{EOM: 0.95}] * 30]
        return predict(*said[len(committed) :][: len(canvas)])

    @pytest.mark.parametrize("mode", ["speedy", "causal"])
    async def test_are_distinct_texts_the_best_first(self, filler: Make, mode: str) -> None:
        denoiser = ScriptedDenoiser(CONTROL, self.script)
        result = await filler(denoiser).fill(replace(REQUEST, alternatives=3, mode=mode))
        assert texts(result)[:2] == ["a", "b("]

    async def test_equal_texts_are_one(self, filler: Make) -> None:
        """ "ab" as one token and as two."""
        whole, (first,), (second,) = (TOKENS.encode(text) for text in ("in", "i", "n"))

        def script(_context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            start = (committed or tuple(canvas.ids))[0]
            said = [{whole[0]: 0.6, first: 0.3}, {second if start == first else EOM: 0.95}, *[{EOM: 0.95}] * 30]
            return predict(*said[len(committed) :][: len(canvas)])

        result = await filler(ScriptedDenoiser(CONTROL, script)).fill(replace(REQUEST, alternatives=2))
        assert texts(result) == ["in"]
        assert result.texts[0].finished


class TestRepair:
    DRAFT = replace(REQUEST, draft="a - b", suspects=((2, 3),), mode="quality", urgent=False)

    async def test_starts_from_the_draft_and_from_the_draft_with_its_suspects_masked(self, filler: Make) -> None:
        denoiser = saying("a + b")
        result = await filler(denoiser).fill(self.DRAFT)
        assert texts(result) == ["a + b"]
        kept, masked = (call.canvas.ids.tolist() for call in denoiser.calls[:2])
        a, minus, b = TOKENS.encode("a - b")
        assert kept == [a, minus, b, *[EOM] * 8]
        assert masked == [a, MASK, b, *[EOM] * 8]

    async def test_all_tokens_of_a_suspected_character_are_masked(self, filler: Make) -> None:
        denoiser, (x, *unicorn, y) = saying("x"), TOKENS.encode("x🦄y")
        await filler(denoiser).fill(replace(self.DRAFT, draft="x🦄y", suspects=((1, 2),)))
        assert len(unicorn) > 1
        assert denoiser.calls[1].canvas.ids.tolist() == [x, *[MASK] * len(unicorn), y, *[EOM] * 8]

    @pytest.mark.parametrize(("indel", "room"), [(False, 0), (True, 1)])
    async def test_in_place_its_canvas_has_room_for_an_insert_alone(self, filler: Make, indel: bool, room: int) -> None:
        """Behind it the suffix begins."""
        denoiser, mode = saying("a - b"), replace(QUALITY, indel=indel)
        await filler(denoiser, Modes(quality=mode), form=prompt.Form("in-place")).fill(self.DRAFT)
        assert denoiser.calls[0].canvas.ids.tolist() == [*TOKENS.encode("a - b"), *[EOM] * room]

    async def test_without_suspects_starts_from_the_draft_alone(self, filler: Make) -> None:
        denoiser = saying("a - b")
        assert texts(await filler(denoiser).fill(replace(self.DRAFT, suspects=()))) == ["a - b"]
        assert len(denoiser.calls) == 1

    async def test_may_grow_and_shrink(self, filler: Make) -> None:
        (extra,) = TOKENS.encode(" c")

        def grows(drafted: str) -> Sequence[int] | str:
            """Asks for room before the last word, as a model trained on INSERT does."""
            a, minus, b = TOKENS.encode("a - b")
            if "[" not in drafted and drafted.startswith("a - b"):
                return [a, minus, INSERT]
            return [a, minus, extra, b]

        assert texts(await filler(spelling(grows)).fill(replace(self.DRAFT, suspects=()))) == ["a - c b"]

        def shrinks(drafted: str) -> Sequence[int] | str:
            ids = TOKENS.encode(drafted)
            return [ids[0], DELETE, *ids[2:]] if drafted == "a - b" else drafted

        assert texts(await filler(spelling(shrinks)).fill(replace(self.DRAFT, suspects=()))) == ["a b"]

    @pytest.mark.parametrize(
        ("draft", "suspect", "masked"),
        [
            ("a - b", (0, 1), [0]),
            ("a - b", (1, 2), [1]),
            ("a - b", (1, 4), [1, 2]),
            ("a - b", (0, 5), [0, 1, 2]),
            ("a - b", (5, 5), [3]),
            ("a - b", (5, 9), [3]),
            ("🙂 - b", (2, 3), None),
        ],
    )
    async def test_a_suspect_is_each_token_that_it_touches(
        self, filler: Make, draft: str, suspect: tuple[int, int], masked: list[int] | None
    ) -> None:
        denoiser = saying(draft)
        await filler(denoiser).fill(replace(self.DRAFT, draft=draft, suspects=(suspect,)))
        found = [slot for call in denoiser.calls[1:2] for slot, token in enumerate(call.canvas.ids) if token == MASK]
        if masked is None:
            pieces = TOKENS.encode(draft)
            masked = [pieces.index(TOKENS.encode(" -")[0])]
        assert found == masked

    async def test_left_to_right_starts_anew_at_each_suspect(self, filler: Make) -> None:
        denoiser = saying("a + b")
        request = replace(self.DRAFT, suspects=((2, 3), (4, 5)))
        result = await filler(denoiser, LEFT_TO_RIGHT).fill(request)
        a, minus, _ = TOKENS.encode("a - b")
        assert {call.committed[:2] for call in denoiser.calls if len(call.committed) == 2} >= {(a, minus)}
        assert texts(result) == ["a + b", "a - b"]

    async def test_left_to_right_without_suspects_says_nothing(self, filler: Make) -> None:
        assert texts(await filler(saying("x"), LEFT_TO_RIGHT).fill(replace(self.DRAFT, suspects=()))) == []


class TestHealing:
    async def test_writes_the_cursors_token_again(self, filler: Make) -> None:
        """The prefix ends inside a word; the model must write the whole word, the user gets its end."""
        request = replace(REQUEST, prefix="import os\nos.pa", suffix="\n", mode="causal")
        word, others = TOKENS.encode("path.join(a)"), TOKENS.encode("sep")

        def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            return predict({others[0]: 0.6, word[0]: 0.3} if not committed else {[*word, EOM][len(committed)]: 0.9})

        result = await filler(ScriptedDenoiser(CONTROL, script), LEFT_TO_RIGHT, heals=True).fill(request)
        assert texts(result) == ["th.join(a)"]

    async def test_tokens_that_only_write_again_what_was_typed_are_none_of_the_answer(self, filler: Make) -> None:
        typed, rest = TOKENS.encode("qwx"), TOKENS.encode(" = 1 + 2 + 3")
        assert len(typed) > 1 and TOKENS.encode("qwx = 1 + 2 + 3") == [*typed, *rest]
        request = replace(REQUEST, prefix="a.qwx", mode="causal", limits=Limits(tokens=3))
        result = await filler(saying("qwx = 1 + 2 + 3"), LEFT_TO_RIGHT, heals=True).fill(request)
        assert texts(result) == [TOKENS.decode(rest[:3])]

    async def test_a_line_end_that_is_healed_is_no_line_of_the_answer(self, filler: Make) -> None:
        request = replace(REQUEST, prefix="def f():\n", mode="causal")
        script = saying("\n    return 1\n    x")
        (only,) = (await filler(script, LEFT_TO_RIGHT, heals=True).fill(request)).texts
        assert (only.text, only.finished) == ("    return 1", True)

    async def test_where_a_line_begins_a_blank_one_is_no_answer(self, filler: Make) -> None:
        request = replace(REQUEST, prefix="def f():\n", mode="causal")
        (blank,), right = TOKENS.encode("\n\n"), TOKENS.encode("\n    return 1\n")

        def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            if not committed:
                return predict({blank: 0.6, right[0]: 0.3})
            return predict({[*right, EOM][len(committed)]: 0.9})

        made = filler(ScriptedDenoiser(CONTROL, script), LEFT_TO_RIGHT, heals=True)
        assert texts(await made.fill(request)) == ["    return 1"]
        free = await made.fill(replace(request, limits=Limits(8, 1, lines=0)))
        assert texts(free) == ["\n"]

    async def test_on_a_blank_line_nothing_is_no_answer(self, filler: Make) -> None:
        """Where something stands on the line, it is one."""

        def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            text = TOKENS.decode(committed)
            if text.strip(" )\n"):
                return predict({EOM: 0.9})
            more, word = TOKENS.encode("\n    a"), TOKENS.encode(" pass")
            return predict({EOM: 0.6, word[0]: 0.2} if text else {more[0]: 0.5, TOKENS.encode(")")[0]: 0.4})

        made = filler(ScriptedDenoiser(CONTROL, script), LEFT_TO_RIGHT, heals=True)
        for mode in ("causal", "speedy"):
            blank = replace(REQUEST, prefix="def f():\n", mode=mode)
            assert texts(await made.fill(blank)) == ["    pass"], mode
            for written in (replace(blank, prefix="def f(a)"), replace(blank, suffix="  # rest\n")):
                assert "" in [one.strip() for one in texts(await made.fill(written))], mode

    async def test_above_deeper_lines_heads_are_looked_at_too(self, filler: Make) -> None:
        """Whatever is more probable: they open what stands there, the others do not. Their own depth counts."""
        words = [TOKENS.encode(f" {word}")[0] for word in ("a", "b", "c", "d", "e", "for")]

        def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            text = TOKENS.decode(committed)
            if text.strip():
                return predict({EOM: 0.9})
            if not text:
                return predict({TOKENS.encode("\n    a")[0]: 0.9})
            return predict(dict(zip(words, (0.3, 0.2, 0.1, 0.05, 0.04, 0.01), strict=True)))

        made = filler(ScriptedDenoiser(CONTROL, script), LEFT_TO_RIGHT, heals=True)

        async def found(prefix: str, suffix: str, lines: int = 1) -> set[str]:
            limits = Limits(8, 8, lines=lines)
            return {
                one.split()[-1]
                for one in texts(await made.fill(replace(REQUEST, prefix=prefix, suffix=suffix, limits=limits)))
            }

        usual = {"a", "b", "c", "d"}
        assert await found("def f():\n", "\n        x\n") == usual | {"for"}
        assert await found("def f():\n", "\n    x\n") == usual
        assert await found("def f():\n", "\n            x\n") == usual, "two steps deeper"
        assert "for" in await found("def f():\n", "\n        x\n", lines=0), "the first of several"


class TestNumbers:
    async def test_left_to_right_the_score_is_the_texts_and_its_ends(self, filler: Make) -> None:
        made = filler(saying("a + b", prob=0.5), calibration=lambda joint: joint)
        (only,) = (await made.fill(replace(REQUEST, mode="causal"))).texts
        assert only.score == pytest.approx(4 * math.log(0.5))
        assert only.confidence == pytest.approx(0.5**4)

    async def test_left_to_right_what_cannot_be_probable_enough_is_not_written_on(self, filler: Make) -> None:
        made = filler(saying("a + b", prob=0.5))
        result = await made.fill(replace(REQUEST, mode="causal", least=0.3))
        (only,) = result.texts
        assert (only.text, only.finished, result.report.forwards) == ("a +", False, 2)
        assert dict(only.beginnings) == pytest.approx({1: 0.5, 3: 0.25})
        (whole,) = (await made.fill(replace(REQUEST, mode="causal", least=0.06))).texts
        assert (whole.text, whole.finished) == ("a + b", True)

    async def test_confidence_is_calibrated_from_the_fill_probabilities(self, filler: Make) -> None:
        made = filler(saying("a + b", prob=0.9), calibration=lambda joint: joint / 2)
        (only,) = (await made.fill(REQUEST)).texts
        assert only.confidence == pytest.approx(0.9**3 / 2)

    async def test_scored_pieces_are_together_the_text(self, filler: Make) -> None:
        text = "s = '🙂é中\u2028'"
        (one,) = await filler(saying("x")).score(REQUEST, [text])
        assert "".join(piece for piece, _ in one.pieces) == text
        assert len(one.pieces) == len(TOKENS.encode(text)) + 1

    async def test_score_counts_the_end_and_names_the_pieces(self, filler: Make) -> None:
        good, bad = await filler(saying("a + b", prob=0.5)).score(REQUEST, ["a + b", "a * b"])
        assert [piece for piece, _ in good.pieces] == ["a", " +", " b", ""]
        assert good.total == pytest.approx(4 * math.log(0.5))
        assert bad.total < good.total
        assert bad.pieces[1][1] == pytest.approx(math.log(1e-6))

    async def test_a_text_of_too_many_tokens_has_no_score(self, filler: Make) -> None:
        made, most = filler(saying("x")), "안녕" * (SCORED_MOST // len(TOKENS.encode("안녕")) - 1)
        assert len(await made.score(REQUEST, [most])) == 1
        with pytest.raises(FillError, match="tokens"):
            await made.score(REQUEST, ["x", most + "안녕" * 2])

    @pytest.mark.parametrize("ends", [False, True])
    async def test_weights_that_heal_are_asked_about_the_lines_that_follow(self, filler: Make, ends: bool) -> None:
        """They know what fits before lines by how probable it makes them; they must not have seen them before."""
        request, denoiser = replace(REQUEST, prefix="", suffix="\n\n    b\n    c\n\n  d\n  e\n"), saying("a")
        made = filler(denoiser, heals=True, ends=ends)
        (one,) = await made.score(request, ["a"])
        assert "".join(piece for piece, _ in one.pieces) == "a\n\n    b\n    c\n\n  d"
        assert [stream.name for stream in denoiser.opened[-1].streams] == ["prefix"]
        (last,) = await made.score(replace(request, suffix=""), ["a"])
        assert [piece for piece, _ in last.pieces] == ["a", "\n"]

    async def test_costs_are_those_of_all_tasks(self, filler: Make) -> None:
        request = replace(TestRepair.DRAFT, suspects=((0, 1), (2, 3)))
        result = await filler(saying("x"), LEFT_TO_RIGHT).fill(request)
        assert result.report.forwards > 2
        assert result.report.mode == "causal"

    @pytest.mark.parametrize(("alternatives", "tokens"), [(1, 2), (3, 3)])
    async def test_tokens_are_those_of_what_is_given_back(self, filler: Make, alternatives: int, tokens: int) -> None:
        """`a` is the likelier beginning, and `b(` the likelier text."""
        a, b, bracket = (TOKENS.encode(name)[0] for name in ("a", "b", "("))

        def script(_context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            second = {bracket: 0.9} if (committed or canvas.ids)[0] == b else {EOM: 0.2}
            return predict(*[{a: 0.6, b: 0.3}, second, *[{EOM: 0.9}] * 30][len(committed) :][: len(canvas)])

        request = replace(REQUEST, mode="quality", alternatives=alternatives)
        result = await filler(ScriptedDenoiser(CONTROL, script)).fill(request)
        assert texts(result) == ["b(", "a"]
        assert result.report.tokens == tokens

    async def test_the_time_of_the_scores_counts(self, filler: Make) -> None:
        """However long scoring takes: 10 s of it here, of a clock that only it moves."""
        made, later = filler(saying("\n    a\n    b\n"), LEFT_TO_RIGHT, heals=True), 0.0
        told, score = list[Step](), made.score

        async def slow(request: FillRequest, given: Sequence[str]) -> list[Score]:
            nonlocal later
            later += 10.0
            return await score(request, given)

        made.score = slow  # type: ignore[method-assign]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("infill.local.time", SimpleNamespace(monotonic=lambda: time.monotonic() + later))
            patch.setattr("infill.line_by_line.time", SimpleNamespace(monotonic=lambda: time.monotonic() + later))
            request = replace(REQUEST, prefix="def f():\n", limits=Limits(lines=0), on_step=told.append)
            result = await made.fill(request)
        assert later and result.report.ms >= 1000 * later
        assert max(step.ms for step in told) <= result.report.ms


class TestSteps:
    async def test_are_told_as_text(self, filler: Make) -> None:
        told: list[Step] = []
        first, second = TOKENS.encode("a +")

        def script(_context: Context, _committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            sure = 0.9 if canvas.ids[0] == first else 0.3
            return predict({first: 0.8}, {second: sure}, {EOM: 0.9}, {EOM: 0.9})

        request = replace(REQUEST, limits=Limits(canvas=4), on_step=told.append)
        await filler(ScriptedDenoiser(CONTROL, script)).fill(request)
        assert [step.kind for step in told] == ["denoise"] * 3
        assert [(slot.text, slot.state) for slot in told[0].slots] == [
            ("a", "filled"),
            ("[MASK]", "mask"),
            ("[EOM]", "filled"),
            ("[EOM]", "filled"),
        ]
        assert [(slot.text, slot.state) for slot in told[1].slots][:2] == [("a", "draft"), (" +", "filled")]
        assert told[0].slots[0].prob == pytest.approx(0.8)
        assert all(step.ms >= 0 for step in told)

    @pytest.mark.parametrize("alternatives", [1, 3])
    async def test_left_to_right_have_the_probabilities(self, filler: Make, alternatives: int) -> None:
        told: list[Step] = []
        made, request = filler(saying("a + b", prob=0.8)), replace(REQUEST, mode="causal", alternatives=alternatives)
        await made.fill(replace(request, on_step=told.append))
        assert {len(step.slots) for step in told} >= {1, 2, 3}
        assert [slot.prob for step in told for slot in step.slots] == pytest.approx(
            [0.8] * sum(len(step.slots) for step in told)
        )

    async def test_show_where_a_token_went(self, filler: Make) -> None:
        told: list[Step] = []
        a, minus, b = TOKENS.encode("a - b")
        (c,) = TOKENS.encode(" c")

        def script(_context: Context, _committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            if canvas.ids[2] == b:
                return predict({a: 0.9}, {INSERT: 0.9}, {c: 0.9}, *[{EOM: 0.9}] * (len(canvas) - 3))
            return predict(*({int(t): 0.9} if t != MASK else {minus: 0.9} for t in canvas.ids))

        request = replace(TestRepair.DRAFT, suspects=(), on_step=told.append)
        result = await filler(ScriptedDenoiser(CONTROL, script)).fill(request)
        assert [(slot.text, slot.state) for slot in told[0].slots][:5] == [
            ("a", "draft"),
            ("[MASK]", "inserted"),
            (" -", "draft"),
            (" c", "edited"),
            ("[EOM]", "draft"),
        ]
        assert texts(result) == ["a - - c"]

    async def test_of_prefill_and_of_tokens_too(self, filler: Make) -> None:
        told: list[Step] = []
        long = replace(REQUEST, prefix="x = 1\n" * 60, mode="causal", on_step=told.append)
        await filler(saying("a b")).fill(long)
        kinds = [step.kind for step in told]
        assert kinds[0] == "prefill"
        assert kinds[-3:] == ["token"] * 3
        assert "".join(slot.text for slot in told[-1].slots) == "a b"


class TestCancelling:
    async def test_the_awaiting_task_stops_the_engine(self, filler: Make) -> None:
        entered, go_on = threading.Event(), threading.Event()

        def script(_context: Context, _committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            entered.set()
            assert go_on.wait(20)
            return predict(*[{TOKENS.encode("a")[0]: 0.95}] * len(canvas))

        denoiser = ScriptedDenoiser(CONTROL, script)
        made = filler(denoiser)
        endless = replace(REQUEST, mode="causal", limits=Limits(tokens=10_000, lines=0))
        task = asyncio.ensure_future(made.fill(endless))
        await asyncio.to_thread(entered.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        go_on.set()
        denoiser.answer = saying("next").answer
        assert texts(await made.fill(REQUEST)) == ["next"]
        assert sum(len(call.canvas) == 1 for call in denoiser.calls) == 1

    async def test_one_of_two_leaves_the_other(self, filler: Make) -> None:
        made = filler(saying("a + b", seconds=0.01))
        other = replace(REQUEST, prefix="y = ")
        one, two = (asyncio.ensure_future(made.fill(request)) for request in (REQUEST, other))
        await asyncio.sleep(0)
        one.cancel()
        assert texts(await two) == ["a + b"]
        assert one.cancelled()

    async def test_where_one_of_several_jobs_fails_the_others_end(self, filler: Make) -> None:
        """A repair has a job for each suspect."""
        denoiser = spelling(lambda _: "a " * 500)
        answer, failures = denoiser.answer, iter([RuntimeError("out of memory")])

        def fails_once(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            for failure in failures:
                raise failure
            return answer(context, committed, canvas)

        denoiser.answer = fails_once
        made = filler(denoiser, LEFT_TO_RIGHT)
        limits, suspects = Limits(tokens=500, lines=0), ((0, 3), (4, 7), (8, 11))
        with pytest.raises(RuntimeError, match="out of memory"):
            await made.fill(replace(REQUEST, draft="one two three", suspects=suspects, limits=limits))
        await asyncio.wrap_future(made.engine.warm([]))  # goes last
        assert len(denoiser.calls) < 500

    async def test_closing_cancels_what_waits(self, filler: Make) -> None:
        denoiser = saying("a", seconds=0.2)
        made = filler(denoiser)
        tasks = [asyncio.ensure_future(made.fill(replace(REQUEST, prefix=f"x{n} = "))) for n in range(3)]
        while not denoiser.opened:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(made.close)
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(done[-1], asyncio.CancelledError)


class TestOneLineAmongSeveral:
    """`a` is the likelier word, and what it begins ends less likely than what `b` does."""

    request = replace(REQUEST, mode="quality", limits=Limits(lines=1))

    def script(self, _context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        a, b = (TOKENS.encode(name)[0] for name in ("a", "b"))
        end = 0.2 if (committed or tuple(canvas.ids))[0] == a else 0.9
        said = [{a: 0.6, b: 0.3}, *[{EOM: end}] * 30]
        return predict(*said[len(committed) :][: len(canvas)])

    async def asked(self, filler: Make, request: FillRequest, seconds: float = 0.0) -> list[str]:
        return texts(await filler(ScriptedDenoiser(CONTROL, self.script, seconds)).fill(request))

    async def test_quality_takes_the_one_with_the_best_score(self, filler: Make) -> None:
        result = await filler(ScriptedDenoiser(CONTROL, self.script)).fill(self.request)
        assert texts(result) == ["b", "a"]
        assert [one.score for one in result.texts] == pytest.approx([math.log(0.3 * 0.9), math.log(0.6 * 0.2)])

    @pytest.mark.parametrize(("mode", "lines"), [("speedy", 1), ("causal", 1), ("quality", 0), ("quality", 3)])
    async def test_others_find_one(self, filler: Make, mode: str, lines: int) -> None:
        assert await self.asked(filler, replace(self.request, mode=mode, limits=Limits(lines=lines))) == ["a"]

    @pytest.mark.parametrize("mode", ["speedy", "causal"])
    async def test_alternatives_come_in_the_order_of_their_score(self, filler: Make, mode: str) -> None:
        assert await self.asked(filler, replace(self.request, mode=mode, alternatives=2)) == ["b", "a"]

    async def test_drafts_of_a_repair_are_its_own_to_score(self, filler: Make) -> None:
        assert (await self.asked(filler, replace(self.request, draft="a", suspects=((0, 1),))))[0] == "a"

    async def test_past_the_deadline_the_likeliest_is_taken(self, filler: Make) -> None:
        request = replace(self.request, limits=Limits(lines=1, deadline=1.9))
        assert (await self.asked(filler, request, seconds=1.0))[0] == "a"

    async def test_what_is_too_long_to_be_scored_comes_as_it_was_found(
        self, filler: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("infill.local.SCORED_MOST", 1)
        assert await self.asked(filler, self.request) == ["a", "b"]

    async def test_a_cold_file_is_not_read_for_it(self, filler: Make) -> None:
        request = replace(self.request, prefix="value = compute(value)\n" * 300)
        assert (await self.asked(filler, request))[0] == "a"


class TestADoubtfulDraft:
    """Left to right `a` is the likelier word, and the line that follows is likelier after `b`."""

    request = replace(REQUEST, prefix="def f(a, b):\n", suffix="\nprint(b)\n")

    def script(self, likelier: float, other: float = 0.2, followed: float = 0.01) -> Callable[..., Prediction]:
        first, second = (TOKENS.encode(f"\n    {word}\nprint(b)") for word in ("a", "b"))

        def answer(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
            n = len(committed)
            here = [path[n] for path in (first, second) if n < len(path) and tuple(path[:n]) == committed]
            if len(here) == 2:
                return predict({here[0]: 0.9} if here[0] == here[1] else {here[0]: likelier, here[1]: other})
            late = n > 1 + len(first) - len(TOKENS.encode("print(b)")) and committed == tuple(first[:n])
            return predict({(here or [EOM])[0]: followed if late else 0.9, 17: 0.005})

        return answer

    async def asked(self, filler: Make, likelier: float, **changes: object) -> FillResult:
        made = filler(ScriptedDenoiser(CONTROL, self.script(likelier)), LEFT_TO_RIGHT, heals=True)
        return await made.fill(replace(self.request, **changes))  # type: ignore[arg-type]

    @pytest.mark.parametrize("mode", ["speedy", "auto"])
    async def test_is_compared_with_others(self, filler: Make, mode: str) -> None:
        result = await self.asked(filler, 0.3, mode=mode)
        assert texts(result)[:2] == ["    b", "    a"]
        alone = await self.asked(filler, 0.3, mode="causal")
        assert result.report.forwards > alone.report.forwards

    @pytest.mark.parametrize("mode", ["speedy", "quality"])
    async def test_is_compared_by_the_lines_that_follow(self, filler: Make, mode: str) -> None:
        """By three of them; what is scored is read but for its last token."""
        quick, seen, read = self.script(0.3), set[str](), "    a\nprint(b)\n\nc\nd"

        def answer(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            seen.add(TOKENS.decode(committed))
            return quick(context, committed, canvas)

        request = replace(self.request, suffix="\nprint(b)\n\nc\nd\ne\n", mode=mode)
        await filler(ScriptedDenoiser(CONTROL, answer), LEFT_TO_RIGHT, heals=True).fill(request)
        whole = tuple(TOKENS.encode("\n" + read))
        assert TOKENS.decode(whole[:-1]) in seen and TOKENS.decode(whole) not in seen

    async def test_weights_that_know_ends_are_half_believed_with_both_sides_seen(self, filler: Make) -> None:
        """Both sides seen `a` is 2.9 nats likelier; without the suffix neither is, and the line after `b` is by one."""
        seen, hidden = self.script(0.9, 0.05, 0.7), self.script(0.2, 0.2, 0.7)

        def answer(context: Context, *rest: object) -> Prediction:
            return (seen if any(stream.name == "below" for stream in context.streams) else hidden)(context, *rest)

        request = replace(self.request, mode="quality")
        for ends, best in ((True, "    a"), (False, "    b")):
            made = filler(ScriptedDenoiser(CONTROL, answer), LEFT_TO_RIGHT, heals=True, ends=ends)
            assert texts(await made.fill(request))[0] == best

    async def test_one_that_is_sure_is_taken(self, filler: Make) -> None:
        result = await self.asked(filler, 0.75, mode="speedy")
        assert result.texts[0].text == "    a"
        compared = await self.asked(filler, 0.75, mode="quality")
        assert texts(compared)[0] == "    b"
        assert result.report.forwards < compared.report.forwards

    async def test_of_texts_given_up_the_likeliest_is_compared_with_none(self, filler: Make) -> None:
        denoiser = ScriptedDenoiser(CONTROL, self.script(0.3))
        made = filler(denoiser, LEFT_TO_RIGHT, heals=True)
        for lines, least in ((0, 0.9), (1, 0.9), (1, 0.45)):
            request = replace(self.request, mode="speedy", least=least, limits=Limits(lines=lines))
            (only,) = (await made.fill(request)).texts
            assert not only.finished
        assert len(denoiser.opened) == 3, "once each: nothing was scored"

    async def test_of_the_baseline_is_compared_with_none(self, filler: Make) -> None:
        result = await self.asked(filler, 0.3, mode="causal")
        assert texts(result) == ["    a"]

    @pytest.mark.parametrize("lines", [0, 2])
    @pytest.mark.parametrize(("likelier", "mode"), [(0.3, "speedy"), (0.75, "quality")])
    async def test_of_several_is_compared_too(self, filler: Make, likelier: float, mode: str, lines: int) -> None:
        result = await self.asked(filler, likelier, mode=mode, limits=Limits(lines=lines))
        assert result.texts[0].text.startswith("    b")

    async def test_of_several_none_is_the_line_that_stands_below(self, filler: Make) -> None:
        """However likely: it would stand there twice."""
        request = replace(self.request, mode="speedy", limits=Limits(lines=0), suffix="\n\n    total = 1\n")
        made = filler(saying("\n    total = 1\n"), LEFT_TO_RIGHT, heals=True)
        assert not {"    total = 1", "    total = 1\n    total = 1"} & set(texts(await made.fill(request)))
        deeper = replace(request, prefix="def f(a, b):\n    if a:\n        ")
        made = filler(saying(" total = 1\n"), LEFT_TO_RIGHT, heals=True)
        assert "total = 1" in texts(await made.fill(deeper))
        closed = replace(request, prefix="x = f(\n    a,\n", suffix="\n)\n")
        made = filler(saying("\n)\n"), LEFT_TO_RIGHT, heals=True)
        assert ")" not in texts(await made.fill(closed))

    async def test_without_time_to_compare_the_likeliest_is_taken(self, filler: Make) -> None:
        denoiser = ScriptedDenoiser(CONTROL, self.script(0.3))
        quick, line = denoiser.answer, len(TOKENS.encode("\n    a\n"))

        def slow_behind_the_line(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            time.sleep(1.1 * (len(committed) > line))
            return quick(context, committed, canvas)

        denoiser.answer = slow_behind_the_line
        made = filler(denoiser, LEFT_TO_RIGHT, heals=True)
        result = await made.fill(replace(self.request, limits=Limits(lines=1, deadline=1.0)))
        assert result.texts[0].text == "    a"


class TestNamesThatTheCodeBelowMisses:
    """`x` is the eighth likeliest name, and the line that follows asks for it."""

    request = replace(REQUEST, prefix="def f(rows):\n    ", suffix=" = 1\n    print(x)\n", limits=Limits(lines=1))

    @staticmethod
    def script(_context: Context, committed: tuple[int, ...], _canvas: Canvas) -> Prediction:
        tokens = [TOKENS.encode(f" {name}")[0] for name in "abcdefgx"]
        if not committed:
            return predict({token: 0.5**n for n, token in enumerate(tokens, 1)})
        return predict({EOM: 0.9 if committed[0] == tokens[-1] else 0.5})

    async def test_are_looked_for(self, filler: Make) -> None:
        made = filler(ScriptedDenoiser(CONTROL, self.script), LEFT_TO_RIGHT, heals=True)
        assert "x" in texts(await made.fill(replace(self.request, mode="speedy")))
        known = replace(self.request, prefix="def f(x):\n    ", mode="speedy")
        assert "x" not in texts(await made.fill(known))
        assert texts(await made.fill(replace(self.request, mode="causal"))) == ["a"]


class TestTheRestOfTheLine:
    """The model writes on as if nothing stood right of the cursor."""

    request = replace(REQUEST, prefix="f(", suffix=", start)\nx\n", limits=Limits(lines=0))

    async def confidence(self, filler: Make, **changes: object) -> float | None:
        """That `a` is all."""
        made = filler(saying("(a, start)\nx"), LEFT_TO_RIGHT, heals=True, calibration=lambda joint: joint)
        result = await made.fill(replace(self.request, **changes))  # type: ignore[arg-type]
        return next((one.confidence for one in result.texts if one.text == "a"), None)

    @pytest.mark.parametrize("lines", [0, 1])
    @pytest.mark.parametrize("mode", ["speedy", "quality"])
    async def test_is_an_end(self, filler: Make, mode: str, lines: int) -> None:
        request = replace(self.request, mode=mode, limits=Limits(lines=lines))
        made = filler(saying("(a, start)\nx"), LEFT_TO_RIGHT, heals=True)
        assert texts(await made.fill(request))[0] == "a"
        assert (await self.confidence(filler, mode=mode, limits=Limits(lines=lines)) or 0) > 0.8

    async def test_closes_what_the_prefix_opened(self, filler: Make) -> None:
        made = filler(saying("(a)\nx"), LEFT_TO_RIGHT, heals=True)
        found = texts(await made.fill(replace(self.request, suffix=")\nx\n", mode="speedy")))
        assert found[0] == "a"
        assert "a)" not in found

    @pytest.mark.parametrize("suffix", [" + start)\n", "\n, start)\n"])
    async def test_is_none_for_what_does_not_meet_it(self, filler: Make, suffix: str) -> None:
        assert (await self.confidence(filler, suffix=suffix) or 0) < 0.1
        assert await self.confidence(filler, mode="causal") is None

    @pytest.mark.parametrize(
        ("text", "suffix", "start", "found"),
        [
            ("a, b", ", b)", 1, "a"),
            ("a, b", ", b)", 2, "a, b"),
            ("len(", "n(x)", 0, "le"),
            ("    return", "  return 1", 0, "  "),
            ("        ", "    return 1", 0, "     "),
            ("x ", " y", 1, "x "),
            ("x ", "  y", 1, "x"),
            ("(user)", ");", 0, "(user)"),
            ("(user))", ");", 0, "(user)"),
            ("(user) => f(user));", ");", 17, "(user) => f(user)"),
            ("it's)", ");", 0, "it's"),
        ],
    )
    def test_begins_within_the_last_token(self, text: str, suffix: str, start: int, found: str) -> None:
        assert text[: meeting(text, suffix, start)] == found


class TestEagerness:
    """How probable what is shown has to be while typing: 0.6 by default. Here each token is 0.9."""

    async def shown(self, filler: Make, words: str, eagerness: float, invoked: bool = False) -> list[str]:
        completer = Completer(filler(saying(words, prob=0.9), LEFT_TO_RIGHT))
        snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
        wanted = Preferences(mode="causal", eagerness=eagerness)
        answer = await completer.complete(snapshot, 4, preferences=wanted, invoked=invoked)
        return [one.text for one in answer.suggestions]

    @pytest.mark.parametrize(
        ("eagerness", "said"),
        [(1.0, "one two three four five"), (0.4, "one two three four"), (0.2, "one two"), (0.15, "one"), (0.05, None)],
    )
    async def test_decides_how_much_is_shown(self, filler: Make, eagerness: float, said: str | None) -> None:
        assert await self.shown(filler, "one two three four five", eagerness) == ([said] if said else [])

    async def test_what_a_deadline_cut_short_ends_where_brackets_balance(
        self, filler: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert await self.shown(filler, "a(b) + c", 1.0) == ["a(b) + c"]
        monkeypatch.setattr(Run, "late", lambda run: run.cost.forwards == 5)
        assert await self.shown(filler, "a(b) + c", 1.0) == ["a(b)"]

    @pytest.mark.parametrize(
        ("lines", "alternatives", "said"),
        [(None, 1, "one two three four"), (None, 2, "one two three four five"), (0, 1, "one two three four five")],
    )
    async def test_is_the_usual_one_for_tools_of_somebody_who_types(
        self, filler: Make, lines: int | None, alternatives: int, said: str
    ) -> None:
        completer = Completer(filler(saying("one two three four five", prob=0.9), LEFT_TO_RIGHT))
        result = await completer.fill("x = ", "\n", max_lines=lines, alternatives=alternatives)
        assert result.texts[0].text == said and not result.cut

    async def test_does_not_count_when_asked_by_hand(self, filler: Make) -> None:
        assert "one two" in await self.shown(filler, "one two", 0.0, invoked=True)

    async def test_nothing_is_written_to_its_end_that_is_not_shown(self, filler: Make) -> None:
        """One text is looked for, as no two are likelier than not, until it is too unlikely."""
        made = filler(saying("one two three four five", prob=0.9), LEFT_TO_RIGHT, heals=True)
        request = replace(REQUEST, prefix="", mode="speedy")
        result = await made.fill(replace(request, least=0.7))
        assert texts(result) == ["one two three four"]
        assert [round(p, 3) for _, p in result.texts[0].beginnings] == [0.9, 0.81, 0.729, 0.656]
        assert result.report.forwards == 4
        assert (await made.fill(replace(request, least=0.4))).report.forwards > 4


class TestEngineBehind:
    async def test_equal_requests_have_equal_answers_whatever_runs_beside_them(self, filler: Make) -> None:
        """The script depends on what it is shown alone, as a model does."""

        def says(drafted: str) -> str:
            return f"f({len(drafted) % 7})"

        alone = await filler(spelling(says)).fill(replace(REQUEST, alternatives=2))
        made = filler(spelling(says))
        requests = [replace(REQUEST, alternatives=2, urgent=n % 2 == 0) for n in range(6)]
        others = [replace(REQUEST, prefix="z" * n, mode="quality", urgent=n % 2 == 1) for n in range(6)]
        together = await asyncio.gather(*(made.fill(r) for pair in zip(requests, others, strict=True) for r in pair))
        assert {result.texts for result in together[::2]} == {alone.texts}

    async def test_a_deadline_returns_what_there_is(self, filler: Make) -> None:
        made = filler(saying("one two three four five", seconds=0.05))
        request = replace(REQUEST, mode="causal", limits=Limits(tokens=64, lines=1, deadline=0.12))
        (only,) = (await made.fill(request)).texts
        assert "one two three four five".startswith(only.text)
        assert only.text != "one two three four five"
        assert not only.finished

    async def test_a_failing_model_fails_only_who_asked(self, filler: Make) -> None:
        denoiser = saying("a")
        good = denoiser.answer

        def broken(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
            raise RuntimeError("the model broke")

        made = filler(denoiser)
        denoiser.answer = broken
        with pytest.raises(RuntimeError, match="the model broke"):
            await made.fill(REQUEST)
        denoiser.answer = good
        assert texts(await made.fill(REQUEST)) == ["a"]

    async def test_a_cold_file_is_answered_at_once_and_warmed_afterwards(self, filler: Make) -> None:
        denoiser = saying("a")
        made = filler(denoiser)
        await made.fill(replace(REQUEST, prefix="value = compute(value)\n" * 300))
        near, far = (len(context.streams[-1].ids) for context in denoiser.opened[1::-1])
        assert near < 300 < far
        for _ in range(100):
            if len(denoiser.opened) == 3:
                break
            await asyncio.sleep(0.01)
        assert denoiser.opened[2] == denoiser.opened[0]

    async def test_what_the_window_shows_next_is_encoded_when_there_is_time(self, filler: Make) -> None:
        denoiser, lines = saying("a"), [f"value_{n} = compute(value_{n})\n" for n in range(90)]
        made = filler(denoiser)
        for size, streams in ((66, [["below", "rest", "prefix"]]), (74, [["below", "rest", "prefix"], ["prefix"]])):
            denoiser.opened.clear()
            made.warm(replace(REQUEST, prefix="".join(lines[:size])))
            await asyncio.wrap_future(made.engine._warming)
            assert [[one.name for one in context.streams] for context in denoiser.opened] == streams

    async def test_an_answer_is_looked_for_ahead_of_time_by_weights_that_write_left_to_right(
        self, filler: Make
    ) -> None:
        for heals in (True, False):
            denoiser = saying("a")
            made = filler(denoiser, LEFT_TO_RIGHT, heals=heals)
            made.warm(REQUEST, answer=True)
            await asyncio.wrap_future(made.engine._warming)
            assert bool(denoiser.calls) == heals

    async def test_on_battery_nothing_is_done_ahead_of_time(self, filler: Make) -> None:
        denoiser = saying("a")
        made = filler(denoiser, heals=True, may_idle=lambda: False)
        made.warm(REQUEST)
        made.warm(REQUEST, answer=True)
        await made.fill(REQUEST)
        assert len(denoiser.opened) == 1

    async def test_after_close_nothing_is_answered(self, filler: Make) -> None:
        made = filler(saying("a"))
        made.close()
        with pytest.raises(RuntimeError, match="the engine is closed"):
            await made.fill(REQUEST)

    async def test_an_unknown_mode_is_one_sentence(self, filler: Make) -> None:
        with pytest.raises(ValueError, match="use speedy, quality, auto or causal"):
            await filler(saying("a")).fill(replace(REQUEST, mode="hasty"))


def test_the_lines_at_a_hole_are_found_without_a_copy_of_the_file() -> None:
    """They are asked for at every token of every beam."""
    file = "value = compute(value)\n" * 50_000
    request = FillRequest(f"{file}    total", f"  )\n{file}", "a.py", "python")
    below = f"\n   \n        {file}"
    tracemalloc.start()
    try:
        assert (request.begun, request.rest, next_depth(below)) == ("    total", ")", 8)
        assert tracemalloc.get_traced_memory()[1] < 10_000
    finally:
        tracemalloc.stop()
