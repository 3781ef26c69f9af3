"""The embedded weights behind the cache: what a long session says is what a new one says, and a keystroke is cheap."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import Canvas, ControlIds, Draft, Prediction, backends, refine
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.forward import Forward
from engine.stream_denoiser import StreamDenoiser
from engine.tokenizer import Tokenizer
from infill import prompt
from infill.complete import Completer
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import FillRequest, Limits, Snippet
from infill.local import LocalFiller
from tests.fakes import Counting

TOKENS = Tokenizer.load(EMBEDDED / "tokenizer.json")
SOURCE = (EMBEDDED.parents[1] / "indel.py").read_text()[:2400]
SNIPPET = Snippet("engine/refine.py", refine.__doc__ or "")
CANVAS = Canvas.masks(8, 3)
MARGIN = 0.1
"""Between the two best tokens' probabilities: where it is smaller, rounding of activations may choose."""


@dataclass
class Editor:
    """A file, a cursor, and what its user does."""

    text: str
    cursor: int

    def type(self, text: str) -> None:
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)

    def delete(self, count: int) -> None:
        self.text = self.text[: self.cursor - count] + self.text[self.cursor :]
        self.cursor -= count

    def prompt(self, control: ControlIds) -> prompt.Prompt:
        prefix, suffix = self.text[: self.cursor], self.text[self.cursor :]
        return prompt.build(TOKENS, control, prefix, suffix, "engine/indel.py", (SNIPPET,), heal=True)


def session() -> Iterator[tuple[str, Editor]]:
    """Typing with closed brackets, deleting, undo, jumping there and back."""
    editor = Editor(SOURCE, SOURCE.index("    canvas.ids[slot], canvas.new"))
    yield "open", editor
    for letter in " len":
        editor.type(letter)
        yield "type", editor
    editor.type("()")
    editor.cursor -= 1
    yield "close bracket", editor
    for letter in "can":
        editor.type(letter)
        yield "type", editor
    editor.cursor += 1
    yield "type over", editor
    editor.delete(2)
    yield "delete", editor
    editor.type("n)")
    yield "undo", editor
    editor.cursor = SOURCE.index("def insert")
    yield "jump", editor
    editor.cursor = SOURCE.index("def delete")
    yield "jump", editor


@pytest.fixture(scope="module")
def forward() -> Iterator[Forward]:
    made = backends.load(Checkpoint.open())
    yield made
    made.close()


def ask(denoiser: StreamDenoiser, made: prompt.Prompt, canvas: Canvas) -> tuple[list[Prediction], int]:
    """The next token and a canvas; and how much of the context was not encoded yet."""
    lease = denoiser.open(made.context)
    pending = lease.pending
    while lease.pending > 64:
        denoiser.prefill(lease, 64)
    answers = [*denoiser.next_token(lease, [()]), *denoiser.predict(lease, [Draft((), canvas)])]
    lease.close()
    return answers, pending


def margins(prediction: Prediction) -> NDArray[np.float32]:
    gaps: NDArray[np.float32] = prediction.probs[:, 0] - prediction.probs[:, 1]
    return gaps


@pytest.mark.slow
def test_a_long_session_says_what_a_new_one_says(forward: Forward) -> None:
    control = Checkpoint.open().config.control
    counting = Counting(forward)
    kept = StreamDenoiser(counting, control)
    agreed, asked, typed, jumped = 0, 0, list[int](), list[int]()
    for what, editor in session():
        made = editor.prompt(control)
        answers, pending = ask(kept, made, CANVAS)
        (typed if what.startswith("type") else jumped if what == "jump" else []).append(pending)
        if what in ("close bracket", "undo", "jump"):
            fresh, _ = ask(StreamDenoiser(forward, control), made, CANVAS)
            for one, other in zip(answers, fresh, strict=True):
                sure = margins(other) > MARGIN
                asked += int(sure.sum())
                agreed += int((one.ids[sure, 0] == other.ids[sure, 0]).sum())
                assert one.ids.max() < TOKENS.size
    assert asked >= 10
    assert agreed >= 0.99 * asked
    assert median(typed) <= 4
    suffix = prompt.BELOW_MOST + prompt.REST_MOST
    assert max(jumped) <= suffix + 8, "a jump inside an encoded region encodes only what is below it"


@pytest.mark.slow
async def test_the_window_moves_at_no_key(forward: Forward) -> None:
    """A file is typed on for two screens; between two keys there is time. What the window shows next is encoded before
    it moves, so at no key there is more to read than what was typed since."""
    text, config = SOURCE * 2, Checkpoint.open().config
    filler = LocalFiller.over(config, StreamDenoiser(forward, config.control), TOKENS)
    read = list[int]()
    for cursor in range(len(text) // 2, len(text) // 2 + 2000, 40):
        request = FillRequest(text[:cursor], "\n", "engine/indel.py", "python", limits=Limits(tokens=1), mode="causal")
        read.append((await filler.fill(request)).report.context_tokens)
        filler.warm(request)
        await asyncio.wrap_future(filler.engine._warming)
    filler.close()
    assert len(read) == 50 and read[0] > 200
    assert max(read[5:]) < 100


@pytest.mark.slow
async def test_what_follows_a_proposal_is_there_when_it_is_taken(forward: Forward) -> None:
    """The next answer needs no forward, and is the one of a model that knew nothing ahead of time."""
    config = Checkpoint.open().config
    fillers = [LocalFiller.over(config, StreamDenoiser(forward, config.control), TOKENS) for _ in range(2)]
    foresees, other = map(Completer, fillers)
    before = "def area(width, height):\n    return width * height\n\n\ndef perimeter(width, height):\n    ret"
    snapshot = Snapshot.open("file:///shapes.py", 1, "python", before + "\n\n\nprint(area(2, 3))\n")
    (shown,) = (await foresees.complete(snapshot, len(before), over_closers=True)).suggestions
    foresees.foresee(snapshot, shown)
    await asyncio.wrap_future(fillers[0].engine._warming)
    taken = snapshot.edit([Edit(shown.start, shown.end, shown.text)], 2)
    cursor = shown.start + len(shown.text)
    found, expected = [await one.complete(taken, cursor, over_closers=True) for one in (foresees, other)]
    for filler in fillers:
        filler.close()
    assert found.report.mode == "causal" and found.report.forwards == 0 < expected.report.forwards
    assert [one.text for one in found.suggestions] == [one.text for one in expected.suggestions]
