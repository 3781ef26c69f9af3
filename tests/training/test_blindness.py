"""The measured loss is the one that serving computes, and letting streams see each other changes it."""

from __future__ import annotations

import numpy as np
import pytest

from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import Tokenizer
from tests.fakes import CONTROL, scored, tiny_forward
from tests.training.test_samples import documents
from training.blindness import alone, blind, loss, seen
from training.samples import Sampler, Sampling


def test_blind_streams_are_measured_as_serving_reads_them(tokens: Tokenizer) -> None:
    forward = tiny_forward(tokens.size)
    sampling = Sampling(sites=2, cuts=1, lines=1, unconnected=0, heals=True, chunk=600)
    chunk = Sampler(tokens, CONTROL, sampling).chunk(documents()[0], np.random.default_rng(1))
    denoiser = StreamDenoiser(forward, CONTROL)
    for hole in chunk.holes:
        assert len(hole.context.streams) > 1
        lease = denoiser.open(hole.context)
        (served,) = scored(denoiser, lease, [hole.middle])
        lease.close()
        measured = loss(forward, hole, blind(hole.context))
        assert measured == pytest.approx(-float(served.sum()), rel=1e-4)
        for other in (seen, alone):
            assert abs(loss(forward, hole, other(hole.context)) - measured) > 1e-3
