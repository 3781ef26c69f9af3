"""The manifest: which releases the corpus is made of, and what came of each. One line a release, tabs between fields.

    package  version  ecosystem  licence  language  split  bytes  sha256

A person writes the package, where it comes from, its split, and the version, or `newest`, or `<X`; `training.fetch`
writes the version it got, `training.corpus` the licence, the main language, the bytes kept and the hash of the
licence text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

MANIFEST = Path(__file__).with_name("manifest.tsv")
ECOSYSTEMS = ("pypi", "npm", "debian")
SPLITS = ("train", "heldout", "earlier")
"""`earlier`: a release before another one of the same package; only the differences between the two are used."""
NONE = "-"


@dataclass(frozen=True, slots=True)
class Release:
    """One line. bytes: of text kept; 0 where nothing was. licence: why nothing was kept, where that is the cause."""

    package: str
    version: str
    ecosystem: str
    licence: str = NONE
    language: str = NONE
    split: str = "train"
    bytes: int = 0
    sha256: str = NONE

    @property
    def pinned(self) -> bool:
        return self.version != "newest" and not self.version.startswith("<")

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two lines share."""
        return self.ecosystem, canonical(self.package), "earlier" if self.split == "earlier" else ""

    def __str__(self) -> str:
        return f"{self.package} {self.version} ({self.ecosystem})"


COLUMNS = tuple(field.name for field in fields(Release))


def canonical(name: str) -> str:
    """One spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(path: Path = MANIFEST) -> list[Release]:
    """The lines of a manifest. Raises ValueError for a line that is none, with its number."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    if tuple(header.split("\t")) != COLUMNS:
        raise ValueError(f"{path} does not begin with the line {' '.join(COLUMNS)} (tabs between the words).")
    releases: dict[tuple[str, str, str], Release] = {}
    for number, line in enumerate(lines, 2):
        values = line.split("\t")
        if len(values) != len(COLUMNS) or not values[6].isdecimal():
            raise ValueError(f"{path}, line {number}: {len(COLUMNS)} fields between tabs are wanted, bytes a number.")
        package, version, ecosystem, licence, main, split, size, digest = values
        release = Release(package, version, ecosystem, licence, main, split, int(size), digest)
        if release.ecosystem not in ECOSYSTEMS or release.split not in SPLITS:
            kinds = f"the ecosystem is one of {', '.join(ECOSYSTEMS)}, the split one of {', '.join(SPLITS)}"
            raise ValueError(f"{path}, line {number}: {kinds}.")
        if release.key in releases:
            raise ValueError(f"{path}, line {number}: {release} stands there twice.")
        releases[release.key] = release
    return list(releases.values())


def write(releases: Iterable[Release], path: Path = MANIFEST) -> None:
    """The manifest, sorted by ecosystem, package and split."""
    lines = ["\t".join(COLUMNS)]
    lines += ["\t".join(map(str, astuple(release))) for release in sorted(releases, key=lambda r: r.key)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
