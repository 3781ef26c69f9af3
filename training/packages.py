"""A release as text: its files, from downloaded archives or from where it is installed, and each one's licence."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from infill.languages import KNOWN, language_of_path

LARGEST = 1_000_000
"""Bytes of a file that is looked at."""

LICENCES = {
    "MIT": "permission is hereby granted, free of charge",
    "BSD": "redistributions of source code must retain",
    "Apache-2.0": "apache license version 2.0",
    "PSF-2.0": "python software foundation license",
    "ISC": "permission to use, copy, modify, and/or distribute this software",
    "Zlib": "this notice may not be removed or altered from any source distribution",
}
"""Licences that are taken, and a sentence of each one's text."""
FORBIDDEN = re.compile(r"gnu (lesser |affero |library )?general public|mozilla public|creative commons|"
                       r"(?<!python under the )(?<!licenses, unlike the )\b(a|l)?gpl\b(?!.{0,8}compatible)|"
                       r"\bmpl\b|\bcddl\b|\beupl\b|eclipse public|(?<!commercial or )non-?commercial|"
                       r"business source license", re.I)  # fmt: skip
LICENCE_FILE = re.compile(r"(^|/)(licen[cs]es?/[^/]+|"
                          r"(un)?(licen[cs]e|copying|copyright)(?![^/]*(doc|font|logo|data))[^/]*)$", re.I)  # fmt: skip
DESCRIPTION = re.compile(r"(^|/)(METADATA|PKG-INFO|package\.json)$")
INFO = re.compile(r"^[^/]+\.(dist|egg)-info/|^licen[cs]es/", re.I)


@dataclass(frozen=True, slots=True)
class Package:
    """A release's source. declared: what its metadata say about the licence. licences: (path, text) of licence files.

    Paths are those inside the release, without the folder that an archive puts everything in.
    """

    name: str
    version: str
    declared: str
    licences: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]


def installed(folder: Path, only: Sequence[str] = ()) -> Iterator[Package]:
    """Packages of a site-packages folder; `only` those when any are named."""
    for found in metadata.distributions(path=[str(folder)]):
        name = found.metadata["Name"]
        if not name or (only and name not in only):
            continue
        paths = [path for path in found.files or () if _looked_at(str(path))]
        texts = {str(path): _decoded(_bytes(Path(str(found.locate_file(path))))) for path in paths}
        yield _package(name, found.version, _declared(found.metadata), texts)


def downloaded(name: str, version: str, archives: Sequence[Path]) -> Package:
    """A release from its archives (wheels, zip files, tarballs).

    Raises OSError, tarfile.TarError or zipfile.BadZipFile for an archive that is torn.
    """
    texts: dict[str, str] = {}
    for path in archives:
        members = {member: _decoded(data) for member, data in _members(path)}
        texts |= _without_top(members) if path.suffix != ".whl" else members
    about = sorted((path for path in texts if DESCRIPTION.search(path)), key=lambda path: (path.count("/"), path))
    return _package(name, version, _described(about[0], texts[about[0]]) if about else "", texts)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """What is looked at in an archive; nothing is written anywhere."""
    if path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as wheel:
            for item in wheel.infolist():
                if _looked_at(item.filename) and item.file_size < LARGEST:
                    yield item.filename, wheel.read(item)
        return
    with tarfile.open(path) as tar:
        for member in tar:
            file = tar.extractfile(member) if _looked_at(member.name) and member.isfile() else None
            if file is not None and member.size < LARGEST:
                yield member.name, file.read()


def _without_top(texts: Mapping[str, str]) -> dict[str, str]:
    """The same without the one folder that everything is in."""
    tops = {path.removeprefix("./").split("/")[0] for path in texts}
    if len(tops) != 1:
        return dict(texts)
    return {path.removeprefix("./").partition("/")[2] or path: text for path, text in texts.items()}


def _described(path: str, text: str) -> str:
    """The licence that a description declares."""
    if not path.endswith("package.json"):
        return _declared(HeaderParser().parsestr(text))
    try:
        stated = json.loads(text or "{}").get("license", "")
    except (ValueError, AttributeError):
        return ""
    return str(stated.get("type", "") if isinstance(stated, dict) else stated)


def _declared(headers: Any) -> str:
    """The licence as metadata state it: expression, classifiers, then the free field's first line."""
    found = [headers.get("License-Expression") or ""]
    classifiers = headers.get_all("Classifier") or ()
    found += [line.rsplit("::", 1)[-1].strip() for line in classifiers if line.startswith("License")]
    found += (headers.get("License") or "").splitlines()[:1]
    return "; ".join(part for part in found if part)


def _package(name: str, version: str, declared: str, texts: Mapping[str, str]) -> Package:
    licences = tuple((path, text) for path, text in texts.items() if text and _licence(path))
    files = tuple((path, text) for path, text in texts.items() if text and _code(path))
    return Package(name, version, declared, licences, files)


def _looked_at(path: str) -> bool:
    return bool(_code(path) or _licence(path) or DESCRIPTION.search(path))


def _code(path: str) -> bool:
    return language_of_path(path) in KNOWN


def _licence(path: str) -> bool:
    return bool(LICENCE_FILE.search(path)) and not _code(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size < LARGEST else b""
    except OSError:
        return b""


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return ""


# ---- licences


class Licensing:
    """Which licence each file of a package is under: that of the nearest folder above it that holds licence texts."""

    def __init__(self, package: Package) -> None:
        by_folder: dict[str, list[str]] = {}
        for path, text in package.licences:
            by_folder.setdefault(_governed(path), []).append(text)
        self._by_folder = {folder: permissive(texts) for folder, texts in by_folder.items()}
        declared_well = not FORBIDDEN.search(package.declared)
        self.licence, self.sha256 = self._by_folder.get("", ("", "")) if declared_well else ("", "")

    def allows(self, path: str) -> bool:
        """Whether a file may be taken, given that the package as a whole may."""
        folders = [str(folder) for folder in PurePosixPath(path).parents]
        nearest = next((folder for folder in folders if folder in self._by_folder), "")
        return bool(self._by_folder.get(nearest, ("", ""))[0])


def permissive(texts: Sequence[str]) -> tuple[str, str]:
    """(licence, sha256 of its text) when one of the texts is of LICENCES and none of another kind; else empty."""
    plain = [" ".join(text.lower().split()) for text in texts]
    if any(FORBIDDEN.search(text[:2000]) for text in plain):
        return "", ""
    for original, text in zip(texts, plain, strict=True):
        found = {text.replace("apache license, v", "apache license v").find(LICENCES[name]): name for name in LICENCES}
        found.pop(-1, None)
        if found:
            return found[min(found)], hashlib.sha256(original.encode()).hexdigest()
    return "", ""


def _governed(path: str) -> str:
    """The folder that a licence file speaks for; the whole package where it lies with the metadata."""
    if INFO.search(path):
        return ""
    folder = PurePosixPath(path).parent
    if re.fullmatch(r"licen[cs]es?", folder.name, re.I):
        folder = folder.parent
    return "" if str(folder) == "." else str(folder)
