"""The one kind of error that a user can mend."""

from __future__ import annotations


class UserError(Exception):
    """What went wrong and what to do about it, in one sentence."""
