"""Downloads the releases that the manifest names, as archives. Nothing is installed, built or executed.

    python -m training.fetch --downloads FOLDER [--manifest FILE] [--split SPLIT] [--jobs N]

Each release has a folder of its own there (`folder_of`); one that is there already is not asked for again, so a run
that was cut goes on where it stopped. Versions that the manifest leaves open (`newest`, `<X`) are written into it.
Wheels only, since pip runs the build of a source distribution to read its name; npm packs without scripts; of Debian's
source packages the upstream tarballs are kept, whose hashes apt has checked, and apt's lists stay in the folder.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tqdm import tqdm

from training import manifest
from training.manifest import Release, canonical

TOGETHER = 24
"""Releases that one call of a client asks for."""
SUITES = ("trixie", "bookworm")
"""Releases of Debian whose source packages are asked for, in this order."""
WHEELS = ("--python-version", "3.12", "--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_28_x86_64")
"""One platform whatever machine this is, so that a version means the same files everywhere."""


def folder_of(downloads: Path, release: Release) -> Path:
    """Where the archives of a release lie once they are complete."""
    return downloads / release.ecosystem / f"{release.package.replace('/', '+')}@{release.version}"


# ---- clients


Command = Callable[[Sequence[Release], Sequence[str]], list[str]]
"""(releases, further options) -> words, to be run in the folder that is to hold the releases' archives."""


@dataclass(frozen=True, slots=True)
class Client:
    """How packages of an ecosystem are downloaded. commands: tried in order. found: the archives of a release in a
    folder, and its version; nothing when it was not downloaded."""

    commands: tuple[Command, ...]
    found: Callable[[Path, Release], tuple[list[Path], str]]


def pip_command(releases: Sequence[Release], options: Sequence[str]) -> list[str]:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    wanted = [_spec(release, "==", "") for release in releases]
    return [*pip, "--only-binary", ":all:", *WHEELS, "--dest", ".", *options, *wanted]


def npm_command(releases: Sequence[Release], options: Sequence[str]) -> list[str]:
    return ["npm", "pack", "--silent", "--ignore-scripts", *options, *(_spec(r, "@", "@") for r in releases)]


def apt_command(releases: Sequence[Release], options: Sequence[str], suite: str = SUITES[0]) -> list[str]:
    """A suite holds one version of a package: none is asked for, what comes is compared."""
    wanted = [f"{release.package}/{suite}" for release in releases]
    return ["apt-get", "--quiet", *options, "source", "--download-only", "--tar-only", *wanted]


def _spec(release: Release, pinned: str, below: str) -> str:
    """How a client is told the release. below: what stands before `<X`."""
    if release.version == "newest":
        return release.package
    if release.pinned:
        return f"{release.package}{pinned}{release.version}"
    return f"{release.package}{below}{release.version}"


def wheel(folder: Path, release: Release) -> tuple[list[Path], str]:
    for path in folder.glob("*.whl"):
        name, version, *_ = path.name.split("-")
        if canonical(name) == canonical(release.package):
            return [path], version
    return [], ""


def tarball(folder: Path, release: Release) -> tuple[list[Path], str]:
    stem = release.package.removeprefix("@").replace("/", "-")
    for path in folder.glob("*.tgz"):
        match = re.fullmatch(re.escape(stem) + r"-(\d+\.\d+\.\d+.*)\.tgz", path.name)
        if match:
            return [path], match[1]
    return [], ""


def upstream(folder: Path, release: Release) -> tuple[list[Path], str]:
    """The upstream tarballs of a Debian source package: `NAME_VERSION.orig.tar.gz`, `NAME_VERSION.tar.xz`."""
    pattern = re.escape(release.package) + r"_(?!.*\.debian\.)([^_]+?)(\.orig(-[^.]+)?)?\.tar\.(gz|xz|bz2)"
    matches = {path: match for path in sorted(folder.iterdir()) if (match := re.fullmatch(pattern, path.name))}
    return list(matches), next((match[1] for match in matches.values()), "")


CLIENTS: Mapping[str, Client] = {
    "pypi": Client((pip_command,), wheel),
    "npm": Client((npm_command,), tarball),
    "debian": Client(tuple(partial(apt_command, suite=suite) for suite in SUITES), upstream),
}


def apt_options(downloads: Path) -> list[str]:
    """Makes apt keep its state here and read lists of sources from the archive that this machine uses.

    Raises OSError when apt is not there or its lists cannot be had.
    """
    home = (downloads / "apt").resolve()
    for part in ("lists/partial", "cache/archives/partial"):
        (home / part).mkdir(parents=True, exist_ok=True)
    listed = _said(["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"]).splitlines()
    archives = sorted({line.split()[2] for line in listed if line.startswith("Debian Debian ")})
    lines = [f"deb-src {archive} {suite} main\n" for archive in archives[:1] for suite in SUITES]
    (home / "sources.list").write_text("".join(lines), encoding="utf-8")
    places = {"Dir::Etc::sourcelist": home / "sources.list", "Dir::Etc::sourceparts": "-",
              "Dir::Etc::trustedparts": "/usr/share/keyrings/", "Dir::State::lists": home / "lists",
              "Dir::Cache": home / "cache", "APT::Sandbox::User": "root"}  # fmt: skip
    options = [part for name, value in places.items() for part in ("-o", f"{name}={value}")]
    if not list((home / "lists").glob("*Sources*")):
        _said(["apt-get", "--quiet", *options, "update"])
    return options


def _said(command: Sequence[str]) -> str:
    """What a command prints. Raises OSError, in one sentence, when it is not there or fails."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except subprocess.CalledProcessError as error:
        reason = (_errors(error.stderr) or [f"it ended with {error.returncode}"])[0]
        raise OSError(f"{command[0]} does not list Debian's sources: {reason}.") from None


# ---- the whole


@dataclass(frozen=True, slots=True)
class Outcome:
    """release: with its version where it came. reason: why it did not, else empty."""

    release: Release
    reason: str = ""


def fetch(downloads: Path, releases: Sequence[Release], options: Sequence[str] = ()) -> list[Outcome]:
    """Get releases of one ecosystem that are not there yet. options: further words for its client.

    Each command is asked for all that is still wanting, in as few calls as it can be made to.
    """
    came: dict[tuple[str, str, str], Outcome] = {}
    waiting = [release for release in releases if not (release.pinned and folder_of(downloads, release).is_dir())]
    for command in CLIENTS[releases[0].ecosystem].commands:
        came |= {outcome.release.key: outcome for outcome in _asked(downloads, waiting, command, options)}
        waiting = [release for release in waiting if came[release.key].reason]
    return [came.get(release.key, Outcome(release)) for release in releases]


def _asked(downloads: Path, releases: Sequence[Release], command: Command, options: Sequence[str]) -> list[Outcome]:
    """What one command downloads. Clients give up everything when one release cannot be had. Releases that the client
    names are left out of the next call; if it names none, each half is asked for by itself."""
    if not releases:
        return []
    outcomes, errors = _call(downloads, releases, command, options)
    rest = [o.release for o in outcomes if o.reason and not _about(o.release, errors)]
    if not rest or len(releases) == 1:
        return outcomes
    half = len(rest) if len(rest) < len(releases) else len(rest) // 2
    again = _asked(downloads, rest[:half], command, options) + _asked(downloads, rest[half:], command, options)
    keys = {release.key for release in rest}
    return [outcome for outcome in outcomes if outcome.release.key not in keys] + again


def _call(
    downloads: Path, releases: Sequence[Release], command: Command, options: Sequence[str]
) -> tuple[list[Outcome], list[str]]:
    """One call of a client in a folder of its own; what came is moved to its place. Also the client's errors."""
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix=".coming-") as name:
        words = command(releases, options)
        try:
            done = subprocess.run(words, cwd=name, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            errors = _errors(done.stderr + done.stdout) or [f"{words[0]} ended with {done.returncode}"]
        except OSError as error:
            errors = [str(error)]
        return [_filed(downloads, Path(name), release, errors) for release in releases], errors


def _filed(downloads: Path, folder: Path, release: Release, errors: Sequence[str]) -> Outcome:
    archives, version = CLIENTS[release.ecosystem].found(folder, release)
    if not archives:
        said = [*_about(release, errors), *errors][0]
        return Outcome(release, f"{release} cannot be had: {said}.")
    if release.pinned and version != release.version:
        return Outcome(release, f"{release} cannot be had: version {version} is offered in its place.")
    got = replace(release, version=version)
    place = folder_of(downloads, got)
    if not place.is_dir():
        ready = folder / "ready"
        ready.mkdir()
        for path in archives:
            shutil.move(path, ready / path.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        ready.rename(place)
    return Outcome(got)


def _errors(text: str) -> list[str]:
    """What a client says of its failures, a line each."""
    lines = [line.strip().rstrip(".") for line in text.splitlines()]
    found = [re.match(r"(?:ERROR|E|npm ERR!|npm error)[:\s]\s*(.*)", line) for line in lines]
    return [match[1] for match in found if match]


def _about(release: Release, errors: Iterable[str]) -> list[str]:
    """Those of the errors that name a release."""
    name = re.compile(rf"(?<![\w.-]){re.escape(release.package)}(?![\w-])", re.I)
    return [error for error in errors if name.search(error)]


def batches(releases: Iterable[Release]) -> list[list[Release]]:
    """Releases that are asked for together: one ecosystem, and no package twice."""
    found: list[list[Release]] = []
    for release in sorted(releases, key=lambda r: (r.ecosystem, r.split == "earlier", r.key)):
        last = found[-1] if found else []
        if last and _together(last[0], release) and len(last) < TOGETHER:
            last.append(release)
        else:
            found.append([release])
    return found


def _together(one: Release, other: Release) -> bool:
    return (one.ecosystem, one.split == "earlier") == (other.ecosystem, other.split == "earlier")


def main() -> None:
    parser = argparse.ArgumentParser(description="Download the releases that the manifest names.")
    parser.add_argument("--downloads", type=Path, required=True, help="folder that keeps the archives")
    parser.add_argument("--manifest", type=Path, default=manifest.MANIFEST)
    parser.add_argument("--split", choices=manifest.SPLITS, help="only these")
    parser.add_argument("--jobs", type=int, default=3, help="calls at the same time")
    chosen = parser.parse_args()
    try:
        releases = manifest.read(chosen.manifest)
        wanted = [release for release in releases if chosen.split in (None, release.split)]
        options = {"debian": apt_options(chosen.downloads)} if any(r.ecosystem == "debian" for r in wanted) else {}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    failed = []
    known = {release.key: release for release in releases}
    with ThreadPoolExecutor(chosen.jobs) as pool, tqdm(total=len(wanted), unit="release") as bar:
        calls = [pool.submit(fetch, chosen.downloads, b, options.get(b[0].ecosystem, ())) for b in batches(wanted)]
        for call in as_completed(calls):
            for outcome in call.result():
                bar.update()
                known[outcome.release.key] = outcome.release
                failed += [outcome.reason] if outcome.reason else []
            manifest.write(known.values(), chosen.manifest)
    print("\n".join([*sorted(failed), f"{len(wanted) - len(failed)} of {len(wanted)} releases are there."]))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
