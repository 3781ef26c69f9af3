"""The first gate itself, and that its questions can be answered and only right answers pass: those are asked of a
scripted model that knows them all."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine import Canvas, Context, Engine, Modes, Prediction, ScriptedDenoiser, Vocabulary
from engine.scripted import sure_of
from engine.tokenizer import RESERVED, Tokenizer
from infill import prompt
from infill.complete import Completer
from infill.local import LocalFiller
from tests.fakes import CONTROL
from training import gate, noise
from training.gate import Place


def known(places: list[Place], tokens: Tokenizer) -> ScriptedDenoiser:
    """Answers each context's labels, whatever stands on the canvas."""
    middles = {}
    for place in places:
        context = prompt.build(tokens, CONTROL, place.code[: place.start], place.code[place.end :], place.path).context
        middles[context] = tokens.encode(place.text)

    def answer(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        labels = noise.edit_labels(canvas.ids, middles.get(context, [])[len(committed) :], CONTROL)
        return sure_of(labels.tolist(), CONTROL, 0.95)

    return ScriptedDenoiser(CONTROL, answer)


def ask(denoiser: ScriptedDenoiser, tokens: Tokenizer, holes: list[Place], wrong: list[Place]) -> gate.Verdict:
    engine = Engine(denoiser, Modes(), Vocabulary(tokens.newlines, frozenset(range(RESERVED))))
    completer = Completer(LocalFiller(engine, tokens))
    try:
        return asyncio.run(gate.ask(completer, holes, wrong))
    finally:
        completer.close()


def test_a_model_that_knows_every_answer_passes(tokens: Tokenizer) -> None:
    holes, wrong = gate.places()
    verdict = ask(known([*holes, *wrong], tokens), tokens, holes, wrong)
    assert (verdict.holes, verdict.bugs, verdict.misses) == (32, 8, ())
    assert verdict.passed and verdict.forwards <= gate.FORWARDS


def test_a_model_that_knows_too_few_does_not(tokens: Tokenizer) -> None:
    holes, wrong = gate.places()
    few = ask(known([*holes[:29], *wrong], tokens), tokens, holes, wrong)
    assert few.holes == 29 and not few.passed
    unable = ask(known([*holes, *wrong[:6]], tokens), tokens, holes, wrong)
    assert unable.bugs == 6 and not unable.passed


def test_the_places_are_real_distinct_and_always_the_same() -> None:
    holes, wrong = gate.places()
    assert (holes, wrong) == gate.places()
    assert len({(place.path, place.code, place.start) for place in holes}) == 32
    assert len({place.wrong for place in wrong}) == 8
    assert all(place.wrong != place.text for place in wrong)
    sources = {code for _, code in gate.functions()}
    assert {place.code for place in [*holes, *wrong]} <= sources


@pytest.mark.slow
def test_the_first_gate_is_passed(tmp_path: Path) -> None:
    """Masks, positions, labels, export and serving at once: the shipped weights learn the places by heart."""
    script = Path(__file__).parents[2] / "training" / "runs" / "tiny_cpu.sh"
    try:
        ran = subprocess.run(
            ["sh", script, tmp_path], env={**os.environ, "PYTHON": sys.executable}, capture_output=True, text=True
        )
        assert ran.stdout, ran.stderr[-2000:]
        verdict = json.loads(ran.stdout.splitlines()[-1])
        assert verdict["holes"] >= 30 and verdict["most_forwards"] <= 3 and verdict["bugs"] >= 7, ran.stdout
        assert verdict["passed"] and ran.returncode == 0
    finally:
        for folder in tmp_path.iterdir():
            shutil.rmtree(folder)


def test_the_canvases_include_what_decoding_starts_from(tokens: Tokenizer) -> None:
    holes, wrong = gate.places()
    for place in holes[:4]:
        (hole,) = gate._chunk(place, tokens, CONTROL).holes
        first = gate._plans(hole, CONTROL, np.random.default_rng(0))[0].view
        assert (first.ids == CONTROL.mask).all() and len(first.ids) == gate.CANVAS
        assert first.labels.tolist() == noise.target_slots(hole.middle, gate.CANVAS, CONTROL.eom).tolist()
        last = gate._plans(hole, CONTROL, np.random.default_rng(0))[-1].view
        assert last.ids.tolist() == last.labels.tolist() == first.labels.tolist()
        assert (last.weights[: len(hole.middle) + 1] > 0).all(), "`speedy` edits what it was not taught to leave alone"
    for place in wrong[:4]:
        (hole,) = gate._chunk(replace(place), tokens, CONTROL).holes
        first = gate._plans(hole, CONTROL, np.random.default_rng(0))[0].view
        assert hole.draft is not None and first.ids[: len(hole.draft)].tolist() == list(hole.draft)
