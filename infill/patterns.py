"""Patterns of names, as gitignore has them, and which files git ignores.

Those of the user may hold `{a,b}` and begin with `~`, too.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from infill.document import path_of

_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_WHOLE = re.compile(rf"[/~]|{_DRIVE.pattern}")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
_SPELLINGS = 64
"""That one pattern may have."""
LONGEST = 1_000
"""Characters of a pattern, and of a name: one that is longer is none."""
_RULES_MOST = 100_000
"""Bytes of a .gitignore: one that is longer ignores everything, as it would take seconds to read."""
_ABSENT = {
    errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL
}  # fmt: skip
"""What a disk answers that has no such file."""
_STARS = re.compile(r"(\[\^/\]\*|\(\?:/\.\+\)\?|\^\(\?:\.\+/\)\?)")
_DEEP = {"(?:/.+)?": "(?:/.+?)??", "^(?:.+/)?": "^(?:.+?/)??"}
"""What pathspec writes for `**`, and the same with the first place that fits tried first."""


def matches(patterns: tuple[str, ...], path: str, inside: str | None) -> bool:
    """Whether patterns match a path without regard to case: by its part under the workspace (`inside`) where that is
    known, else by any tail of it; those that begin with a slash, `~` or a drive by the whole path, too."""
    name, whole = (each.lower().lstrip("/") for each in (path if inside is None else inside, path))
    rooted = tuple(filter(_WHOLE.match, patterns))
    return bool(_spec(patterns, inside is None).match_file(name) or (rooted and _spec(rooted).match_file(whole)))


@lru_cache(maxsize=16)
def _spec(patterns: tuple[str, ...], anywhere: bool = False) -> GitIgnoreSpec:
    """anywhere: patterns with a folder in them hold below any other, too, not only from the path's first part on."""
    short = (written for written in patterns if len(written) <= LONGEST)
    lines = (one.lower() for written in short for one in islice(_spelled_out(written), _SPELLINGS))
    return _compiled(map(_below_any, lines) if anywhere else lines)


def _below_any(pattern: str) -> str:
    sign = "!" if pattern.startswith("!") else ""
    path = pattern.removeprefix("!").lstrip("/")
    return pattern if not path.strip() or pattern.startswith("#") else f"{sign}**/{path}"


class _Pattern(GitIgnoreSpecPattern):
    @classmethod
    def pattern_to_regex(cls, pattern: Any) -> tuple[Any, bool | None]:
        expression, include = super().pattern_to_regex(pattern)
        # A name may hold a line end.
        return (None if expression is None else f"(?s:{_settled(expression)})"), include


def _compiled(lines: Iterable[str]) -> GitIgnoreSpec:
    """The patterns of some lines; a line that is none is left out."""
    sound = list[_Pattern]()
    for line in lines:
        with suppress(ValueError, re.error):  # the second for a range as in `[z-a]`
            sound.append(_Pattern(line))
    return GitIgnoreSpec(sound, backend="simple")  # others, used where they are installed, know no atomic groups


def _settled(expression: str) -> str:
    """pathspec's expression of a pattern, in which a star that another follows takes the first place that fits for
    good, and so does `**`. What follows makes up for that, and to try all other places would take hours: an opened
    folder may bring a dozen stars, and a name that they all but match."""
    first, *parts = _STARS.split(expression)
    after = name = settled = ""
    for star, rest in zip(parts[-2::-2], parts[::-2], strict=True):
        if star in _DEEP:
            text = f"(?>{_DEEP[star]}{rest}{name}(?=/))" if settled else star + rest + name
            name, settled = "", text + settled
        else:
            end = "(?=/)" if after in _DEEP else ""
            name = (f"(?>[^/]*?{rest}{end})" if after else star + rest) + name
        after = star
    return first + name + settled


def _spelled_out(pattern: str) -> Iterator[str]:
    """What gitignore has no sign for and editors' globs have: `{a,b}`, and `~` for the home folder."""
    if choice := _CHOICE.search(pattern):
        for one in choice[1].split(","):
            yield from _spelled_out(pattern[: choice.start()] + one + pattern[choice.end() :])
    else:
        # Elsewhere a backslash is an escape.
        whole = pattern.startswith("~") or _DRIVE.match(pattern)
        yield path_of(os.path.expanduser(pattern)) if whole else pattern


def git_ignored(root: Path, inside: str) -> bool:
    """Git's rule: of the .gitignore files from the repository's root down, the deepest one with an opinion decides, and
    nothing comes back in a folder that is ignored. Raises OSError where the disk fails."""
    base = Path(os.path.realpath(root))  # a link is of the repository that it leads to
    file = base.joinpath(*inside.split("/"))
    top = next((folder for folder in file.parents if os.path.exists(folder / ".git")), base)
    parts = file.relative_to(top).parts
    places = [(0, top / ".git" / "info" / "exclude")]
    places += [(depth, top.joinpath(*parts[:depth], ".gitignore")) for depth in range(len(parts))]
    rules = []
    for depth, place in places:
        status = about(place)
        if status is not None and stat.S_ISREG(status.st_mode):
            rules.append((depth, str(place), status.st_mtime_ns, status.st_size))
    return bool(rules) and _ignored(parts, tuple(rules))


def about(path: str | Path) -> os.stat_result | None:
    """What stands at a path; None where nothing does that may be seen. Raises OSError where the disk fails."""
    try:
        return os.stat(path)
    except ValueError:  # no path holds NUL or half a surrogate pair
        return None
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


@lru_cache(maxsize=512)
def _ignored(parts: tuple[str, ...], rules: tuple[tuple[int, str, int, int], ...]) -> bool:
    """rules: the files with patterns, the deepest last, as (depth, path, time of change, size)."""
    for end in range(1, len(parts) + 1):
        opinions = (
            _opinion(_git_spec(*stamp), "/".join(parts[depth:end]), end < len(parts))
            for depth, *stamp in reversed(rules)
            if depth < end
        )
        if next((opinion for opinion in opinions if opinion is not None), False):
            return True
    return False


def _opinion(spec: GitIgnoreSpec, path: str, folder: bool) -> bool | None:
    """Whether the last pattern that names this very path, not a folder above it, ignores it; None without one.

    pathspec's expressions match what lies in a folder by the folder's name: the slash behind that is a group.
    """
    asked = path + "/" * folder

    def names(found: re.Match[str]) -> bool:
        slash = found.start("ps_d") if found.groupdict().get("ps_d") else None
        return slash == len(path) if slash is not None else found.end() < len(asked) or not folder

    for pattern in reversed(list(spec.patterns)):
        if pattern.include is not None and pattern.regex and any(map(names, pattern.regex.finditer(asked))):
            return bool(pattern.include)
    return None


@lru_cache(maxsize=64)
def _git_spec(file: str, _changed: int, _size: int) -> GitIgnoreSpec:
    """A file's patterns; none of one that may not be read. Raises OSError where the disk fails."""
    try:
        with Path(file).open("rb") as stream:
            raw = stream.read(_RULES_MOST + 1)  # whatever size it was said to have: a link may lead into /proc
    except (FileNotFoundError, PermissionError):
        return _compiled([])
    return _compiled(raw.decode("utf-8", "replace").splitlines() if len(raw) <= _RULES_MOST else ["*"])
