"""The one kind of error that a user can mend."""

from __future__ import annotations


class UserError(Exception):
    """What went wrong and what to do about it, in one sentence."""


def refusal(error: OSError) -> str:
    """Why the system refused, in its own words: `socket.create_server` adds the address to them."""
    return str(error.strerror).partition(" (while attempting")[0]
