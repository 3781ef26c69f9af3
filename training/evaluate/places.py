"""Held-out places: cursors in files of packages that training never sees.

    python -m training.evaluate.places SHARD...   chooses the files of benchmarks/data/held-out anew

The files lie in the repository, so that everybody measures the same places; places follow from the files.
"""

from __future__ import annotations

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infill import site
from infill.document import Snapshot
from training.shards import Source, read_sources, write_shards

HELD_OUT = Path(__file__).parent.parent.parent / "benchmarks" / "data" / "held-out"
PYTHON_PLACES, OTHER_PLACES = 2000, 300
KINDS = ("other", "other", "word", "indentation", "newline")
LANGUAGES = ("python", "javascript", "typescript", "go", "rust", "c", "java")
FILES = {"python": 120}
OTHER_FILES = 24
"""Files of each language other than Python."""
SIZES = range(2_000, 12_000)
"""Characters of a file that is chosen: short ones, so that several places share an encoded context."""
OWN = 0.2
"""Share of a package's files that its language has at least."""


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a held-out file; `truth` is the rest of its line.

    kind: `newline` at a line's beginning, `indentation` before its first word, `word` inside a word, `other` elsewhere
    in its code.
    """

    source: Source
    at: int
    kind: str

    @property
    def truth(self) -> str:
        end = self.source.text.find("\n", self.at)
        return self.source.text[self.at : end if end >= 0 else len(self.source.text)]

    @property
    def prefix(self) -> str:
        return self.source.text[: self.at]

    @property
    def suffix(self) -> str:
        return self.source.text[self.at + len(self.truth) :]

    @property
    def path(self) -> str:
        return self.source.path

    @property
    def language(self) -> str:
        return self.source.language


def places(sources: Sequence[Source], python: int, other: int) -> list[Place]:
    """So many cursors of Python and of each other language, spread over files and kinds of cursor; in the order of the
    files, so that neighbours find their context encoded. They are drawn with replacement: of the card's 3,791 places 39
    are there for a second time."""
    rng = np.random.default_rng(0)
    by_language: dict[str, list[Source]] = defaultdict(list)
    for source in sources:
        by_language[source.language].append(source)
    found = []
    for language, files in sorted(by_language.items()):
        drawn = []
        for number in range(python if language == "python" else other):
            # Files in turn, so that a language's places are spread over its packages evenly, each time of another kind.
            turn, at = divmod(number, len(files))
            if (place := _place(files[at], KINDS[(turn + at) % len(KINDS)], rng)) is not None:
                drawn.append(place)
        found += sorted(drawn, key=lambda place: (place.source.package, place.path, place.at))
    return found


def _place(source: Source, kind: str, rng: np.random.Generator) -> Place | None:
    """A cursor of that kind on a random line with a rest of at most 80 characters, not within a comment."""
    starts = np.flatnonzero(np.frombuffer(source.text.encode("utf-32-le"), "<u4") == 10) + 1
    snapshot = Snapshot.open(source.path, 0, source.language, source.text)
    for _ in range(40):
        start = int(starts[int(rng.integers(len(starts)))])
        end = source.text.find("\n", start)
        line = source.text[start : end if end >= 0 else len(source.text)]
        body = line.lstrip()
        if len(body) < 4 or len(line) > 160:
            continue
        at = _cursor(line, len(line) - len(body), kind, rng)
        if at is None or not 0 < len(line) - at <= 80:
            continue
        if site.look(snapshot, start + at, invoked=True).kind not in ("comment", "docstring", "prose"):
            return Place(source, start + at, kind)
    return None


def _cursor(line: str, indent: int, kind: str, rng: np.random.Generator) -> int | None:
    if kind == "newline":
        return 0
    if kind == "indentation":
        return indent
    inside = [
        i for i in range(indent + 1, len(line)) if (line[i - 1].isalnum() and line[i].isalnum()) == (kind == "word")
    ]
    return int(rng.choice(inside)) if inside else None


# ---- the files


def held_out(paths: Sequence[Path] = ()) -> list[Source]:
    """The files of shards, of the repository's when none are named. Raises ValueError for what is no shard."""
    return list(read_sources(paths or sorted(HELD_OUT.glob("*.jsonl.xz"))))


def chosen(sources: Sequence[Source]) -> list[Source]:
    """Some files of each language, the same ones every time, taken from its packages in turn."""
    share = Counter((source.package, source.language) for source in sources)
    whole = Counter(source.package for source in sources)
    found = []
    for language in LANGUAGES:
        packages: dict[str, list[Source]] = defaultdict(list)
        for source in sorted(sources, key=_shuffled):
            # What a package holds little of is seldom its authors' own.
            own = share[source.package, language] >= OWN * whole[source.package]
            if source.language == language and own and len(source.text) in SIZES:
                packages[source.package].append(source)
        most = FILES.get(language, OTHER_FILES)
        turns = [(turn, name) for name, files in packages.items() for turn in range(len(files))]
        found += [packages[name][turn] for turn, name in sorted(turns)[:most]]
    return found


def _shuffled(source: Source) -> str:
    return hashlib.sha256(f"{source.package} {source.path}".encode()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Choose the held-out files that the evaluation reads.")
    parser.add_argument("shards", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=HELD_OUT)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = chosen(held_out(options.shards))
    for path in write_shards(options.out, "files", sources):
        print(f"{path}: {len(sources)} files, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
