"""What training is tried with: the embedded model's vocabulary, and a tiny model that has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.checkpoint import EMBEDDED, Checkpoint
from engine.tokenizer import Tokenizer
from tests.fakes import tiny_config, tiny_model
from training.run import write_model


@pytest.fixture(scope="session")
def tokens() -> Tokenizer:
    return Tokenizer.load(EMBEDDED / "tokenizer.json")


@pytest.fixture
def tiny_checkpoint(tokens: Tokenizer, tmp_path: Path) -> Checkpoint:
    """Random weights in a folder of their own."""
    write_model(tmp_path / "tiny", tiny_config(tokens.size), tiny_model(tokens.size), EMBEDDED / "tokenizer.json")
    return Checkpoint.open(tmp_path / "tiny")
