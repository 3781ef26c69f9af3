"""The corpus: permissively licensed source from named packages, filtered, deduplicated, split by package, in shards.

    python -m training.corpus --manifest training/manifest.json --out FOLDER [--downloads FOLDER] [--installed FOLDER]

`manifest.json` names the packages that are wanted by language; what came of it (version, licence, hash of the licence
text, bytes kept, why files were left out) is written beside the shards as `corpus.json`. Packages that are installed
where training runs count too, by the same filters. A shard is JSON lines under xz: text is a third of the size of
tokens, and a hole may begin anywhere in it, so tokens are made where training runs.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import lzma
import platform
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import Any

from datasketch import MinHash, MinHashLSH
from tqdm import tqdm

from infill.filler import Snippet
from infill.languages import language_of_path
from training.samples import Document

SHARD_BYTES = 14 << 20
"""Compressed bytes of a shard, about: small enough to be moved in parts."""
HELD_OUT = 0.04
"""Share of packages that training never sees."""
SIBLINGS = 6
"""Files of a package that each of its documents may show as snippets."""
NEVER = re.compile(r"human.?eval|mbpp|quixbugs|evalplus|bigcode|code.?eval|safim|apps.?benchmark", re.I)
"""Packages that may carry evaluation tasks."""

LICENCES = {
    "MIT": "permission is hereby granted, free of charge",
    "BSD": "redistributions of source code must retain",
    "Apache-2.0": "apache license version 2.0",
    "PSF-2.0": "python software foundation license",
    "ISC": "permission to use, copy, modify, and/or distribute this software",
}
"""Licences that are taken, and a sentence of each one's text."""
FORBIDDEN = re.compile(r"gnu (lesser |affero )?general public|mozilla public|creative commons|all rights reserved\.?$|"
                       r"\b(a|l)?gpl\b|\bmpl\b|\bcddl\b|\beupl\b|non-?commercial", re.I)  # fmt: skip
LICENCE_FILE = re.compile(r"(^|/)(licen[cs]es?/[^/]+|(licen[cs]e|copying)[^/]*)$", re.I)


@dataclass(frozen=True, slots=True)
class Package:
    """A package's source. declared: what its metadata say about the licence. licences: the licence files' texts."""

    name: str
    version: str
    declared: str
    licences: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One kept file."""

    package: str
    path: str
    language: str
    text: str


@dataclass(slots=True)
class Entry:
    """What the corpus says about a package: `kept` bytes by language, `left` files by reason."""

    name: str
    version: str
    licence: str
    licence_sha256: str
    split: str
    kept: dict[str, int] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


# ---- packages


def installed(folder: Path, only: Sequence[str] = ()) -> Iterator[Package]:
    """Packages of a site-packages folder; `only` those when any are named."""
    for found in metadata.distributions(path=[str(folder)]):
        name = found.metadata["Name"]
        if not name or (only and name not in only):
            continue
        paths = [path for path in found.files or () if _wanted(str(path)) or LICENCE_FILE.search(str(path))]
        texts = {str(path): _decoded(_bytes(Path(str(found.locate_file(path))))) for path in paths}
        yield _package(name, found.version, _declared(found.metadata), texts)


def standard_library(folder: Path, version: str) -> Package:
    """The interpreter's own library (PSF licence), without what it carries for others and without its tests."""
    texts = {
        f"lib/{path.relative_to(folder)}": _decoded(_bytes(path))
        for path in sorted(folder.rglob("*.py"))
        if not {"site-packages", "test", "tests", "idlelib", "ensurepip"} & set(path.relative_to(folder).parts)
    }
    licence = "Python Software Foundation License Version 2"
    return Package("python", version, licence, (licence,), tuple((p, t) for p, t in texts.items() if t))


def archive(path: Path) -> Package:
    """A downloaded wheel, zip or tarball (any language: crates, Go modules and npm packages are such, too)."""
    texts = {name: _decoded(data) for name, data in _members(path) if _wanted(name) or LICENCE_FILE.search(name)}
    about = {
        name: _decoded(data) for name, data in _members(path) if re.search(r"(METADATA|PKG-INFO|package\.json)$", name)
    }
    name, version, declared = _described(path, about)
    return _package(name, version, declared, texts)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as wheel:
            yield from ((item.filename, wheel.read(item)) for item in wheel.infolist() if item.file_size < 1_000_000)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() and member.size < 1_000_000 else None
            if file is not None:
                yield member.name, file.read()


def _described(path: Path, about: Mapping[str, str]) -> tuple[str, str, str]:
    """Name, version and declared licence from the shallowest description in an archive, or from its file name."""
    for name in sorted(about, key=lambda name: (name.count("/"), name)):
        if name.endswith("package.json"):
            raw = json.loads(about[name] or "{}")
            return str(raw.get("name", path.stem)), str(raw.get("version", "")), str(raw.get("license", ""))
        headers = HeaderParser().parsestr(about[name])
        return str(headers["Name"]), str(headers["Version"]), _declared(headers)
    stem = re.sub(r"\.(tar\.gz|tgz|zip|crate)$", "", path.name)
    name, _, version = stem.rpartition("-")
    return name or stem, version, ""


def _declared(headers: Any) -> str:
    """The licence as metadata state it: expression, classifiers, then the free field's first line."""
    found = [headers.get("License-Expression") or ""]
    classifiers = headers.get_all("Classifier") or ()
    found += [line.rsplit("::", 1)[-1].strip() for line in classifiers if line.startswith("License")]
    found += (headers.get("License") or "").splitlines()[:1]
    return "; ".join(part for part in found if part)


def _package(name: str, version: str, declared: str, texts: Mapping[str, str]) -> Package:
    licences = tuple(text for path, text in texts.items() if LICENCE_FILE.search(path) and text)
    files = tuple((path, text) for path, text in texts.items() if text and _wanted(path))
    return Package(name, version, declared, licences, files)


def _wanted(path: str) -> bool:
    return language_of_path(path) != "plaintext"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size < 1_000_000 else b""
    except OSError:
        return b""


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return ""


def licence_of(package: Package) -> tuple[str, str]:
    """(licence, sha256 of its text) of a permissively licensed package, ("", "") for every other one.

    A licence text must be there and be one of LICENCES; nothing in texts or metadata may speak of another kind.
    """
    texts = [" ".join(text.lower().split()) for text in package.licences]
    if FORBIDDEN.search(package.declared) or any(FORBIDDEN.search(text[:2000]) for text in texts):
        return "", ""
    for original, text in zip(package.licences, texts, strict=True):
        for name, sentence in LICENCES.items():
            if sentence in text.replace("apache license, version", "apache license version"):
                return name, hashlib.sha256(original.encode()).hexdigest()
    return "", ""


# ---- files


VENDORED = re.compile(r"(^|/)(_?vendor(ed)?|third_?party|node_modules|extern(al)?s?|bundled|dist|build|min)/", re.I)
GENERATED = re.compile(r"@generated|do not edit|auto-?generated|generated by|automatically generated", re.I)


def refused(path: str, text: str) -> str:
    """Why a file is left out, or an empty string: small, large, vendored, generated, minified, data, foreign."""
    lines = text.split("\n")
    if len(text) < 200 or len(lines) < 8:
        return "small"
    if len(text) > 200_000:
        return "large"
    if VENDORED.search(path):
        return "vendored"
    if re.search(r"(_pb2(_grpc)?\.pyi?|\.min\.js|\.bundle\.js|_generated\.\w+)$", path) or GENERATED.search(
        text[:1500]
    ):
        return "generated"
    if max(map(len, lines)) > 1000 or len(text) / len(lines) > 90:
        return "minified"
    letters, digits = sum(map(str.isalpha, text)), sum(map(str.isdigit, text))
    if letters < 0.35 * len(text) or digits > 0.25 * letters:
        return "data"
    return "foreign" if sum(not c.isascii() for c in text) > 0.05 * len(text) else ""


class Duplicates:
    """Exact and near duplicates (MinHash over shingles of five words, Jaccard above `threshold`)."""

    def __init__(self, threshold: float = 0.75, permutations: int = 64) -> None:
        self._index = MinHashLSH(threshold=threshold, num_perm=permutations)
        self._permutations, self._seen = permutations, set[bytes]()

    def known(self, text: str) -> str:
        """`exact` or `near` for a text like one before, else an empty string, and the text counts from now on."""
        words = re.findall(r"\w+", text)
        exact = hashlib.sha1(" ".join(words).encode()).digest()
        if exact in self._seen:
            return "exact"
        self._seen.add(exact)
        sketch = MinHash(num_perm=self._permutations)
        sketch.update_batch([" ".join(words[i : i + 5]).encode() for i in range(max(1, len(words) - 4))])
        if self._index.query(sketch):
            return "near"
        self._index.insert(exact.hex(), sketch)
        return ""


class Contamination:
    """Ten words in a row that an evaluation set holds too."""

    def __init__(self, texts: Iterable[str], words: int = 10) -> None:
        self._words = words
        self._grams = {gram for text in texts for gram in self._split(text)}

    def _split(self, text: str) -> Iterator[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return (tuple(words[i : i + self._words]) for i in range(len(words) - self._words + 1))

    def touches(self, text: str) -> bool:
        return bool(self._grams) and any(gram in self._grams for gram in self._split(text))


def evaluation_texts(folder: Path) -> Iterator[str]:
    """Every string of every task of the evaluation sets in a folder (JSON lines under gzip)."""
    for path in sorted(folder.rglob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                task = json.loads(line)
                yield task["prompt"] + task["canonical_solution"] + task["suffix"]
                yield task["test"]


def split_of(name: str) -> str:
    """`held-out` for a fixed few packages of a hundred, by name alone; else `train`."""
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    return "held-out" if int(hashlib.sha256(canonical.encode()).hexdigest()[:8], 16) / 2**32 < HELD_OUT else "train"


# ---- the whole


@dataclass
class Corpus:
    """Sources by split, and what the corpus says about each package."""

    duplicates: Duplicates
    contamination: Contamination
    entries: list[Entry] = field(default_factory=list)
    sources: dict[str, list[Source]] = field(default_factory=lambda: {"train": [], "held-out": []})

    def add(self, package: Package) -> Entry | None:
        """Take what may be taken of a package. None for one that is known, unlicensed or full of evaluation tasks."""
        licence, digest = licence_of(package)
        known = any(entry.name.lower() == package.name.lower() for entry in self.entries)
        if not licence or known or NEVER.search(package.name):
            return None
        entry = Entry(package.name, package.version, licence, digest, split_of(package.name))
        kept, left = Counter[str](), Counter[str]()
        for path, text in package.files:
            reason = refused(path, text) or ("evaluation" if self.contamination.touches(text) else "")
            reason = reason or self.duplicates.known(text)
            if reason:
                left[reason] += 1
                continue
            language = language_of_path(path)
            kept[language] += len(text.encode())
            self.sources[entry.split].append(Source(package.name, path, language, text))
        entry.kept, entry.left = dict(kept), dict(left)
        self.entries.append(entry)
        return entry

    def write(self, folder: Path) -> list[Path]:
        """Shards of each split and `corpus.json`; returns the shards."""
        folder.mkdir(parents=True, exist_ok=True)
        shards = [path for split, sources in self.sources.items() for path in write_shards(folder, split, sources)]
        about = [asdict(entry) for entry in self.entries]
        (folder / "corpus.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        return shards


def write_shards(folder: Path, split: str, sources: Sequence[Source], size: int = SHARD_BYTES) -> list[Path]:
    """JSON lines under xz, a new file where one has grown to about `size` bytes. A package's files stay together."""
    paths: list[Path] = []
    buffer, pending = io.BytesIO(), None

    def start() -> lzma.LZMAFile:
        paths.append(folder / f"{split}-{len(paths):03}.jsonl.xz")
        return lzma.open(buffer, "wb", preset=6)

    for source in sorted(sources, key=lambda s: (s.package, s.path)):
        if pending is not None and buffer.tell() > size:
            pending.close()
            paths[-1].write_bytes(buffer.getvalue())
            buffer, pending = io.BytesIO(), None
        pending = pending or start()
        pending.write((json.dumps(asdict(source), ensure_ascii=False) + "\n").encode())
    if pending is not None:
        pending.close()
        paths[-1].write_bytes(buffer.getvalue())
    return paths


def read_sources(paths: Iterable[Path]) -> Iterator[Source]:
    """The files of shards. Raises ValueError for what is no shard."""
    for path in paths:
        try:
            with lzma.open(path, "rt", encoding="utf-8") as lines:
                yield from (Source(**json.loads(line)) for line in lines)
        except (OSError, EOFError, lzma.LZMAError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is no corpus shard ({error}); make shards with training.corpus.") from None


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
            documents.append(Document(source.path, source.language, source.text, tuple(near)))
    return documents


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the corpus.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--downloads", type=Path, help="folder of wheels, tarballs, crates")
    parser.add_argument("--installed", type=Path, action="append", default=[], help="a site-packages folder")
    parser.add_argument("--library", type=Path, help="the interpreter's own library")
    parser.add_argument("--evaluation", type=Path, required=True, help="folder of the evaluation sets")
    options = parser.parse_args()
    corpus = Corpus(Duplicates(), Contamination(evaluation_texts(options.evaluation)))
    if options.library:
        corpus.add(standard_library(options.library, platform.python_version()))
    for folder in options.installed:
        for package in tqdm(list(installed(folder)), desc=str(folder)):
            corpus.add(package)
    for path in tqdm(sorted(options.downloads.iterdir()) if options.downloads else [], desc="downloads"):
        corpus.add(archive(path))
    shards = corpus.write(options.out)
    print(summary(corpus, shards))


def summary(corpus: Corpus, shards: Sequence[Path]) -> str:
    """A few lines: packages, bytes by split and language, size of the shards, files left out by reason."""
    kept = {split: Counter[str]() for split in corpus.sources}
    left = Counter[str]()
    for entry in corpus.entries:
        kept[entry.split].update(entry.kept)
        left.update(entry.left)
    lines = [
        f"{len(corpus.entries)} packages, {sum(path.stat().st_size for path in shards):,} bytes in {len(shards)} shards"
    ]
    lines += [f"{split}: " + ", ".join(f"{name} {n:,}" for name, n in by.most_common()) for split, by in kept.items()]
    return "\n".join([*lines, "left out: " + ", ".join(f"{reason} {n}" for reason, n in left.most_common())])


if __name__ == "__main__":
    main()
