"""Left to right on the middle stream: the most probable token each time, or a beam search where several middles are
wanted.

This is the baseline, and how weights with an untrained canvas decode.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import chain, takewhile, zip_longest

import numpy as np

from engine.denoiser import Among, Prediction
from engine.lookup import continuation
from engine.run import Run, ranked
from engine.task import Candidate, Step

HEALED, MOST_HEALING = 0.02, 8
"""Token healing gives up ways to write the end of the prefix that are less probable than HEALED times all complete ones
together. After MOST_HEALING ways were followed, the first complete one is enough."""
FAVOURED = 4
"""Beams that the steering's favour may keep beside the most probable ones."""
NOTHING = Candidate((), (), False)


class LeftToRight:
    """The middles of one run. told: the run's forwards at its last step; if there was none since, a step was answered
    from memory."""

    def __init__(self, run: Run) -> None:
        self.run, self.told = run, 0
        self.task, self.steering = run.task, run.task.steering
        self.rules, self.vocabulary = run.rules, run.vocabulary

    def steps(self) -> Generator[Step, None, list[Candidate]]:
        """The most probable middle, or as many as are wanted."""
        return (yield from self._greedy() if self.task.alternatives == 1 else self._beams())

    def _greedy(self) -> Generator[Step, None, list[Candidate]]:
        """The most probable token each time. A forward also checks a guess at the next ones (`lookup`); each that was
        guessed right saves a forward."""
        (beam, *_) = (yield from self._healed()) or [Beam()]
        while self._goes_on(beam) and not self.run.late():
            written, guess = self._whole(beam), self._guess(beam)
            said = self._next([written + guess[:n] for n in range(len(guess) + 1)])
            for answer, guessed in zip_longest(said, guess):
                token, p = self._likeliest(beam, answer)
                beam = self._grown(beam, token, p)
                if token != guessed or not self._goes_on(beam):
                    break
            yield self._step(beam)
        return [self.run.bounded(beam.candidate)]

    def _likeliest(self, beam: Beam, said: Prediction) -> tuple[int, float]:
        """The most probable token, and its probability, after which the middle may be an answer."""
        answers = ranked(said, 0, self.rules)
        return next((one for one in answers if self._says(self._grown(beam, *one))), answers[0])

    @cached_property
    def _before(self) -> tuple[int, ...]:
        """All tokens that stand before the middle."""
        opening = () if self.run.context.opening is None else (self.run.context.opening,)
        return (*chain.from_iterable(stream.ids for stream in self.run.context.streams), *opening)

    def _guess(self, beam: Beam) -> tuple[int, ...]:
        """Tokens that may follow, up to what ends the answer; none where the next one is remembered."""
        written, most = self._whole(beam), self.task.max_tokens - len(beam.candidate.ids) - 1
        if self.run.denoiser.recall(self.run.lease, written) is not None:
            return ()
        text = np.array([*self._before, *written], np.int64)
        guess = continuation(text, min(self.run.denoiser.lookahead, most))
        return tuple(takewhile(lambda token: token not in self.rules.ends and token not in self.rules.barred, guess))

    def _next(
        self,
        middles: Sequence[tuple[int, ...]],
        among: Sequence[Among] = (),
        along: Sequence[tuple[int, ...]] = (),
    ) -> list[Prediction]:
        """Predictions of the token after each middle, from memory or, for all others, from one forward. along: middles
        that are likely to be asked about next; they travel along if the forward has room."""
        denoiser, lease = self.run.denoiser, self.run.lease
        asked = [*zip_longest(middles, among)]
        said = [denoiser.recall(lease, *one) for one in asked]
        new = [one for one, known in zip(asked, said, strict=True) if known is None]
        if new:
            free = [(middle, None) for middle in along if denoiser.recall(lease, middle) is None]
            new += free[: max(0, 1 + denoiser.lookahead - len(new))]
            fresh = iter(self.run.forward(len(new), partial(denoiser.next_token, lease, *zip(*new, strict=True))))
            said = [known or next(fresh) for known in said]
        return [one for one in said if one is not None]

    def _step(self, beam: Beam) -> Step:
        """What there is after an answer, and whether a forward gave it."""
        kind, self.told = "token" if self.run.cost.forwards > self.told else "remembered", self.run.cost.forwards
        return Step(kind, self.run.elapsed(), 0, beam.candidate.ids, beam.candidate.probs)

    def _healed(self) -> Generator[Step, None, list[Beam]]:
        """The beams to start with: an empty one, or the ways to write the end of the prefix again, most of which go on
        behind it. What was typed is certain, so their probabilities are conditional on it."""
        heal = self.steering.heal
        if heal(()) is None:
            return [Beam()]
        begun, written, total, asked = [Beam()], list[Beam](), 0.0, 0
        while likely := [beam for beam in begun if math.exp(beam.score) > HEALED * total]:
            long_enough = asked >= MOST_HEALING
            if self.run.late() or (written and long_enough):
                break
            # When it takes long any way to the end will do, and the longest is the nearest to it.
            longest = max(likely, key=lambda beam: len(beam.candidate.ids))
            now = [longest] if long_enough else likely[: 1 + self.run.denoiser.lookahead]
            begun = [beam for beam in begun if beam not in now]
            said = self._next(
                [self._whole(beam) for beam in now],
                [heal(beam.candidate.ids) for beam in now],
                along=[self._whole(beam) for beam in written[: self.task.alternatives]],
            )
            asked += len(now)
            for one in chain.from_iterable(map(self._ways, now, said)):
                (written if heal(one.candidate.ids) is None else begun).append(one)
            begun, written, total = _best(begun), _best(written), sum(math.exp(one.score) for one in written)
            yield self._step(_best([*written, *begun])[0])
        return [one.given(total) for one in _best(written)]

    def _beams(self) -> Generator[Step, None, list[Candidate]]:
        """Beam search; each turn adds a token to all beams, in one forward if the model takes several middles. Kept are
        the most probable beams, and up to FAVOURED others whose probability is close to theirs once the steering's
        favour is added."""
        grown, done = (yield from self._healed()), list[Beam]()
        while True:
            saying = [beam for beam in grown if self._says(beam)]
            useful = [beam for beam in saying if self._useful(beam)]
            done = self._kept([*done, *(beam for beam in useful if self._over(beam))])
            if any(self._enough(beam) for beam in done):
                return [self.run.bounded(beam.candidate) for beam in done]
            live = self._kept([beam for beam in useful if not self._over(beam)])
            kept = self._kept([*done, *live])
            # A middle only gets less probable as it grows.
            if self.run.late() or kept == done:
                # Of what is not useful, the likeliest may begin right.
                return [self.run.bounded(beam.candidate) for beam in _best(kept or _best(saying)[:1])]
            grown = []
            for asked in self.run.by_forward(live):
                if grown and self.run.late():
                    break
                said = self._next([self._whole(beam) for beam in asked])
                grown += chain.from_iterable(map(self._ways, asked, said))
                yield self._step(_best(grown)[0])
            grown += [beam.meeting() for beam in grown if self._meets(beam)]

    def _kept(self, beams: Sequence[Beam]) -> list[Beam]:
        """The beams that stay, the most probable first, the favoured ones last."""
        width = self.task.alternatives
        ordered = _best(beams)
        others = ((beam, self.steering.favour(beam.candidate.ids)) for beam in ordered[width:])
        favoured = sorted((one for one in others if one[1]), key=lambda one: -one[0].score - one[1])
        return ordered[:width] + [beam for beam, _ in favoured[:FAVOURED]]

    def _useful(self, beam: Beam) -> bool:
        return self.steering.useful(math.exp(beam.score))

    def _enough(self, beam: Beam) -> bool:
        return beam.candidate.ended and self.steering.enough(beam.candidate.ids, math.exp(beam.score))

    def _says(self, beam: Beam) -> bool:
        return not beam.candidate.ended or self.steering.says(beam.candidate.ids)

    def _meets(self, beam: Beam) -> bool:
        return not beam.candidate.ended and self.steering.meets(beam.candidate.ids)

    def _over(self, beam: Beam) -> bool:
        return beam.candidate.ended or len(beam.candidate.ids) >= self.task.max_tokens

    def _goes_on(self, beam: Beam) -> bool:
        return self._useful(beam) and not self._over(beam)

    def _whole(self, beam: Beam) -> tuple[int, ...]:
        """The middle from its start."""
        return self.task.committed + beam.candidate.ids

    def _ways(self, beam: Beam, said: Prediction) -> list[Beam]:
        """The beam with each of the tokens that may come next."""
        return [self._grown(beam, *one) for one in ranked(said, 0, self.rules)]

    def _grown(self, beam: Beam, token: int, p: float) -> Beam:
        score, old = beam.score + math.log(max(p, 1e-9)), beam.candidate
        if token in self.vocabulary.reserved:
            return replace(beam, score=score, candidate=replace(old, ended=True, end=p))
        ids = (*old.ids, token)
        lines = int(self.vocabulary.line_breaks[list(ids)].sum())
        return Beam(score, Candidate(ids, (*old.probs, p), 0 < self.task.max_lines <= lines))


@dataclass(frozen=True, slots=True)
class Beam:
    """A middle being written left to right. score: its log-probability in nats, its end's included."""

    score: float = 0.0
    candidate: Candidate = NOTHING

    def given(self, probability: float) -> Beam:
        """The same beam, its probability conditional on one of several beams being right, which have this probability
        together."""
        score, ids = min(0.0, self.score - math.log(probability)), self.candidate.ids
        probs = (*[1.0] * (len(ids) - 1), math.exp(score))
        return replace(self, score=score, candidate=replace(self.candidate, probs=probs))

    def meeting(self) -> Beam:
        """The same, ended where what follows begins."""
        return replace(self, candidate=replace(self.candidate, ended=True, met=True))


def _best(beams: Iterable[Beam]) -> list[Beam]:
    return sorted(beams, key=lambda beam: -beam.score)
