"""What keeps a file out of the corpus: its look, one like it that is there already, words of an evaluation set."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import string
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from datasketch import MinHash, MinHashLSH
from numpy.typing import NDArray

from training.packages import FORBIDDEN

VENDORED = re.compile(r"(^|/)(_?vendor(ed)?|third_?party|node_modules|extern(al)?s?|bundled|dist|build|min)/", re.I)
GENERATED = re.compile(r"@generated|do not (edit|modify)|auto-?generated|generated (by|from|using|with)|"
                       r"machine generated", re.I)  # fmt: skip
GENERATED_NAME = re.compile(
    r"(_pb2(_grpc)?\.pyi?|\.pb\.(go|h|cc)|\.min\.[cm]?js|\.bundle\.[cm]?js|[._]generated\.\w+)$"
)
LETTERS, DIGITS = string.ascii_letters.encode(), string.digits.encode()

Hashes = NDArray[np.uint64]


def refused(path: str, text: str) -> str:
    """Why a file is left out, or an empty string."""
    lines = text.split("\n")
    if len(text) < 200 or len(lines) < 8:
        return "small"
    if len(text) > 200_000:
        return "large"
    if VENDORED.search(path):
        return "vendored"
    if GENERATED_NAME.search(path) or GENERATED.search(text[:1500]):
        return "generated"
    if FORBIDDEN.search(text[:1500]):
        return "licence"
    if max(map(len, lines)) > 1000 or len(text) / len(lines) > 90:
        return "minified"
    ascii_only = text.encode("ascii", "ignore")
    foreign = len(text) - len(ascii_only)
    letters = len(ascii_only) - len(ascii_only.translate(None, LETTERS)) + foreign
    digits = len(ascii_only) - len(ascii_only.translate(None, DIGITS))
    if letters < 0.35 * len(text) or digits > 0.25 * letters:
        return "data"
    return "foreign" if foreign > 0.05 * len(text) else ""


# ---- words


def words(text: str) -> Hashes:
    """A number for each word of a text, whatever its case."""
    return np.fromiter(map(_number, re.findall(r"\w+", text.lower())), np.uint64)


@lru_cache(1 << 18)
def _number(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def runs(of: Hashes, length: int) -> Hashes:
    """A number for each run of so many words: a polynomial in the words' numbers, modulo 2^64."""
    total = np.zeros(max(0, len(of) - length + 1), np.uint64)
    for offset in range(length if len(total) else 0):
        total = total * np.uint64(0x9E3779B97F4A7C15) + of[offset : offset + len(total)]
    return total


RUN = 10
"""Words in a row that no file may share with an evaluation set."""


class Contamination:
    """Knows the runs of ten words that evaluation sets hold."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = [runs(words(text), RUN) for text in texts]
        self._runs = np.unique(np.concatenate([np.zeros(0, np.uint64), *known]))

    def touches(self, of: Hashes) -> bool:
        """Whether a text of these words shares one."""
        mine = runs(of, RUN)
        places = np.searchsorted(self._runs, mine)
        return bool(len(self._runs) and (self._runs.take(places, mode="clip") == mine).any())


def evaluation_texts(folder: Path) -> Iterator[str]:
    """Every string of every task of the evaluation sets below a folder (JSON lines, packed or not), each task's parts
    also joined as they stand in a file, and every source file there. Shards (`.jsonl.xz`) are none: they hold whole
    held-out files, whose licence headers alone are everywhere; the split and `Duplicates` keep those out."""
    for path in sorted([*folder.rglob("*.jsonl"), *folder.rglob("*.jsonl.gz")]):
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for line in lines:
                task = json.loads(line)
                yield from _strings(task)
                yield "".join(str(task.get(part, "")) for part in ("prompt", "canonical_solution", "suffix"))
    yield from (path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


# ---- duplicates

PERMUTATIONS = 64
SCHEME = "affine32"
SHINGLE = 5
"""Words of a shingle."""
NEAR = 0.75
"""Jaccard similarity of two texts' shingles above which one is nearly the other."""


def sketch(of: Hashes) -> NDArray[np.uint32]:
    """MinHash values of the set of runs of five words (Broder 1997)."""
    shingles = runs(of, min(SHINGLE, len(of))) >> np.uint64(32)
    made = MinHash(num_perm=PERMUTATIONS, hashfunc=int, scheme=SCHEME)
    made.update_batch(shingles.tolist())
    values: NDArray[np.uint32] = made.hashvalues
    return values


class Duplicates:
    """Finds exact and near duplicates of earlier files: the same words, or shingles more alike than NEAR."""

    def __init__(self) -> None:
        self._index = MinHashLSH(threshold=NEAR, num_perm=PERMUTATIONS)
        self._seen = set[bytes]()

    def known(self, digest: bytes, values: NDArray[np.uint32]) -> str:
        """`exact` or `near` for a text like one before, else an empty string, and the text counts from now on.

        digest: of its words (`fingerprint`). values: its sketch.
        """
        if digest in self._seen:
            return "exact"
        self._seen.add(digest)
        made = MinHash(hashvalues=values, scheme=SCHEME)
        if self._index.query(made):
            return "near"
        self._index.insert(digest, made, check_duplication=False)
        return ""


def fingerprint(of: Hashes) -> bytes:
    """Equal for texts of the same words."""
    return hashlib.blake2b(of.tobytes(), digest_size=16).digest()
