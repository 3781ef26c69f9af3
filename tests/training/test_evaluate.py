"""Evaluation asks the real completer: a model that knows the truth gets full marks, a silent one gets none."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import textwrap
from collections import Counter
from typing import Any

import numpy as np
import pytest

from engine import Canvas, Context, Engine, Modes, Prediction, ScriptedDenoiser, Vocabulary
from engine.checkpoint import EMBEDDED
from engine.scripted import sure_of
from engine.tokenizer import RESERVED, Tokenizer
from infill.complete import Completer
from infill.local import LocalFiller
from tests.fakes import CONTROL
from training import evaluate
from training.serving import Served
from training.shards import Source

SOURCES = [Source("textwrap", "lib/textwrap.py", "python", inspect.getsource(textwrap))]


@pytest.fixture(scope="module")
def tokens() -> Tokenizer:
    return Tokenizer.load(EMBEDDED / "tokenizer.json")


def served(tokens: Tokenizer, *, knows: bool, p: float = 0.95) -> Served:
    """A model that finds the end of its prefix in the file and writes the rest of that line, or writes nothing."""
    text = SOURCES[0].text

    def answer(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        written = tokens.decode([*context.streams[-1].ids, *committed]).split("\n", 1)[1]
        at = text.rfind(written[-200:]) + len(written[-200:]) if knows and written[-200:] in text else -1
        middle = tokens.encode(text[at:].split("\n", 1)[0]) if at >= 0 else []
        return sure_of([*middle, *[CONTROL.eom] * len(canvas)][: len(canvas)], CONTROL, p)

    denoiser = ScriptedDenoiser(CONTROL, answer)
    engine = Engine(denoiser, Modes(), Vocabulary(tokens.newlines, frozenset(range(RESERVED))))
    filler = LocalFiller(engine, tokens, calibration=lambda joint: joint)
    return Served(engine, tokens, filler, Completer(filler))


def ask(question: str, found: Served, asked: list[evaluate.Place]) -> dict[str, Any]:
    options = argparse.Namespace(mode="speedy", plot=None)
    try:
        return asyncio.run(evaluate.QUESTIONS[question](found, asked, options))  # type: ignore[arg-type]
    finally:
        found.close()


def test_places_are_of_the_kind_they_say_and_always_the_same() -> None:
    asked = evaluate.places(SOURCES, 100, 10)
    assert asked == evaluate.places(SOURCES, 100, 10)
    assert len(asked) > 90 and len(Counter(place.kind for place in asked)) == 4
    for place in asked:
        assert place.prefix + place.truth + place.suffix == SOURCES[0].text
        assert place.truth and "\n" not in place.truth
        before = place.prefix.rpartition("\n")[2]
        assert before == "" or place.kind != "newline"
        if place.kind == "indentation":
            assert not before.strip() and not place.truth[0].isspace()
        if place.kind == "word":
            assert before[-1].isalnum() and place.truth[0].isalnum()


def test_a_model_that_knows_the_file_is_right_nearly_everywhere(tokens: Tokenizer) -> None:
    """Nearly: what trimming takes away, and ends of prefixes that stand twice in the file, count as wrong."""
    result = ask("infilling", served(tokens, knows=True), evaluate.places(SOURCES, 40, 0))
    assert result["exact"]["python"]["exact"] > 0.85
    assert result["tokens_per_forward"] > 3
    assert result["eom_at_the_end"] > 0.9 and result["eom_too_early"] < 0.1
    assert result["suffix_duplicated"] < 0.1


def test_a_silent_model_is_never_right_and_ends_everywhere(tokens: Tokenizer) -> None:
    result = ask("infilling", served(tokens, knows=False), evaluate.places(SOURCES, 20, 0))
    assert result["exact"]["python"]["exact"] == 0
    assert result["eom_at_the_end"] == 1 and result["eom_too_early"] == 1


def test_repair_is_asked_about_wrong_and_about_right_code(tokens: Tokenizer) -> None:
    result = ask("repair", served(tokens, knows=True), evaluate.places(SOURCES, 60, 0))
    assert result["n"] > 10 and len(result["kinds"]) > 3
    assert result["exact"] > 0.5 and result["left_alone"] > 0.9


def test_calibration_sees_a_model_that_is_right_and_unsure(tokens: Tokenizer) -> None:
    result = ask("calibration", served(tokens, knows=True, p=0.7), evaluate.places(SOURCES, 40, 0))
    assert result["n"] >= 35 and result["right"] > 0.8
    assert result["raw_error"] > 0.5
    assert ask("calibration", served(tokens, knows=False), evaluate.places(SOURCES, 5, 0)) == {"n": 0}


def test_the_calibration_error_is_the_distance_of_confidence_and_truth() -> None:
    p = np.repeat([0.2, 0.8], 500)
    right = np.concatenate([np.arange(500) % 5 == 0, np.arange(500) % 5 != 0])
    assert evaluate.calibration_error(p, right, bins=2) == pytest.approx(0, abs=1e-9)
    assert evaluate.calibration_error(p, np.zeros(1000, bool), bins=2) == pytest.approx(0.5)


def test_the_fit_finds_the_logistic_that_made_the_answers() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.01, 1, 20_000)
    right = rng.random(20_000) < evaluate.logistic(p, 0.7, 1.3)
    slope, intercept = evaluate.fit(p, right)
    assert slope == pytest.approx(0.7, abs=0.06) and intercept == pytest.approx(1.3, abs=0.08)
