"""Samples are cut from real text, and what training sees of them is what serving would send."""

from __future__ import annotations

import argparse
import inspect
import json.decoder

import numpy as np
import pytest

from engine.tokenizer import Tokenizer
from infill import context, prompt
from infill.document import Snapshot
from infill.filler import Snippet
from tests.fakes import CONTROL
from training.samples import CHUNK_TOKENS, LONGEST, Chunk, Document, Hole, Sampler, Sampling

SOURCES = {
    "lib/decoder.py": inspect.getsource(json.decoder),
    "lib/argparse.py": inspect.getsource(argparse),
}
GO = 'package main\n\nimport "fmt"\n\nfunc main() {\n\tfor i := 0; i < 10; i++ {\n\t\tfmt.Println(i, "é")\n\t}\n}\n' * 8


def documents() -> list[Document]:
    """Beside each in Python a file that has something to say, being its copy, and one that has nothing."""
    other = Snippet("lib/inspect.py", inspect.getsource(inspect))
    found = [Document(path, "python", text, (other, Snippet(f"old/{path}", text))) for path, text in SOURCES.items()]
    return [*found, Document("cmd/main.go", "go", GO)]


def draw(tokens: Tokenizer, count: int = 12, **shares: float) -> list[Chunk]:
    sampler, rng = Sampler(tokens, CONTROL, Sampling(**shares)), np.random.default_rng(3)  # type: ignore[arg-type]
    return [sampler.chunk(document, rng) for _ in range(count // 3) for document in documents()]


def holes(chunks: list[Chunk]) -> list[Hole]:
    return [hole for chunk in chunks for hole in chunk.holes]


def test_the_sides_are_what_the_prompt_makes_of_the_text(tokens: Tokenizer) -> None:
    for document in documents():
        rng = np.random.default_rng(5)
        chunk = Sampler(tokens, CONTROL, Sampling(snippets=0)).chunk(document, rng)
        for hole in chunk.holes:
            assert hole.context == prompt.build(tokens, CONTROL, hole.prefix, hole.suffix, document.path).context


def test_prefix_middle_and_suffix_join_to_the_document(tokens: Tokenizer) -> None:
    texts = [document.text for document in documents()]
    for hole in holes(draw(tokens, unconnected=0, unended=0)):
        assert any((hole.prefix + hole.text + hole.suffix) in text for text in texts)
        assert tokens.decode(hole.middle) == hole.text


def test_one_trunk_serves_every_cursor(tokens: Tokenizer) -> None:
    """Every hole's prefix is a slice of the trunk and a tail of few tokens."""
    for chunk in draw(tokens):
        assert len(chunk.trunk.ids) <= CHUNK_TOKENS + 70
        for hole in chunk.holes:
            ids = hole.context.streams[-1].ids
            same = sum(np.cumprod([a == b for a, b in zip(ids, chunk.trunk.ids, strict=False)]))
            assert len(ids) - same <= 8


def test_lengths_follow_the_wanted_distribution(tokens: Tokenizer) -> None:
    lengths = np.array([len(hole.middle) for hole in holes(draw(tokens, 60))])
    assert lengths.max() <= LONGEST
    assert 0.005 <= (lengths == 0).mean() <= 0.08
    assert 0.1 <= (lengths > 32).mean() <= 0.3


def test_a_middle_without_a_connecting_suffix_ends_its_line(tokens: Tokenizer) -> None:
    texts = [document.text for document in documents()]
    unconnected = holes(draw(tokens, unconnected=1, unended=0))
    assert sum(not any((h.prefix + h.text + h.suffix) in text for text in texts) for h in unconnected) > 20
    assert all(h.suffix.startswith("\n") for h in unconnected)
    unended = holes(draw(tokens, unconnected=0, unended=1))
    assert all(h.suffix == "" and len(h.context.streams) <= 3 for h in unended)
    for h in unended:
        assert any((h.prefix + h.text + "\n") in text for text in texts)


def test_sites_without_a_suffix_are_as_many_as_was_said_among_lines_too(tokens: Tokenizer) -> None:
    sites = [chunk.holes for chunk in draw(tokens, 600, sites=1, cuts=1, lines=0.9, unended=0.3, snippets=0)]
    ended = [holes[0].suffix != "" for holes in sites if holes]
    assert len(ended) > 400 and 0.6 < np.mean(ended) < 0.8


def test_holes_of_lines_are_lines_of_code_or_their_rest(tokens: Tokenizer) -> None:
    sampler, rng = Sampler(tokens, CONTROL, Sampling(lines=1, unconnected=0, unended=0)), np.random.default_rng(3)
    found = holes([sampler.chunk(document, rng) for document in documents()[::2] for _ in range(12)])
    whole = [hole for hole in found if hole.prefix.endswith("\n")]
    assert len(found) / 5 < len(whole) < len(found) / 2
    for hole in found:
        line = hole.prefix.rpartition("\n")[2] + hole.text
        assert hole.text.strip() and "\n" not in hole.text and hole.suffix[:1] in ("\n", "")
        assert not line.lstrip().startswith(("#", "//", '"""'))


def test_a_healed_middle_is_what_serving_asks_untrained_weights_for(tokens: Tokenizer) -> None:
    texts = {document.path: document for document in documents()}
    for path, document in texts.items():
        rng = np.random.default_rng(6)
        sampler = Sampler(tokens, CONTROL, Sampling(lines=0.7, heals=True, chunk=900, below=(200, 200), snippets=0))
        for hole in sampler.chunk(document, rng).holes:
            served = prompt.build(tokens, CONTROL, hole.prefix, hole.suffix, path, heal=True)
            assert hole.context == served.context and hole.context.opening is not None
            assert tokens.decode(hole.middle) == served.healed + hole.text
            assert len(hole.suffix) <= 200 and len(hole.prefix + hole.text) <= 900


def test_snippets_become_streams_of_their_own(tokens: Tokenizer) -> None:
    chunks = draw(tokens, 6, snippets=1)
    assert any(h.context.streams[0].name == "snippet" for h in holes(chunks))


@pytest.mark.parametrize("kind", [{}, {"lines": 1.0}, {"buggy": 1.0}], ids=["any", "lines", "repairs"])
def test_snippets_are_what_serving_shows_of_the_files_beside(tokens: Tokenizer, kind: dict[str, float]) -> None:
    """Only what is named or much alike is read; nothing of files that have neither."""
    seen = 0
    for document in documents():
        others = [Snapshot.open(one.path, 0, "python", one.text) for one in document.siblings]
        sampler = Sampler(tokens, CONTROL, Sampling(sites=8, cuts=1, unended=0, snippets=1, **kind))  # type: ignore[arg-type]
        for hole in sampler.chunk(document, np.random.default_rng(8)).holes:
            above = document.text[: document.text.index(hole.prefix)] + hole.prefix
            around = Snapshot.open(document.path, 0, document.language, above + hole.suffix)
            shown = context.gather(around, (len(above), len(above)), others)
            streams = [stream for stream in hole.context.streams if stream.name == "snippet"]
            assert streams == prompt.snippet_streams(tokens, CONTROL, shown)
            seen += len(streams)
    assert seen


def test_a_repair_holds_the_wrong_line_and_knows_the_right_one(tokens: Tokenizer) -> None:
    found = holes(draw(tokens, 60, buggy=1))
    assert len(found) > 40 and len({hole.kind for hole in found}) > 5
    for hole in found:
        assert hole.draft is not None and hole.suspects
        wrong = tokens.decode(hole.draft)
        assert wrong != hole.text
        assert "\n" not in hole.text
        assert max(hole.suspects) < len(hole.draft)
    whole_lines = [h for h in found if h.prefix.endswith("\n") and h.suffix.startswith("\n")]
    assert len(whole_lines) > len(found) / 2


def test_a_sample_is_a_function_of_its_seed(tokens: Tokenizer) -> None:
    assert draw(tokens, 6) == draw(tokens, 6)


def test_an_empty_document_has_no_hole(tokens: Tokenizer) -> None:
    chunk = Sampler(tokens, CONTROL, Sampling()).chunk(Document("a.py", "python", ""), np.random.default_rng(0))
    assert chunk.holes == ()
