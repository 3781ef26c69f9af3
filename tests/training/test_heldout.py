"""What weights make of held-out files, told apart by what is served of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torch.nn import functional

from engine.checkpoint import Checkpoint
from engine.tokenizer import Tokenizer
from tests.fakes import CONTROL
from tests.training.test_samples import documents
from training.batches import Term
from training.feed import Documents, Feed
from training.forward import Forward, load_model
from training.gate import functions
from training.heldout import losses, main, parts
from training.recipe import MIDDLES
from training.shards import Source, write_shards


def test_the_prefix_and_what_stands_beside_it_are_told_apart(tokens: Tokenizer, tiny_checkpoint: Checkpoint) -> None:
    recipe = replace(MIDDLES, rows=1800, groups=64, micro=1, sequences=1)
    feed = Feed(Documents(documents()), tokens, CONTROL, recipe)
    laid = [feed.sequence(number, recipe.stages[0]) for number in range(2)]
    found = losses(tiny_checkpoint, recipe, laid)

    forward = Forward(load_model(tiny_checkpoint, "cpu"), recipe, "cpu")
    prefix, clean, nats = 0, 0, 0.0
    for one in laid:
        rows = parts(one)["prefix"]
        first = (one.arrays["order"] == 0) & (one.arrays["positions"] == 768)
        trunks = set(one.arrays["group"][first].tolist())
        assert set(one.arrays["group"][rows].tolist()) <= trunks
        batch = forward.batch([one])
        logits = forward.model.logits(forward(batch)[0, rows]).detach()
        nats += float(functional.cross_entropy(logits, batch["labels"][0, rows], reduction="sum"))
        prefix += len(rows)
        clean += int(((one.arrays["weights"] > 0) & (one.arrays["terms"] == Term.CLEAN)).sum())
    assert set(found) == {"prefix", "beside", "middle"}
    assert (found["prefix"]["rows"], found["beside"]["rows"]) == (prefix, clean - prefix)
    assert prefix and clean > prefix
    assert found["prefix"]["nats"] == pytest.approx(nats / prefix, abs=1e-3)
    assert np.isfinite(found["beside"]["nats"])


def test_each_folder_has_a_line_of_json(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (shard,) = write_shards(tmp_path, "heldout", [Source("lib", path, "python", code) for path, code in functions()])
    folder = str(tiny_checkpoint.folder)
    monkeypatch.setattr("sys.argv", ["", folder, folder, "--data", str(shard), "--sequences", "1", "--rows", "600"])
    main()
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == second and first["weights"] == folder
    assert first["middle"]["rows"] and first["middle"]["nats"] > 0
