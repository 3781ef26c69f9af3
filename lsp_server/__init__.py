"""The editor's side: the language server, the HTTP door and the command line."""

from __future__ import annotations


def version() -> str:
    """redraft's own, or `unknown` where it runs without being installed."""
    from importlib import metadata

    try:
        return metadata.version("redraft")
    except metadata.PackageNotFoundError:
        return "unknown"
