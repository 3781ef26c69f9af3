"""What is never asked about nor read as context, and what is never put back.

Patterns follow gitignore; those of the user may hold `{a,b}` and begin with `~`, too. They are matched without regard
to case, against the path under the workspace where it is known, else against every tail of the path; the user's that
begin with a slash or a drive against the whole path, too.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from pathspec import GitIgnoreSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from infill.document import MAX_LINE, MAX_PARSED, Edited, Snapshot, moved, path_of

_SECRET = (
    ".env", ".env.*", ".env-*", ".env_*", "*.env", ".envrc", ".envrc.*", ".flaskenv", "*.pem", "*.key", "*.crt",
    "*.cer", "*.der", "*.csr", "*.p7b", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdb", "*.kdbx", "*.ppk",
    "*.asc", "*.gpg", "*.pgp", "*.ovpn", "*.agekey", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "ssh_host_*_key",
    "authorized_keys", "known_hosts", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".npmrc", ".pypirc", ".htpasswd",
    "htpasswd", ".git-credentials", ".dockercfg", ".dockerconfigjson", "credentials", "credentials.json",
    "credentials.y*ml", "credentials.toml", "credentials.ini", "credentials.csv", "credentials.xml", "credentials.db",
    "*.credentials", "secrets", "secrets.json", "secrets.y*ml", "secrets.toml", "secrets.ini", "secrets.properties",
    "secret.json", "secret.y*ml", "*.secret", "*.secrets", "*service-account*.json", "*service_account*.json",
    "*serviceaccount*.json", "client_secret*.json", "application_default_credentials.json", "*.secrets.json",
    "*.secrets.y*ml", ".vault-token", ".vault_pass*", "vault_pass*.txt", "kubeconfig", "*.kubeconfig",
    ".boto", ".s3cfg", ".terraformrc", ".yarnrc.yml", ".*_history", "*.tfstate", "*.tfstate.*", "*.tfvars",
    "*.tfvars.json", "master.key", "etc/shadow", ".ssh/", ".aws/", ".gnupg/", ".kube/", ".azure/", ".gcloud/",
    ".oci/", ".kaggle/", ".password-store/", ".docker/config.json", ".git/config", "gcloud/credentials.db",
    "gh/hosts.yml", ".m2/settings.xml", ".dev.vars", ".dev.vars.*", ".envs/", "*.secrets.toml", "*credentials*.json",
    "*-firebase-adminsdk-*.json", "*.tfrc.json", "local.settings.json",
    "*.keytab", ".authinfo", ".databrickscfg", ".msmtprc", ".fetchmailrc", ".smbcredentials", "rclone.conf",
    "sftp-config.json", ".vscode/sftp.json", "wireguard/*.conf", ".composer/auth.json",
)  # fmt: skip
_COPY = re.compile(r"^#|(?:::\$data|\.(?:bak|old|orig|save)|[~#. ])+$", re.IGNORECASE)
_GENERATED = (
    "*.lock", "package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum", "bun.lockb", "*.min.js",
    "*.min.mjs", "*.min.css", "*.bundle.js", "*.map", "*_pb2.py", "*_pb2.pyi", "*_pb2_grpc.py", "*.pb.go", "*.pb.cc",
    "*.pb.h", "*.g.dart", "*.freezed.dart", "*.designer.cs", "*.generated.*", "*_generated.*", "__generated__/",
)  # fmt: skip
_VENDORED = (
    "node_modules/", "bower_components/", "site-packages/", "dist-packages/", "vendor/", "third_party/", "third-party/",
    ".venv/", "venv/", ".tox/", ".nox/",
)  # fmt: skip
_MARKED = re.compile(
    r"^[ \t]*(?://|#|/?\*|--|;|%|<!--|\"\"\"|')"
    r".*(?:@generated\b|\b(?-i:DO NOT (?:EDIT|MODIFY))\b|\bcode generated (?:by|from)\b|"
    # Not "do not modify the list while it is walked through".
    r"\bdo not (?:edit|modify)(?:\W*$|[ \t]*[:.!,;)]|[ \t]+(?:this (?:file|code)|it|by hand|manually|directly)\b))",
    re.IGNORECASE | re.MULTILINE,
)
_PRIVATE = re.compile(r"\s*-----BEGIN [A-Z ]*(?:PRIVATE KEY|CERTIFICATE)")
_KEY = re.compile(
    r"""-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----(?:[\s"'+]|\\[nr]|[A-Z][\w-]*: [^\n\r"'\\]*)*+[A-Za-z0-9+/]{40}"""
)
"""A key within other text, headers of its own or none: a service account's in JSON, a secret in YAML. Code that only
speaks of keys has none."""
_SECRETS = "keys and secrets are never read"
_HEADER = 2_000
"""Code points at the beginning of a file in which it says that it is generated."""
_MINIFIED = 500
"""Code points of an average line above which a file is minified."""
_JUST_NOW = 8
"""Edits after which what the user deleted is no longer news."""
_PARTLY = 3
"""Characters of what was deleted that are enough to put it back."""
_LETTER = re.compile(r"\w")
_BEGINNING = 100
"""Characters that tell most texts apart."""
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_WHOLE = re.compile(rf"[/~]|{_DRIVE.pattern}")
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
_SPELLINGS = 64
"""That one pattern may have."""
_LONGEST = 1_000
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


def denied(
    uri: str, text: str | None = None, exclude: Sequence[str] = (), root: str | Path | None = None
) -> str | None:
    """Why a file is none of our business, in a few words, or None.

    uri: a URI of any scheme or a path. text: its content, if known. exclude: the user's own patterns. root: the
    workspace folder, which patterns are read relative to. The .gitignore files of a repository count, and a link is
    what it leads to as well, in the workspace folder and wherever else the path's own folder is one of this machine.
    """
    try:
        reason = _denied_path(path_of(uri), root, tuple(exclude))
    except OSError as error:  # it may be ignored
        reason = f"the disk fails ({error.strerror})"
    return reason or (None if text is None else denied_text(text))


def _denied_path(path: str, root: str | Path | None, exclude: tuple[str, ...]) -> str | None:
    base, below = _place(path, root)
    places = {path: root}
    if base is not None:
        places.setdefault(_led_to(os.path.join(base, below)), _led_to(str(root)) if root is not None else None)
    reasons = (_denied_place(place, folder, exclude) for place, folder in places.items())
    return next(filter(None, reasons), None)


def _denied_place(path: str, root: str | Path | None, exclude: tuple[str, ...]) -> str | None:
    if reason := _denied_name(path, under(path, root), exclude):
        return reason
    base, below = _place(path, root)
    return "ignored by .gitignore" if base is not None and _git_ignored(Path(base), below) else None


def _place(path: str, root: str | Path | None) -> tuple[str | Path | None, str]:
    """A folder of this machine and a path in it: the workspace folder or, outside of it, the path's own folder, if
    there is one."""
    inside = under(path, root)
    return (root, inside) if inside is not None else _own_folder(path)


def _own_folder(path: str) -> tuple[str | None, str]:
    """The folder that a path lies in, and the name there; None instead of a folder that does not exist here: clients
    send relative paths, made up ones and those of other machines. A place on the network is not asked for."""
    folder, _, name = path.rpartition("/")
    here = os.path.isabs(path) and not path.startswith("//") and _about(folder + "/") is not None
    return (folder + "/" if here else None), name


@lru_cache(maxsize=512)
def _denied_name(path: str, inside: str | None, exclude: tuple[str, ...]) -> str | None:
    if _is_secret(path):
        return _SECRETS
    if _matches(_GENERATED, path, inside):
        return "generated file"
    if _matches(_VENDORED, path, inside):
        return "vendored file"
    whole = tuple(pattern for pattern in exclude if _WHOLE.match(pattern))
    excluded = _matches(exclude, path, inside) or (whole and _spec(whole).match_file(path.lower().lstrip("/")))
    return "excluded by the settings" if excluded else None


@lru_cache(maxsize=512)
def _is_secret(path: str) -> bool:
    return _matches(_SECRET, _original(path), None)


def _led_to(path: str) -> str:
    with suppress(OSError, ValueError):  # no path holds NUL or half a surrogate pair
        return path_of(os.path.realpath(path))
    return path


def _original(path: str) -> str:
    """A path without what editors and people add to the name of a copy (`.env~`, `#.env#`, `key.pem.bak`), and what
    Windows does not look at in a name (`.env.`, `.env::$DATA`)."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (_COPY.sub("", name) if len(name) <= _LONGEST else name)


def puts_back(snapshot: Snapshot, start: int, end: int, text: str) -> bool:
    """Whether `text` in place of [start, end) would restore what the user has just deleted there, white space aside.

    What was typed since counts with the text: after deleting `foo(bar)` and typing `f`, `oo(bar)` puts it back. Three
    characters of what was deleted are enough when the text holds nothing else; of a word whose end was deleted one
    letter is enough, whatever follows: people delete up to where it becomes another one.
    """
    later: list[Edited] = []
    for edit in reversed(snapshot.history[-_JUST_NOW:]):
        if edit.removed:
            at = moved(edit.start, reversed(later))
            if at <= start and _restores(edit.removed, snapshot.text[at:start], text):
                return True
            if at == start and _goes_on_alike(snapshot.text[start - 1 : start], edit.removed[0], text[:1]):
                return True
        later.append(edit)
    return False


def _restores(removed: str, typed: str, text: str) -> bool:
    begun, head = _written(removed[:_BEGINNING]), _written(typed[:_BEGINNING])
    if not (begun.startswith(head) or head.startswith(begun)):
        return False  # either may be half a file: what was deleted, and what stands between there and the cursor
    gone, typed, new = map(_written, (removed, typed, text))
    if not new or not gone.startswith(typed) or gone == typed:
        return False  # something else was typed, or all of it was again
    whole = typed + new
    if whole == gone or (len(gone) >= _PARTLY and whole.startswith(gone)):
        return True
    return len(new) >= _PARTLY and new in gone[len(typed) :]


def _goes_on_alike(left: str, gone: str, new: str) -> bool:
    """Whether the letter that a word lost right of the cursor comes back; each one character or none."""
    return gone == new and bool(_LETTER.match(left) and _LETTER.match(gone))


def _written(text: str) -> str:
    return "".join(text.split())


def denied_text(text: str) -> str | None:
    """Why a text is none of our business, whatever its file is called, or None."""
    if len(text) > MAX_PARSED:
        return "the file is too large"
    if _has_long_line(text):
        return "a line is too long"
    if _MARKED.search(text, 0, _HEADER):
        return "generated file"
    if _PRIVATE.match(text) or _KEY.search(text):
        return _SECRETS
    sample = text[: 100 * _MINIFIED]
    if len(sample) > 10 * _MINIFIED and len(sample) > _MINIFIED * (1 + sample.count("\n") + sample.count("\r")):
        return "minified file"
    return None


def _has_long_line(text: str) -> bool:
    at = 0
    while len(text) - at > MAX_LINE:
        ends = text.rfind("\n", at, at + MAX_LINE + 1) + 1 or text.rfind("\r", at, at + MAX_LINE + 1) + 1
        if not ends:
            return True
        at = ends
    return False


def under(path: str, root: str | Path | None) -> str | None:
    """A path (`path_of`) relative to the workspace folder, or None outside of it."""
    if root is None:
        return None
    base = path_of(str(root)).rstrip("/") + "/"
    same = path[: len(base)] == base or (base[1:2] == ":" and path[: len(base)].lower() == base.lower())
    return path[len(base) :] if same else None


def _matches(patterns: tuple[str, ...], path: str, inside: str | None) -> bool:
    return bool(_spec(patterns, inside is None).match_file((path if inside is None else inside).lower().lstrip("/")))


@lru_cache(maxsize=16)
def _spec(patterns: tuple[str, ...], anywhere: bool = False) -> GitIgnoreSpec:
    """anywhere: patterns with a folder in them hold below any other, too, not only from the path's first part on."""
    short = (written for written in patterns if len(written) <= _LONGEST)
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


def _git_ignored(root: Path, inside: str) -> bool:
    """Git's rule: of the .gitignore files from the repository's root down, the deepest one with an opinion decides, and
    nothing comes back in a folder that is ignored."""
    base = Path(os.path.realpath(root))  # a link is of the repository that it leads to
    file = base.joinpath(*inside.split("/"))
    top = next((folder for folder in file.parents if os.path.exists(folder / ".git")), base)
    parts = file.relative_to(top).parts
    places = [(0, top / ".git" / "info" / "exclude")]
    places += [(depth, top.joinpath(*parts[:depth], ".gitignore")) for depth in range(len(parts))]
    rules = []
    for depth, place in places:
        about = _about(place)
        if about is not None and stat.S_ISREG(about.st_mode):
            rules.append((depth, str(place), about.st_mtime_ns, about.st_size))
    return bool(rules) and _ignored(parts, tuple(rules))


def _about(path: str | Path) -> os.stat_result | None:
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
