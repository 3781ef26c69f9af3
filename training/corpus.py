"""The corpus: permissively licensed source of the releases in the manifest, filtered, deduplicated, in shards.

    python -m training.corpus --downloads FOLDER --out FOLDER [--evaluation FOLDER] [--processes N]
                              [--installed SITE-PACKAGES]... [--known SHARD...]

The manifest's split decides, by package, what training never sees; nothing that is nearly the same as a held-out file
is trained on. What came of each release is written into the manifest; a table of what was left out is printed.
What is installed where training runs may count too, by the same filters: packages that the manifest names are passed
over, and so is what shards that are there already (`--known`) hold.
"""

from __future__ import annotations

import argparse
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.cores import usable_cores
from infill.languages import language_of_path
from training import changes, manifest
from training.fetch import folder_of
from training.filters import Contamination, Duplicates, evaluation_texts, fingerprint, refused, sketch, words
from training.manifest import Release, canonical
from training.packages import Licensing, Package, downloaded, installed
from training.shards import Source, read_sources, write_shards

Each = Callable[..., Iterable[Any]]
"""`map`, or the like of it in several processes."""
EVALUATION = Path(__file__).parent.parent / "benchmarks" / "data"
NEVER = re.compile(r"human.?eval|mbpp|quixbugs|evalplus|bigcode|code.?eval|safim|apps.?benchmark", re.I)
"""Packages, and folders in them, that may carry evaluation tasks."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file, and why it is left out; if it is not, what tells it from others (`filters.fingerprint`,
    `filters.sketch`)."""

    source: Source
    reason: str = ""
    digest: bytes = b""
    values: NDArray[np.uint32] | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """A release with its licence ("-" when it may not be taken), its files, the release that its edits lead from."""

    release: Release
    candidates: tuple[Candidate, ...] = ()
    earlier: Release | None = None


# ---- one release


def examine(package: Package, release: Release, contamination: Contamination, older: Package | None = None) -> Examined:
    """Everything about a release that does not depend on other releases. older: the package that edits lead from."""
    licensing = Licensing(package)
    before = dict(older.files) if older is not None and Licensing(older).licence else {}
    if NEVER.search(package.name) or not licensing.licence:
        left = (Candidate(_source(package, path, text), "licence") for path, text in package.files)
        return Examined(replace(release, version=package.version), tuple(left))
    found = []
    for path, text in package.files:
        source = _source(package, path, text)
        allowed = licensing.allows(path)
        candidate = _candidate(source, contamination) if allowed else Candidate(source, "licence")
        if not candidate.reason and path in before:
            edits = tuple(changes.edits(before[path], text, source.language))
            candidate = replace(candidate, source=replace(source, edits=edits))
        found.append(candidate)
    return Examined(_licensed(replace(release, version=package.version), package), tuple(found))


def _candidate(source: Source, contamination: Contamination) -> Candidate:
    reason = refused(source.path, source.text)
    if reason or NEVER.search(source.path):
        return Candidate(source, reason or "evaluation")
    of = words(source.text)
    if contamination.touches(of):
        return Candidate(source, "evaluation")
    return Candidate(source, "", fingerprint(of), sketch(of))


def _source(package: Package, path: str, text: str) -> Source:
    return Source(package.name, path, language_of_path(path), text)


def _licensed(release: Release, package: Package) -> Release:
    licensing = Licensing(package)
    return replace(release, licence=licensing.licence or manifest.NONE, sha256=licensing.sha256 or manifest.NONE)


@dataclass(frozen=True, slots=True)
class Task:
    """Either a release to read from its archives, with the release before it, or an installed package."""

    release: Release
    archives: tuple[Path, ...] = ()
    earlier: Release | None = None
    earlier_archives: tuple[Path, ...] = ()
    package: Package | None = None


def look(task: Task, contamination: Contamination) -> Examined | str:
    """`examine` for archives, or one sentence about what is wrong with them."""
    name, version = task.release.package, task.release.version
    try:
        package = task.package or downloaded(name, version, task.archives)
        older = downloaded(name, task.earlier.version, task.earlier_archives) if task.earlier else None
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        return f"{task.release}: an archive cannot be read ({error}); remove its folder and fetch it again."
    examined = examine(package, task.release, contamination, older)
    return replace(examined, earlier=_licensed(task.earlier, older)) if task.earlier and older else examined


# ---- the whole


@dataclass
class Corpus:
    """Sources by split, what came of each release, and what was left out: files by (language, reason)."""

    duplicates: Duplicates = field(default_factory=Duplicates)
    releases: list[Release] = field(default_factory=list)
    sources: dict[str, list[Source]] = field(default_factory=lambda: {"train": [], "heldout": []})
    left: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, examined: Examined) -> Release:
        """Take what no release before had; returns the release with its bytes and main language."""
        kept = Counter[str]()
        for candidate in examined.candidates:
            source = candidate.source
            reason = candidate.reason
            if not reason and candidate.values is not None:
                reason = self.duplicates.known(candidate.digest, candidate.values)
            if reason:
                self.left[source.language, reason] += 1
            else:
                kept[source.language] += len(source.text.encode())
                self.sources[examined.release.split].append(source)
        main = kept.most_common(1)[0][0] if kept else manifest.NONE
        release = replace(examined.release, language=main, bytes=sum(kept.values()))
        self.releases += [release, examined.earlier] if examined.earlier else [release]
        return release

    def know(self, sources: Iterable[Source]) -> None:
        """Count files as seen, without taking them."""
        for source in sources:
            of = words(source.text)
            self.duplicates.known(fingerprint(of), sketch(of))

    def write(self, folder: Path, each: Each = map) -> list[Path]:
        """The shards of each split."""
        return [p for split, of in self.sources.items() for p in write_shards(folder, split, of, each=each)]


def tasks(releases: Sequence[Release], downloads: Path) -> list[Task]:
    """What to read, in the order in which it is taken: held-out releases first, so that training gets nothing like
    them; then by a hash of the name, so that any few shards are a fair sample."""
    earlier = {(r.ecosystem, canonical(r.package)): r for r in releases if r.split == "earlier"}
    found = []
    for release in releases:
        if release.split != "earlier" and (archives := _archives(downloads, release)):
            before = earlier.get((release.ecosystem, canonical(release.package)))
            there = _archives(downloads, before) if before else ()
            found.append(Task(release, archives, before if there else None, there))
    return sorted(found, key=lambda task: (task.release.split != "heldout", order_of(task.release.package)))


def _archives(downloads: Path, release: Release) -> tuple[Path, ...]:
    folder = folder_of(downloads, release)
    return tuple(sorted(folder.iterdir())) if folder.is_dir() else ()


def order_of(name: str) -> str:
    """A sort key that has nothing to do with what packages are."""
    return hashlib.sha256(canonical(name).encode()).hexdigest()


def beside(folder: Path, releases: Sequence[Release]) -> Iterator[Task]:
    """Installed packages that the manifest does not name."""
    named = {canonical(release.package) for release in releases}
    for package in installed(folder):
        if canonical(package.name) not in named:
            yield Task(Release(package.name, package.version, "pypi"), package=package)


def build(todo: Sequence[Task], contamination: Contamination, corpus: Corpus, each: Each) -> None:
    """Fill the corpus."""
    done = each(partial(look, contamination=contamination), todo)
    for result in tqdm(done, total=len(todo), desc="releases", unit="release"):
        if isinstance(result, str):
            tqdm.write(result)
        else:
            corpus.add(result)


def tables(corpus: Corpus) -> str:
    """Markdown: what was kept of each language, and how many files were left out for which reason."""
    files, size, edits, left = Counter[str](), Counter[tuple[str, str]](), Counter[str](), Counter[str]()
    for split, sources in corpus.sources.items():
        for source in sources:
            files[source.language] += 1
            size[source.language, split] += len(source.text.encode())
            edits[source.language] += len(source.edits)
    for (_, reason), count in corpus.left.items():
        left[reason] += count
    names = sorted(files, key=lambda name: -size[name, "train"])
    train = sum(size[name, "train"] for name in names) or 1
    kept = [
        [name, f"{files[name]:,}", f"{size[name, 'train'] / 1e6:.1f}", f"{size[name, 'train'] / train:.1%}",
         f"{size[name, 'heldout'] / 1e6:.1f}", f"{edits[name]:,}"]
        for name in names
    ]  # fmt: skip
    total = ["all", f"{files.total():,}", f"{train / 1e6:.1f}", "", f"{size.total() / 1e6 - train / 1e6:.1f}"]
    kept.append([*total, f"{edits.total():,}"])
    without = [
        [reason, f"{count:,}", *(f"{corpus.left[name, reason]:,}" for name in names)]
        for reason, count in left.most_common()
    ]
    return "\n\n".join(
        [
            _table(["kept", "files", "train, MB", "share", "held out, MB", "edits"], kept),
            _table(["left out, files", "all", *names], without),
        ]
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def updated(releases: Iterable[Release], found: Iterable[Release]) -> list[Release]:
    """The manifest with what came of its releases."""
    news: Mapping[tuple[str, str, str], Release] = {release.key: release for release in found}
    return [news.get(release.key, release) for release in releases]


def main() -> None:
    parser = argparse.ArgumentParser(description="Build the corpus.")
    parser.add_argument("--downloads", type=Path, required=True, help="folder that training.fetch filled")
    parser.add_argument("--out", type=Path, required=True, help="folder for the shards")
    parser.add_argument("--manifest", type=Path, default=manifest.MANIFEST)
    parser.add_argument("--evaluation", type=Path, default=EVALUATION, help="folder of evaluation sets")
    parser.add_argument("--installed", type=Path, action="append", default=[], help="a site-packages folder")
    parser.add_argument("--known", type=Path, nargs="*", default=[], help="shards that hold what is not wanted again")
    parser.add_argument("--processes", type=int, default=usable_cores())
    chosen = parser.parse_args()
    try:
        releases = manifest.read(chosen.manifest)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    evaluation = list(evaluation_texts(chosen.evaluation))
    if not evaluation:
        parser.error(f"{chosen.evaluation} holds no evaluation set, so nothing of one would be left out")
    todo = tasks(releases, chosen.downloads)
    todo += [task for folder in chosen.installed for task in beside(folder, releases)]
    corpus = Corpus()
    corpus.know(read_sources(chosen.known))
    with ProcessPoolExecutor(chosen.processes) as pool:
        each: Each = pool.map if chosen.processes > 1 else map
        build(todo, Contamination(evaluation), corpus, each)
        shards = corpus.write(chosen.out, each)
    manifest.write(updated(releases, corpus.releases), chosen.manifest)
    print(tables(corpus))
    missing = [str(release) for release in releases if not _archives(chosen.downloads, release)]
    print(f"{len(shards)} shards, {sum(path.stat().st_size for path in shards):,} bytes.")
    if missing:
        print(f"Not there, so left out: {', '.join(missing)}.")


if __name__ == "__main__":
    main()
