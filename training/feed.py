"""Documents -> training sequences, in as many processes as there are cores.

Sequence number i of a run is a function of (documents, recipe and its seed, stage, i), and they come in their order
however many workers there are: a resumed run goes on where it stopped. Workers make `AHEAD` batches each before they
are wanted, so with them a stage may begin so many batches late.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset

from engine import ControlIds
from engine.tokenizer import Tokenizer
from training.batches import Laid, Layout, plans
from training.recipe import Recipe, Stage
from training.samples import Document, Sampler

AHEAD = 4
"""Batches that each worker has ready."""
TRIES = 12
"""Chunks drawn to fill up one sequence."""
LONG = 60_000
"""Characters up to which a longer document is drawn more often."""


class Documents:
    """Draws documents in proportion to their length, long ones counted up to LONG characters."""

    def __init__(self, documents: Sequence[Document]) -> None:
        if not documents:
            raise ValueError("There are no documents to train on; name at least one corpus shard that holds some.")
        self._documents = documents
        self._until = np.cumsum([min(len(document.text), LONG) for document in documents])

    def draw(self, rng: np.random.Generator) -> Document:
        return self._documents[int(np.searchsorted(self._until, rng.integers(self._until[-1]), side="right"))]


class Feed(IterableDataset):
    """Endless sequences from number `first` on; worker w of n makes every n-th batch of them (`Recipe.micro`).

    progress: shared with the workers, the share of the run that is over: it says which stage they draw for.
    """

    def __init__(
        self, documents: Documents, tokenizer: Tokenizer, control: ControlIds, recipe: Recipe, first: int = 0
    ) -> None:
        self._documents, self._tokenizer, self._control = documents, tokenizer, control
        self._recipe, self._first = recipe, first
        self.progress = torch.zeros(1).share_memory_()

    def __iter__(self) -> Iterator[Laid]:
        info = torch.utils.data.get_worker_info()
        worker, workers = (info.id, info.num_workers) if info is not None else (0, 1)
        for batch in itertools.count(worker, workers):
            for place in range(self._recipe.micro):
                number = self._first + batch * self._recipe.micro + place
                yield self.sequence(number, self._recipe.stage(float(self.progress)))

    def sequence(self, number: int, stage: Stage) -> Laid:
        """Sequence `number` as that stage wants it."""
        rng = np.random.default_rng([self._recipe.seed, number])
        sampler = Sampler(self._tokenizer, self._control, stage.sampling)
        layout = Layout(self._recipe.rows, self._recipe.groups, self._control, stage.mix.sides)
        for _ in range(TRIES):
            chunk = sampler.chunk(self._documents.draw(rng), rng)
            planned = [plans(hole, stage.mix, self._control, self._tokenizer.size, rng) for hole in chunk.holes]
            used = layout.add_chunk(chunk, planned) if chunk.holes else 0
            if len(layout.ids) > 0.9 * layout.size or (layout.ids and chunk.holes and not used):
                break
        # A run with frozen layers is one on a processor, where shapes may differ and padding costs.
        return layout.finish(padded=not (self._recipe.frozen and self._recipe.micro == 1))

    def loader(self, workers: int) -> Iterator[list[Laid]]:
        """Batches, in their order."""
        loader: DataLoader[Any] = DataLoader(
            self,
            batch_size=self._recipe.micro,
            num_workers=workers,
            collate_fn=list,
            prefetch_factor=AHEAD if workers else None,
            persistent_workers=bool(workers),
        )
        return iter(loader)
