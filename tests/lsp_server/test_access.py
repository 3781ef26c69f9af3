"""What may be read, and for how long that is believed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from infill.document import Snapshot
from lsp_server import access
from lsp_server.access import Access


def test_a_file_that_cannot_be_judged_any_more_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was said of it before."""
    monkeypatch.setattr(access, "_BELIEVED", -1.0)
    snapshot, verdicts = Snapshot.open("file:///w/a.py", 1, "python", ""), Access(list)
    assert not verdicts.denied(snapshot, ())

    def broken(path: str) -> NoReturn:
        raise RuntimeError(path)

    monkeypatch.setattr(os.path, "isabs", broken)
    assert verdicts.denied(snapshot, ())
