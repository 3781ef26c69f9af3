"""What may be read, and for how long that is believed."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

from infill import manners
from lsp_server import access
from lsp_server.access import Access


def test_a_file_that_cannot_be_judged_any_more_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was said of it before."""
    monkeypatch.setattr(access, "_BELIEVED", -1.0)
    verdicts = Access(list)
    assert not verdicts.denied("file:///w/a.py", ())

    def broken(path: str) -> NoReturn:
        raise RuntimeError(path)

    monkeypatch.setattr(os.path, "isabs", broken)
    assert verdicts.denied("file:///w/a.py", ()) == "it is not known whether it may be read"


def test_tools_may_ask_about_any_number_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_KEPT", 3)
    looks, verdicts = list[str](), Access(list)
    monkeypatch.setattr(manners, "denied", lambda uri, *_: looks.append(uri))
    for number in (*range(4), 3, 2, 0):
        assert verdicts.denied(f"/w/{number}.py", ()) == ""
    assert looks == [f"/w/{number}.py" for number in (*range(4), 0)]
