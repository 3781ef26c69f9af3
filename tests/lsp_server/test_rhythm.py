"""How long we wait before the model is asked, and when the user is told that it is slow."""

from __future__ import annotations

from typing import Any

import pytest

from lsp_server.rhythm import Rhythm
from lsp_server.status import SLOW_MS, Status


def typist(interval: float, keys: int = 10) -> tuple[Rhythm, float]:
    rhythm, now = Rhythm(), 100.0
    for _ in range(keys):
        rhythm.key(now)
        now += interval
    return rhythm, now - interval


def test_an_answer_that_comes_before_the_next_key_is_not_delayed() -> None:
    rhythm, now = typist(0.12)
    assert rhythm.pause(now, fixed_ms=0, answer_ms=100) == 0


def test_typing_faster_than_the_answers_waits_for_a_pause() -> None:
    rhythm, now = typist(0.10)
    wait = rhythm.pause(now, fixed_ms=0, answer_ms=300)
    assert wait == pytest.approx(0.13)
    assert rhythm.pause(now + 0.05, fixed_ms=0, answer_ms=300) == pytest.approx(0.08)


def test_a_typist_who_outruns_the_answers_is_waited_for_until_one_comes_in_time() -> None:
    """On a slow machine no answer ever comes while typing, so none could say how long they take."""
    rhythm, now = typist(0.10)
    rhythm.outran(typist=True)
    assert rhythm.pause(now, fixed_ms=0, answer_ms=0) == pytest.approx(0.13)
    rhythm.outran(typist=False)
    assert rhythm.pause(now, fixed_ms=0, answer_ms=0) == 0


def test_the_wait_is_bounded_however_slow_the_typing() -> None:
    rhythm, now = typist(0.9)
    assert rhythm.pause(now, fixed_ms=0, answer_ms=5000) == pytest.approx(0.15)


def test_the_first_key_after_a_pause_is_not_delayed() -> None:
    rhythm = Rhythm()
    rhythm.key(100.0)
    assert rhythm.pause(100.0, fixed_ms=0, answer_ms=300) == 0


def test_a_fixed_debounce_counts_from_the_last_key() -> None:
    rhythm, now = typist(0.1)
    assert rhythm.pause(now, fixed_ms=200, answer_ms=0) == pytest.approx(0.2)
    assert rhythm.pause(now + 0.15, fixed_ms=200, answer_ms=0) == pytest.approx(0.05)
    assert rhythm.pause(now + 1, fixed_ms=200, answer_ms=0) == 0


def test_status_is_told_once_and_turns_slow_and_back() -> None:
    sent: list[tuple[str, Any]] = []
    status = Status(lambda method, params: sent.append((method, params)))
    status.say("ready")
    status.say("ready")
    for _ in range(12):
        status.took(SLOW_MS * 2)
    for _ in range(12):
        status.took(SLOW_MS / 10)
    assert [params["state"] for _, params in sent] == ["ready", "slow", "ready"]
    assert {method for method, _ in sent} == {"redraft/status"}
    assert "2.0 s" in sent[1][1]["message"]


def test_an_error_is_over_when_the_model_answers_again() -> None:
    sent: list[str] = []
    status = Status(lambda _, params: sent.append(params["state"]))
    status.say("error", "it broke")
    status.answered()
    assert sent == ["error", "ready"]
