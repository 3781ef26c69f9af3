"""What is never asked about nor read as context."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from infill.document import MAX_LINE, MAX_PARSED, path_of
from infill.patterns import LONGEST, about, git_ignored, matches

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
    return "ignored by .gitignore" if base is not None and git_ignored(Path(base), below) else None


def _place(path: str, root: str | Path | None) -> tuple[str | Path | None, str]:
    """A folder of this machine and a path in it: the workspace folder or, outside of it, the path's own folder, if
    there is one."""
    inside = under(path, root)
    return (root, inside) if inside is not None else _own_folder(path)


def _own_folder(path: str) -> tuple[str | None, str]:
    """The folder that a path lies in, and the name there; None instead of a folder that does not exist here: clients
    send relative paths, made up ones and those of other machines. A place on the network is not asked for."""
    folder, _, name = path.rpartition("/")
    here = os.path.isabs(path) and not path.startswith("//") and about(folder + "/") is not None
    return (folder + "/" if here else None), name


@lru_cache(maxsize=512)
def _denied_name(path: str, inside: str | None, exclude: tuple[str, ...]) -> str | None:
    if _is_secret(path):
        return _SECRETS
    if matches(_GENERATED, path, inside):
        return "generated file"
    if matches(_VENDORED, path, inside):
        return "vendored file"
    return "excluded by the settings" if matches(exclude, path, inside) else None


@lru_cache(maxsize=512)
def _is_secret(path: str) -> bool:
    return matches(_SECRET, _original(path), None)


def _led_to(path: str) -> str:
    with suppress(OSError, ValueError):  # no path holds NUL or half a surrogate pair
        return path_of(os.path.realpath(path))
    return path


def _original(path: str) -> str:
    """A path without what editors and people add to the name of a copy (`.env~`, `#.env#`, `key.pem.bak`), and what
    Windows does not look at in a name (`.env.`, `.env::$DATA`)."""
    folder, slash, name = path.rpartition("/")
    return folder + slash + (_COPY.sub("", name) if len(name) <= LONGEST else name)


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
