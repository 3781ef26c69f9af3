"""Files of the command line's: what may not be written stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lsp_server.errors import UserError
from lsp_server.files import SourceFile


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder may be: a new file in its place would be nobody's wish. (Who runs tests as root may write all.)"""
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    path.chmod(0o444)
    may = os.access
    monkeypatch.setattr(os, "access", lambda where, mode: Path(where) != path and may(where, mode))
    source = SourceFile.read(str(path))
    with pytest.raises(UserError, match="check its permissions"):
        source.write("x = 2\n")
    assert path.read_text() == "x = 1\n" and [one.name for one in tmp_path.iterdir()] == ["a.py"]
