"""Shards: source files as JSON lines under xz, small enough to be moved one by one.

Text is a third of the size of tokens, and a hole may begin anywhere in it, so tokens are made where training runs. A
shard is a row of xz streams, each of some packages, so that several processes can make one.

    python -m training.shards SHARD... --out FOLDER --of 9 --take 1 2 3

writes every ninth file from number 1, 2 and 3 on, counted from 0: a cross-section of all packages for a machine that
only so much can be sent to.
"""

from __future__ import annotations

import argparse
import json
import lzma
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infill.filler import Snippet
from training.bugs import Bug
from training.samples import Document

SHARD_BYTES = 14_000_000
"""The most of a shard."""
STREAM_CHARS = 3_000_000
"""Text that is compressed together, about."""
PRESET = 1
"""Of xz: a quarter more bytes than 6 in a seventh of the time."""
SIBLINGS = 6
"""Files of a package that each of its documents may show as snippets."""


@dataclass(frozen=True, slots=True)
class Source:
    """One kept file. edits: what stood in the release before at [start, end) of the text (`training.changes`)."""

    package: str
    path: str
    language: str
    text: str
    edits: tuple[tuple[int, int, str], ...] = ()


def grouped(sources: Iterable[Source], chars: int = STREAM_CHARS) -> list[list[Source]]:
    """Sources in their order, cut into groups of about so many characters. A small package is never cut."""
    groups: list[list[Source]] = []
    size, package = chars, ""
    for source in sources:
        if size >= chars and (source.package != package or size >= 2 * chars):
            groups.append([])
            size = 0
        groups[-1].append(source)
        size, package = size + len(source.text), source.package
    return groups


def compressed(sources: Sequence[Source]) -> bytes:
    """One xz stream."""
    lines = []
    for source in sources:
        fields = asdict(source)
        if not source.edits:
            del fields["edits"]
        lines.append(json.dumps(fields, ensure_ascii=False) + "\n")
    return lzma.compress("".join(lines).encode(), preset=PRESET)


def write_shards(
    folder: Path,
    split: str,
    sources: Iterable[Source],
    size: int = SHARD_BYTES,
    chars: int = STREAM_CHARS,
    each: Callable[[Callable[[Sequence[Source]], bytes], list[list[Source]]], Iterable[bytes]] = map,
) -> list[Path]:
    """`SPLIT-000.jsonl.xz` and so on, none above `size` bytes as long as no stream is.

    chars: of text in a stream. each: `map`, or the like of it in several processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    held = size
    for stream in each(compressed, grouped(sources, chars)):
        if held + len(stream) > size:
            paths.append(folder / f"{split}-{len(paths):03}.jsonl.xz")
            paths[-1].write_bytes(b"")
            held = 0
        with paths[-1].open("ab") as shard:
            shard.write(stream)
        held += len(stream)
    return paths


def read_sources(paths: Iterable[Path]) -> Iterator[Source]:
    """The files of shards. Raises ValueError for what is no shard."""
    for path in paths:
        try:
            with lzma.open(path, "rt", encoding="utf-8") as lines:
                yield from (_source(json.loads(line)) for line in lines)
        except (OSError, EOFError, lzma.LZMAError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no corpus shard ({error}); make shards with training.corpus.") from None


def _source(fields: dict[str, Any]) -> Source:
    return Source(**fields | {"edits": tuple((start, end, old) for start, end, old in fields.get("edits", ()))})


def read_shards(paths: Iterable[Path]) -> list[Document]:
    """Documents of shards; each knows some files of its package as siblings."""
    by_package: dict[str, list[Source]] = {}
    for source in read_sources(paths):
        by_package.setdefault(source.package, []).append(source)
    documents = []
    for sources in by_package.values():
        pieces = [Snippet(source.path, source.text) for source in sources]
        for i, source in enumerate(sources):
            near = [pieces[j % len(pieces)] for j in range(i + 1, i + 1 + min(SIBLINGS, len(pieces) - 1))]
            edits = tuple(Bug("released change", *edit) for edit in source.edits)
            documents.append(Document(source.path, source.language, source.text, tuple(near), edits))
    return documents


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="folder for train-000.jsonl.xz and so on")
    parser.add_argument("--of", type=int, default=9, help="shares that the files are dealt to, in turns (default: 9)")
    parser.add_argument("--take", type=int, nargs="+", required=True, help="the shares to write, from 0 on")
    options = parser.parse_args()
    if not set(options.take) <= set(range(options.of)):
        parser.error(f"--take names shares from 0 to {options.of - 1}")
    taken = (one for i, one in enumerate(read_sources(options.shards)) if i % options.of in options.take)
    for path in write_shards(options.out, "train", taken):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        raise SystemExit(str(error)) from None
