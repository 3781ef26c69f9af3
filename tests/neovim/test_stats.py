"""What becomes of proposals in a real Neovim, as `redraft stats` will tell it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from lsp_server.stats import Figures, Record
from lsp_server.tally import READABLE
from tests.conftest import REDRAFT, eventually
from tests.neovim.conftest import RULES, Editor


def read(editor: Editor, proposal: str) -> None:
    """Wait for a proposal, and for as long as it takes to have been shown."""
    eventually(lambda: editor.ghost() == proposal)
    time.sleep(2 * READABLE)


def test_what_is_taken_whole_in_part_and_not(
    start: Callable[..., Editor], script: Callable[..., str], tmp_path: Path
) -> None:
    editor = start([REDRAFT, "lsp", "--model", script(RULES)])
    editor.open([""])
    editor.type("idef add(")
    read(editor, "a, b):")
    editor.type("<Tab>")
    eventually(lambda: editor.lines == ["def add(a, b):"])
    editor.type("<Esc>oreturn total / len(")
    read(editor, "values)")
    editor.type("<M-Right>")
    eventually(lambda: editor.lines[1].endswith("len(values"))
    editor.type(")<Esc>odef add(")
    read(editor, "a, b):")
    for key in "a, b):":
        editor.type(key.replace(" ", "<Space>"))
    eventually(lambda: editor.lines[2].endswith("def add(a, b):"))
    editor.type("<Esc>")
    editor.lua("require('redraft.client').call(vim.lsp.get_clients({ name = 'redraft' })[1], 'stop')")

    record = Record(tmp_path / "XDG_STATE_HOME" / "redraft" / "stats.db")
    eventually(record.rows)
    figures = Figures.of(record.rows())
    assert (figures.shown, figures.taken, figures.partly) == (3, 1, 1)
    assert figures.saved == len("a, b):") - 1 + len("values") - 1
    assert {row.language for row in record.rows()} == {"python"}
