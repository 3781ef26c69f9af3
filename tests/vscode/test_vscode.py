"""What the README promises of VS Code, in a real one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from lsp_server.tally import READABLE
from tests.conftest import REDRAFT, ROOT
from tests.vscode.conftest import PICTURES, CodeServer, Window, eventually

HEAD, BODY = "def add(a, b):", "    total = a + b\n    return total"
LINE = "total = add(1, 2)"
RULES = [
    (LINE[:9], LINE[9:]),
    ("def add", "(a, b):"),
    ("def add(", "a, b):"),
    ('row["na', 'me"] = 1'),
    (HEAD + "\n", BODY),
    ("  }\n", "  return total / values.length;"),
    ("  return ", "total / values.length;"),
    ("total /", " values.length;"),
    ("total / ", "values.length;"),
    ("import csv\n\nread = csv.", "reader(file)"),
    ("func add() {", "\n    return total"),
]
SUM = """def mean(values, start):
    total = start
    for value in values:
        total += value
    return total / len(values)
"""
SUM = """def mean(values, start):
    total = start
    for value in values:
        total += value
    return total / len(values)
"""
MEAN = """export function mean(values: number[]): number {
  let total = 0;
  for (const value of values) {
    total += value;
  }
  return total / %s.length;
}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("model") / "model.json"
    path.write_text(json.dumps({"rules": [{"after": after, "write": write} for after, write in RULES]}))
    return f"scripted:{path}"


@pytest.fixture(scope="module")
def code_server(tmp_path_factory: pytest.TempPathFactory, with_redraft: str, model: str) -> Iterator[CodeServer]:
    home = tmp_path_factory.mktemp("code-server")
    server = CodeServer(home, "--disable-workspace-trust", path=with_redraft, settings={"redraft.model": model})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def shared(code_server: CodeServer, open_window: Callable[[CodeServer], Window]) -> Window:
    window = open_window(code_server)
    window.load("demo.py")
    window.until_ready()
    return window


@pytest.fixture
def window(shared: Window, code_server: CodeServer) -> Window:
    """The same window for most tests, with the settings as they were."""
    shared.press("Escape", "Escape")
    code_server.set()
    shared.until_ready()
    return shared


def notebook(path: Path, language: dict[str, Any], *sources: str) -> Path:
    """A file of cells, whose metadata say what they are in."""
    cell = {"cell_type": "code", "execution_count": None, "metadata": language, "outputs": []}
    cells = [cell | {"source": source} for source in sources]
    metadata = {"language_info": {"name": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return path


class TestTyping:
    def test_ghost_text_appears_and_tab_accepts_it(self, window: Window) -> None:
        window.open("accept.py")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        window.press("Tab")
        window.type("\n")
        eventually(lambda: window.ghost() == BODY.lstrip())
        window.picture("ghost-text")
        window.press("Tab")
        window.saves("accept.py", f"{HEAD}\n{BODY}")

    @pytest.mark.parametrize("trigger", ["auto", "manual"])
    def test_it_comes_when_asked_for_by_hand(self, window: Window, code_server: CodeServer, trigger: str) -> None:
        code_server.set(redraft__trigger=trigger)
        window.open(f"asked-{trigger}.py", "def add(")
        window.press("Alt+\\")
        eventually(lambda: window.ghost() == "a, b):")
        window.press("Escape", "Alt+\\")
        eventually(lambda: window.ghost() == "a, b):")

    def test_in_languages_without_a_grammar_too_but_not_in_prose(self, window: Window) -> None:
        window.open("prose.md")
        window.type("def add")
        window.open("add.rb")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        window.find(window.folder / "prose.md")
        window.press("Control+End", "Backspace")
        window.type("d")
        window.press("Alt+\\")
        window.page.wait_for_timeout(1000)
        assert window.ghost() == ""
        window.press("Control+s")

    def test_a_cell_of_a_notebook_is_written_after_those_above_it(self, window: Window) -> None:
        window.find(notebook(window.folder / "cells.ipynb", {}, "import csv", "read", "x = 1"))
        window.cell(1).click()
        window.press("End")
        window.type(" = csv.")
        shown = ".notebookOverlay .ghost-text-decoration"
        eventually(lambda: "".join(window.page.locator(shown).all_inner_texts()) == "reader(file)")
        window.press("Tab", "Control+s")
        book = window.folder / "cells.ipynb"
        eventually(lambda: "".join(json.loads(book.read_text())["cells"][1]["source"]) == "read = csv.reader(file)")

    def test_word_by_word_and_line_by_line(self, window: Window) -> None:
        window.open("words.py")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        window.press("Control+ArrowRight")
        eventually(lambda: window.ghost() == "a, b):")
        window.press("Control+ArrowRight")
        eventually(lambda: window.ghost() == ", b):")
        window.press("Control+Alt+ArrowRight")
        window.type("\n")
        eventually(lambda: window.ghost() == BODY.lstrip())
        window.press("Control+Alt+ArrowRight")
        eventually(lambda: window.ghost().strip() == "return total")
        window.press("Control+Alt+ArrowRight")
        window.saves("words.py", f"{HEAD}\n{BODY}")

    def test_what_is_taken_whole_and_in_part_is_counted(self, window: Window, code_server: CodeServer) -> None:
        (former,) = code_server.language_servers()
        window.command("redraft: Restart Server")
        code_server.another_language_server(former)  # and all of the former one's counts are written
        window.until_ready()
        before = code_server.counted
        window.open("counted.py")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        time.sleep(2 * READABLE)
        window.press("Tab")
        window.type("\n")
        eventually(lambda: window.ghost() == BODY.lstrip())
        time.sleep(2 * READABLE)
        window.press("Control+Alt+ArrowRight")
        eventually(lambda: window.ghost().strip() == "return total")
        window.press("Escape")
        window.command("redraft: Restart Server")
        after = eventually(lambda: found if (found := code_server.counted).taken > before.taken else None)
        assert (after.shown - before.shown, after.taken - before.taken, after.partly - before.partly) == (2, 1, 1)
        assert after.saved - before.saved == len("(a, b):") - 1 + len("total = a + b\n") - 1

    def test_a_block_is_as_deep_as_the_editor_indents(self, window: Window) -> None:
        """VS Code indents Go with tabs, and nothing in the file says so yet."""
        window.open("add.go", "func add() {")
        window.press("Alt+\\")
        eventually(window.ghost)
        window.press("Tab")
        window.saves("add.go", "func add() {\n\treturn total")

    def test_tab_indents_when_nothing_is_shown(self, window: Window) -> None:
        window.open("tab.py")
        window.press("Tab")
        window.type("x")
        window.saves("tab.py", "    x")

    def test_a_fast_double_tab_does_not_insert_twice(self, window: Window) -> None:
        window.open("double.py")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        window.press("Tab", "Tab")
        window.saves("double.py", HEAD + "  ")

    def test_within_a_line(self, window: Window) -> None:
        window.open("within.py")
        window.type("def add, c):")
        window.press(*["ArrowLeft"] * len(", c):"))
        window.type("(")
        eventually(lambda: window.ghost() == "a, b")
        window.picture("within-a-line")
        window.press("Tab")
        window.saves("within.py", "def add(a, b, c):")

    def close_brackets(self, window: Window, code_server: CodeServer, name: str) -> None:
        """A new file in an editor that closes brackets and quotes."""
        code_server.set(editor__autoClosingBrackets="always", editor__autoClosingQuotes="always")
        window.open(name)

        def closed() -> bool:
            window.press("Control+a", "Delete", "(")
            return "()" in window.page.inner_text(".editor-group-container.active .view-lines")

        eventually(closed)
        window.press("Control+a", "Delete")

    def test_it_goes_on_behind_an_auto_closed_bracket(self, window: Window, code_server: CodeServer) -> None:
        self.close_brackets(window, code_server, "brackets.py")
        window.type("def add(")
        eventually(lambda: window.ghost() == "a, b:")  # in two parts, the bracket between them
        window.picture("closed-bracket")
        window.press("Tab")
        window.saves("brackets.py", "def add(a, b):")

    def test_it_goes_on_behind_an_auto_closed_quote(self, window: Window, code_server: CodeServer) -> None:
        self.close_brackets(window, code_server, "quotes.py")
        window.type('row["na')
        eventually(lambda: window.ghost() == "me = 1")  # in two parts, quote and bracket between them
        window.type("m")
        eventually(lambda: window.ghost() == "e = 1")
        window.press("Tab")
        window.saves("quotes.py", 'row["name"] = 1')

    def test_behind_an_auto_closed_bracket_word_by_word(self, window: Window, code_server: CodeServer) -> None:
        self.close_brackets(window, code_server, "parts.py")
        window.type("def add(")
        eventually(lambda: window.ghost() == "a, b:")
        window.press("Control+ArrowRight")
        eventually(lambda: window.ghost() == ", b:")
        window.type(", b)")
        eventually(lambda: window.ghost() == ":")
        window.press("Tab")
        window.saves("parts.py", "def add(a, b):")

    def test_thirty_keystrokes_a_second_for_ten_seconds(self, window: Window, code_server: CodeServer) -> None:
        """The line with its ghost text is never anything but a beginning of what is typed, or all of it."""
        window.open("fast.py")
        before = [one.pid for one in code_server.language_servers()]
        times = 300 // len(LINE)
        window.watch()
        began = time.monotonic()
        for _ in range(times):
            window.type(LINE + "\n", milliseconds=20)
        print(f"\n{300 / (time.monotonic() - began):.0f} keystrokes a second")
        window.type(LINE[:9])
        eventually(lambda: window.ghost() == LINE[9:])
        seen = window.watched()
        window.press("Tab")
        window.saves("fast.py", (LINE + "\n") * times + LINE)
        assert not [text for text, ghost in seen if text != LINE and (ghost or not LINE.startswith(text))]
        assert (LINE, True) in seen
        assert window.messages() == []
        assert [one.pid for one in code_server.language_servers()] == before


class TestNextEdit:
    ASKED, ANSWERED = '"method":"textDocument/copilotInlineEdit"', '"edits":'
    MARKS = ("    for value in ~values~+{new}+:", "    return total / len(~values~+{new}+)")

    def marks(self, new: str = "numbers") -> list[str]:
        return [line.format(new=new) for line in self.MARKS]

    def write_over(self, window: Window, line: int, column: int, old: str, new: str) -> None:
        """Type over a name, at a line and column from 0."""
        window.press("Control+Home", *["ArrowDown"] * line, *["ArrowRight"] * column)
        window.press(*["Shift+ArrowRight"] * len(old))
        window.type(new)

    def rename(self, window: Window, name: str) -> None:
        """Open a file and change the name of its parameter; done when the uses are marked."""
        window.open(name, SUM)
        self.write_over(window, 0, 9, "values", "numbers")
        eventually(lambda: window.marked() == self.marks())

    @pytest.fixture
    def said(self, window: Window, code_server: CodeServer, tmp_path: Path) -> Iterator[Callable[[str], int]]:
        """How often something was said between VS Code and the server, which is another one for this test."""
        program, asked, answered = tmp_path / "redraft", tmp_path / "asked", tmp_path / "answered"
        program.write_text(f'#!/bin/sh\ntee -a {asked} | {REDRAFT} "$@" | tee -a {answered}\n')
        program.chmod(0o755)
        (before,) = code_server.language_servers()
        code_server.set(redraft__path=str(program))
        overheard = code_server.another_language_server(before)
        window.until_ready()
        yield lambda text: sum(file.read_text().count(text) for file in (asked, answered))
        code_server.set()
        code_server.another_language_server(overheard)
        window.until_ready()

    def until_answered(self, said: Callable[[str], int], act: Callable[[], None]) -> None:
        """Do something that the server is asked after, and wait for the answer."""
        before = said(self.ANSWERED)
        act()
        eventually(lambda: said(self.ANSWERED) > before)

    def only_another_comes(self, window: Window, said: Callable[[str], int], line: int) -> None:
        """Whatever is typed, nothing comes of what was refused; the next thing that does is another renaming's."""
        window.watch_marked()
        window.press("End")
        self.until_answered(said, lambda: window.type(" "))
        self.write_over(window, line, 4, "total", "summed")
        others = ["        ~total~+summed+ += value", "    return ~total~+summed+ / len(values)"]
        eventually(lambda: window.marked() == others)
        assert window.watched_marked() == {"\n".join(others)}
        window.watch_marked()
        self.until_answered(said, lambda: window.press("Tab"))
        window.press("End")
        self.until_answered(said, lambda: window.type(" "))
        assert not [look for look in window.watched_marked() if "~values~" in look], "nor behind the other"

    def test_the_uses_of_a_renamed_parameter_are_marked_and_tab_changes_them(self, window: Window) -> None:
        self.rename(window, "parameter.py")
        window.picture("next-edit")
        window.press("Tab")
        eventually(lambda: window.marked() == [])
        window.saves("parameter.py", SUM.replace("values", "numbers"))
        window.type("_")  # the cursor is where it was
        eventually(lambda: window.marked() == [line.replace("values", "numbers") for line in self.marks("numbers_")])

    def test_a_use_may_have_to_say_both_names(self, window: Window) -> None:
        window.open("both.ts", "function of(values: number[]) {\n  return { values, size: values.length };\n}\n")
        self.write_over(window, 0, 12, "values", "numbers")
        line = "  return { ~values~+values: numbers+, size: ~values~+numbers+.length };"
        eventually(lambda: window.marked() == [line])
        window.press("Tab")
        changed = "function of(numbers: number[]) {\n  return { values: numbers, size: numbers.length };\n}\n"
        eventually(lambda: window.marked() == [])
        window.saves("both.ts", changed)

    def test_a_renaming_goes_on_in_another_file_that_imports_the_name(self, window: Window) -> None:
        text = "from amounts import count\n\nprint(count([]))\n"
        window.open("report.py", text)
        window.open("amounts.py", "def count(rows):\n    return len(rows)\n")
        self.write_over(window, 0, 4, "count", "total")
        window.press("Control+PageUp")
        others = ["from amounts import ~count~+total+", "print(~count~+total+([]))"]
        eventually(lambda: window.marked() == others)
        window.picture("next-edit-across")
        window.press("Control+Home", "ArrowDown")  # who has just come goes where the work is, and has refused nothing
        eventually(lambda: window.marked() == [])
        window.type("1")
        window.press("Backspace")
        for mark in reversed(others):  # what is behind the cursor comes first
            eventually(lambda mark=mark: window.marked() == [mark])
            window.press("Tab")
        eventually(lambda: window.marked() == [])
        window.saves("report.py", text.replace("count", "total"))

    def test_it_is_undone_in_one_step_and_does_not_come_back(self, window: Window, said: Callable[[str], int]) -> None:
        self.rename(window, "undone.py")
        self.until_answered(said, lambda: window.press("Tab"))
        window.saves("undone.py", SUM.replace("values", "numbers"))
        window.press("Control+z")
        window.saves("undone.py", SUM.replace("values", "numbers", 1))
        self.only_another_comes(window, said, 1)

    def test_escape_dismisses_it_and_it_does_not_come_back(self, window: Window, said: Callable[[str], int]) -> None:
        self.rename(window, "dismissed.py")
        window.press("Escape")
        eventually(lambda: window.marked() == [])
        self.only_another_comes(window, said, 1)

    def test_elsewhere_it_is_gone_and_tab_indents(self, window: Window) -> None:
        self.rename(window, "elsewhere.py")
        window.press("ArrowRight")  # in the same line: it stays
        eventually(lambda: "Col 18" in window.page.inner_text(".statusbar"))
        assert window.marked() == self.marks()
        window.press("ArrowDown")
        eventually(lambda: window.marked() == [])
        window.press("Home", "Tab")
        renamed = SUM.replace("values", "numbers", 1)
        window.saves("elsewhere.py", renamed.replace("    total = start", "        total = start"))

    def test_on_a_new_line_it_does_not_come_back_and_tab_indents(
        self, window: Window, said: Callable[[str], int]
    ) -> None:
        self.rename(window, "line.py")
        window.press("End")
        self.until_answered(said, lambda: window.press("Enter"))
        window.press("Tab")
        window.type("pass")
        head, body = SUM.replace("values", "numbers", 1).split("\n", 1)
        window.saves("line.py", f"{head}\n        pass\n{body}")
        self.only_another_comes(window, said, 2)

    def test_what_is_selected_is_indented(self, window: Window) -> None:
        self.rename(window, "selected.py")
        window.press("Shift+Home")
        eventually(lambda: window.marked() == [])
        window.press("Control+a", "Tab")
        renamed = SUM.replace("values", "numbers", 1)
        window.saves("selected.py", "".join(f"    {line}\n" for line in renamed.splitlines()))

    def test_out_of_sight_it_says_where_and_tab_goes_there_first(self, window: Window) -> None:
        text = "def far(values):\n" + "    pass\n" * 100 + "    return values\n"
        window.open("far.py", text)
        self.write_over(window, 0, 8, "values", "numbers")
        eventually(lambda: window.marked() == ["def far(numbers):+→ line 102+"])
        window.picture("next-edit-far")
        window.press("Tab")
        eventually(lambda: window.marked() == ["    return ~values~+numbers+"])
        eventually(lambda: "Ln 102, Col 12" in window.page.inner_text(".statusbar"))
        window.saves("far.py", text.replace("values", "numbers", 1))
        window.press("Tab")
        eventually(lambda: window.marked() == [])
        window.saves("far.py", text.replace("values", "numbers"))

    def test_many_uses_are_changed_some_lines_at_a_time(self, window: Window) -> None:
        text = "def many(values):\n" + "    print(values)\n" * 14
        window.open("many.py", text)
        self.write_over(window, 0, 9, "values", "numbers")
        marks = ["    print(~values~+numbers+)"] * 12
        eventually(lambda: window.marked() == marks)
        window.press("Tab")
        eventually(lambda: window.marked() == marks[:2])
        window.press("Tab")
        eventually(lambda: window.marked() == [])
        window.saves("many.py", text.replace("values", "numbers"))

    def test_switched_off_nobody_is_asked(
        self, window: Window, code_server: CodeServer, said: Callable[[str], int], tmp_path: Path
    ) -> None:
        program, on = str(tmp_path / "redraft"), '"nextEdit.enable":true'
        code_server.set(redraft__path=program, redraft__nextEdit__enable=False)
        eventually(lambda: said('"nextEdit.enable":false'))
        window.open("off.py", SUM)
        window.watch_marked()
        self.write_over(window, 0, 9, "values", "numbers")
        window.page.wait_for_timeout(1500)  # nothing tells of what does not come
        assert (said(self.ASKED), window.watched_marked()) == (0, set())
        before = said(on)
        code_server.set(redraft__path=program)
        eventually(lambda: said(on) > before)
        window.type("_")
        eventually(lambda: window.marked() == self.marks("numbers_"))
        assert said(self.ASKED) == 1


class TestFixes:
    def lightbulb(self, window: Window, name: str) -> list[str]:
        """Open a file that TypeScript's own server complains about, and the menu at its complaint."""
        window.open(name, MEAN % "valeus")
        window.page.wait_for_selector(".editor-group-container.active .squiggly-error", timeout=120_000)
        window.press("Control+Home", *["ArrowDown"] * 5, "End", *["ArrowLeft"] * 10)
        eventually(lambda: "Ln 6" in window.page.inner_text(".statusbar"))
        window.page.wait_for_selector("[class*='lightbulb'], .lightBulbWidget", timeout=20_000)
        return self.actions(window)

    def actions(self, window: Window) -> list[str]:
        """Open the menu of what can be done at the cursor, until redraft is in it."""

        def titles() -> list[str]:
            if not window.page.query_selector(".action-widget"):
                window.press("Control+.")
                window.page.wait_for_selector(".action-widget", timeout=5_000)
            found = [row.inner_text() for row in window.page.query_selector_all(".action-widget .monaco-list-row")]
            if any("redraft" in title for title in found):
                return found
            window.press("Escape")
            return []

        return eventually(titles)

    def choose(self, window: Window, title: str) -> None:
        rows = window.page.query_selector_all(".action-widget .monaco-list-row")
        next(row for row in rows if "redraft" in row.inner_text() and title in row.inner_text()).click()

    def preview(self, window: Window, name: str) -> None:
        """Open a file, and look at what its fix would change."""
        self.lightbulb(window, name)
        self.look(window)

    def look(self, window: Window) -> None:
        self.choose(window, "(preview)")
        tab = ".tab.active[aria-label*='proposed by redraft']"
        eventually(lambda: window.page.query_selector(tab) or window.messages())
        assert window.messages() == []

    def test_a_quick_fix_changes_the_file(self, window: Window) -> None:
        titles = self.lightbulb(window, "fix.ts")
        assert sum("redraft: fix “Cannot find name 'valeus'" in title for title in titles) == 2
        window.picture("lightbulb")
        self.choose(window, "”")
        eventually(lambda: not window.page.query_selector(".editor-group-container.active .squiggly-error"))
        window.saves("fix.ts", MEAN % "values")

    def test_it_can_be_looked_at_first_and_applied(self, window: Window) -> None:
        self.preview(window, "look.ts")
        eventually(lambda: window.page.query_selector_all(".editor-group-container.active .line-insert"))
        assert (window.folder / "look.ts").read_text() == MEAN % "valeus"
        window.picture("preview")
        window.page.click(".editor-actions a[aria-label^='Apply This Fix']")
        eventually(lambda: not window.page.query_selector(".tab[aria-label*='proposed by redraft']"))
        window.saves("look.ts", MEAN % "values")

    def test_it_can_be_looked_at_first_and_discarded(self, window: Window) -> None:
        self.preview(window, "leave.ts")
        window.page.click(".editor-actions a[aria-label^='Discard This Fix']")
        eventually(lambda: not window.page.query_selector(".tab[aria-label*='proposed by redraft']"))
        window.saves("leave.ts", MEAN % "valeus")

    def test_in_a_notebook_it_is_looked_at_in_the_language_of_the_cell(self, window: Window) -> None:
        language = {"vscode": {"languageId": "typescript"}}
        window.find(notebook(window.folder / "book.ipynb", language, MEAN % "valeus"))
        window.cell(0).click()
        window.press("Control+Home", *["ArrowDown"] * 5, "Shift+End")
        self.actions(window)
        self.look(window)
        eventually(lambda: "TypeScript" in window.page.inner_text(".statusbar"))
        window.page.click(".editor-actions a[aria-label^='Apply This Fix']")
        eventually(lambda: "values.length" in window.cell(0).inner_text().replace("\xa0", " "))
        window.press("Control+s")


class TestStatusBar:
    def pages(self, window: Window) -> list[str]:
        """What the web pages within the window say."""
        return [frame.inner_text("body") for frame in window.page.frames if frame is not window.page.main_frame]

    def test_the_mode_is_chosen_there_and_the_next_trace_tells(self, window: Window, code_server: CodeServer) -> None:
        window.open("mode.py")
        window.menu()
        window.page.wait_for_selector(".quick-input-list .monaco-list-row")
        eventually(
            lambda: window.page.eval_on_selector(".quick-input-widget", "one => getComputedStyle(one).opacity == 1")
        )
        window.picture("menu")
        window.choose("Mode")
        window.choose("quality")
        eventually(lambda: code_server.settings().get("redraft.mode") == "quality")
        window.page.click(".editor-group-container.active .monaco-editor .view-lines")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")
        window.menu("Show last trace")
        told = eventually(lambda: [one for one in self.pages(window) if "mode: quality" in one])
        assert HEAD in told[0]
        window.picture("trace")
        window.page.click(".editor-group-container .monaco-editor .view-lines")
        window.menu("Mode", "speedy")
        eventually(lambda: "redraft.mode" not in code_server.settings())  # the default is written as nothing

    def test_a_pause_for_one_language(self, window: Window, code_server: CodeServer) -> None:
        window.open("paused.py")
        window.menu("Pause for python")
        eventually(lambda: window.state() == "redraft, Paused.")
        eventually(lambda: code_server.settings().get("redraft.enable") == {"*": True, "python": False})
        window.page.click(".editor-group-container.active .monaco-editor .view-lines")
        window.watch()
        window.type("def add")
        seen = window.watched()
        assert not any(ghost for _, ghost in seen)
        window.open("other.ts", "const total = 1;\nexport const mean = ")
        window.until_ready()
        window.type("total / ")
        eventually(lambda: window.ghost() == "values.length;")
        window.open("again.py")
        window.menu("Resume for python")
        window.until_ready()
        eventually(lambda: "redraft.enable" not in code_server.settings())
        window.page.click(".editor-group-container.active .monaco-editor .view-lines")
        window.type("def add")
        eventually(lambda: window.ghost() == "(a, b):")

    def test_a_pause_everywhere_ends_as_it_was_before(self, window: Window, code_server: CodeServer) -> None:
        code_server.set(redraft__enable={"*": True, "python": False, "go": False})
        window.open("everywhere.py")
        eventually(lambda: window.state() == "redraft, Paused.")
        code_server.set(redraft__enable={"*": True, "go": False})
        window.until_ready()
        window.menu("Pause everywhere")
        eventually(lambda: window.state() == "redraft, Paused.")
        window.menu("Resume")
        window.until_ready()
        assert code_server.settings().get("redraft.enable") == {"*": True, "go": False}
        assert "redraft.paused" not in code_server.settings()

    def test_a_pause_everywhere_holds_in_every_folder_and_changes_nothing_in_it(
        self, code_server: CodeServer, open_window: Callable[[CodeServer], Window], shared: Window
    ) -> None:
        before = len(code_server.language_servers())
        one, other = open_window(code_server), open_window(code_server)
        wish = json.dumps({"redraft.enable": {"*": True, "typescript": False}})
        for window in (one, other):
            (window.folder / ".vscode").mkdir()
            (window.folder / ".vscode" / "settings.json").write_text(wish)
        one.load("demo.py")
        one.until_ready()
        one.menu("Pause everywhere")
        eventually(lambda: one.state() == "redraft, Paused.")
        other.load("demo.py")
        eventually(lambda: other.state() == "redraft, Paused.")
        other.menu("Resume")
        other.until_ready()
        one.load("demo.py")
        one.until_ready()
        one.open("as_before.ts")
        eventually(lambda: one.state() == "redraft, Paused.")
        for window in (one, other):
            assert (window.folder / ".vscode" / "settings.json").read_text() == wish
            window.close()
        eventually(lambda: len(code_server.language_servers()) == before)


class TestServer:
    def test_a_setting_takes_effect_without_a_restart(self, window: Window, code_server: CodeServer) -> None:
        (before,) = code_server.language_servers()
        code_server.set(redraft__maxLines=1)
        tries = count()

        def one_line() -> bool:
            window.open(f"lines{next(tries)}.py", HEAD)
            window.type("\n")
            return eventually(window.ghost) == "total = a + b"

        eventually(one_line)
        (after,) = code_server.language_servers()
        assert after.pid == before.pid

    def test_killed_it_comes_back_and_completes(self, window: Window, code_server: CodeServer) -> None:
        window.open("killed.py")
        (before,) = code_server.language_servers()
        os.kill(before.pid, signal.SIGKILL)
        killed = time.monotonic()
        code_server.another_language_server(before)
        window.until_ready()
        window.type("def add", milliseconds=10)
        eventually(lambda: window.ghost() == "(a, b):")
        print(f"\nback and completing {time.monotonic() - killed:.1f} s after SIGKILL")
        assert window.messages() == [], "nobody needs to know"

    def test_a_path_that_names_nothing_is_said_once_with_a_way_out(
        self, window: Window, code_server: CodeServer
    ) -> None:
        code_server.set(redraft__path="/nowhere/redraft")
        try:
            eventually(lambda: window.state() == "redraft, Not working.")
            (message,) = eventually(window.messages)
            assert "/nowhere/redraft" in message
            assert "Choose It" in message
            window.picture("not-found")
            window.button("How to Install")
            window.page.wait_for_selector(".tab.active[aria-label*='readme.md']", timeout=60_000)
        finally:
            code_server.set()
        window.until_ready()

    @pytest.fixture
    def starts(self, code_server: CodeServer, tmp_path: Path) -> Iterator[Callable[[], list[int]]]:
        """The processes of a server that only answers when there is a file `go` beside it."""
        program, log = tmp_path / "redraft", tmp_path / "starts"
        wait = "while ! [ -e go ]; do sleep 0.1; done"
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\necho $$ >> {log}\n{wait}\nexec {REDRAFT} "$@"\n')
        program.chmod(0o755)
        log.touch()
        code_server.set(redraft__path=str(program))
        yield lambda: [int(pid) for pid in log.read_text().split()]
        code_server.set()

    def test_one_that_never_answers_is_told_of_and_gives_way(
        self, window: Window, code_server: CodeServer, starts: Callable[[], list[int]]
    ) -> None:
        eventually(starts)
        eventually(lambda: window.state() == "redraft, Not working.")
        window.menu("Restart the server")
        eventually(lambda: len(starts()) == 2)
        code_server.set()
        window.until_ready()
        assert len(starts()) == 2
        eventually(lambda: not any(map(psutil.pid_exists, starts())))
        window.open("answers.py")
        window.type("def add", milliseconds=10)
        eventually(lambda: window.ghost() == "(a, b):")
        assert window.messages() == []

    def test_a_crash_during_a_restart_starts_no_second_one(
        self, window: Window, starts: Callable[[], list[int]], tmp_path: Path
    ) -> None:
        (first,) = eventually(starts)
        window.command("redraft: Restart Server")
        window.command("redraft: Select Mode")
        window.page.wait_for_selector(".quick-input-list .monaco-list-row[aria-label*='causal']")  # that came after it
        with contextlib.suppress(ProcessLookupError):
            os.kill(first, signal.SIGKILL)
        window.press("Escape")
        (tmp_path / "go").touch()
        window.until_ready()
        window.open("once.py")
        window.type("def add", milliseconds=10)
        eventually(lambda: window.ghost() == "(a, b):")
        assert len(starts()) == 2

    def test_the_embedded_model_completes(self, window: Window, code_server: CodeServer) -> None:
        window.open("embedded.py", "def mean(values):\n    total = 0\n    for value in values:\n        total +=")
        code_server.set(redraft__model="")
        try:
            eventually(lambda: window.state() == "redraft, Loading the model.")
            window.until_ready()
            (embedded,) = code_server.language_servers()
            window.type(" ")
            window.press("Alt+\\")
            first = eventually(window.ghost)
            assert "value" in first
            window.press("Tab")
            window.saves("embedded.py", (window.folder / "embedded.py").read_text() + " " + first)
        finally:
            code_server.set()
        code_server.another_language_server(embedded)
        window.until_ready()

    def test_alternatives(self, window: Window, code_server: CodeServer, tmp_path: Path) -> None:
        program, script = tmp_path / "redraft", {"write": {"def ": ["add(a, b):", "sub(a, b):", "mul(a, b):"]}}
        command = [sys.executable, "-m", "tests.lsp_server.serve_scripted", json.dumps(script)]
        program.write_text(f"#!/bin/sh\ncd {ROOT} && exec env -u PYTHONUNBUFFERED {shlex.join(command)}\n")
        program.chmod(0o755)
        (before,) = code_server.language_servers()
        code_server.set(redraft__path=str(program))
        try:
            scripted = code_server.another_language_server(before)
            window.until_ready()
            window.open("alternatives.py")
            window.type("def ")
            eventually(lambda: window.ghost() == "add(a, b):")
            window.press("Alt+]")
            eventually(lambda: window.ghost() == "sub(a, b):")
            window.press("Alt+]")
            eventually(lambda: window.ghost() == "mul(a, b):")
            window.press("Alt+[", "Tab")
            window.saves("alternatives.py", "def sub(a, b):")
        finally:
            code_server.set()
        code_server.another_language_server(scripted)
        window.until_ready()

    def test_nothing_is_started_before_a_file_of_code_is_opened(
        self, code_server: CodeServer, open_window: Callable[[CodeServer], Window], shared: Window
    ) -> None:
        window = open_window(code_server)
        (window.folder / "notes.txt").write_text("")
        before = len(code_server.language_servers())
        window.load("notes.txt")
        window.command("Developer: Show Running Extensions")
        eventually(lambda: "Activation" in window.page.inner_text(".runtime-extensions-editor"))
        assert "redraft" not in window.page.inner_text(".runtime-extensions-editor")
        window.press("Escape")
        assert window.state() == ""
        assert len(code_server.language_servers()) == before
        window.open("code.py")
        window.until_ready()
        assert len(code_server.language_servers()) == before + 1
        window.close()


class TestUntrustedFolder:
    @pytest.fixture
    def evil(self, tmp_path: Path) -> Path:
        """A redraft in the folder's own environment that leaves a mark when it is started."""
        program, mark = tmp_path / "redraft", tmp_path / "it-ran"
        program.write_text(f'#!/bin/sh\ntouch {mark}\nexec {REDRAFT} "$@"\n')
        program.chmod(0o755)
        return program

    def test_it_cannot_name_what_is_started_until_it_is_trusted(
        self, tmp_path: Path, evil: Path, open_window: Callable[[CodeServer], Window]
    ) -> None:
        server = CodeServer(tmp_path / "code-server", path="/usr/bin:/bin")
        server.add_extension(ROOT / "tests" / "vscode" / "companions" / "ms-python")
        server.start()
        mark = evil.with_name("it-ran")
        try:
            window = open_window(server)
            programs = window.folder / ".venv" / "bin"
            programs.mkdir(parents=True)
            evil.rename(programs / "redraft")
            (programs / "python").symlink_to(sys.executable)
            (window.folder / ".vscode").mkdir()
            wish = {"redraft.path": str(programs / "redraft"), "redraft.model": str(window.folder)}
            (window.folder / ".vscode" / "settings.json").write_text(json.dumps(wish))
            window.load("demo.py")
            eventually(lambda: window.state() == "redraft, Not working.")
            (message,) = eventually(window.messages)
            assert "Install redraft" in message
            assert not mark.exists()
            assert server.language_servers() == []
            window.picture("untrusted")
            window.command("Workspaces: Manage Workspace Trust")
            window.page.click(".workspace-trust-editor a.monaco-button:has-text('Trust')", timeout=20_000)
            eventually(mark.exists)
            window.until_ready()
        finally:
            server.stop()

    @pytest.fixture
    def overheard(self, tmp_path: Path) -> Path:
        """A redraft that keeps what VS Code says to it in a file beside it."""
        program = tmp_path / "bin" / "redraft"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\ntee -a {program.with_name("heard")} | {REDRAFT} "$@"\n')
        program.chmod(0o755)
        return program

    def test_it_may_ask_for_less_than_the_user_and_never_for_more(
        self, tmp_path: Path, overheard: Path, model: str, open_window: Callable[[CodeServer], Window]
    ) -> None:
        own = {"redraft.exclude": ["own*.py"], "redraft.enable": {"*": True, "typescript": False}}
        wish = {"redraft.exclude": ["!own*.py", 7, "theirs.py"], "redraft.enable": {"typescript": True, "go": False}}
        path = os.pathsep.join([str(overheard.parent), "/usr/bin", "/bin"])
        server = CodeServer(tmp_path / "code-server", path=path, settings={"redraft.model": model, **own})
        server.add_extension(ROOT / "tests" / "vscode" / "companions" / "ms-python")
        server.start()
        try:
            window = open_window(server)
            (window.folder / ".vscode").mkdir()
            (window.folder / ".vscode" / "settings.json").write_text(json.dumps(wish))
            window.load("demo.py")
            window.until_ready()  # the Python extension, which names no environment yet, does not keep it from that
            window.type("def add")
            eventually(lambda: window.ghost() == "(a, b):")
            for name in ("own.ts", "theirs.go"):
                window.open(name)
                eventually(lambda: window.state() == "redraft, Paused.")
            less = {"*": True, "typescript": False, "go": False}
            assert all(one == less for one in self.heard(overheard, "enable"))
            window.command("Workspaces: Manage Workspace Trust")
            window.page.click(".workspace-trust-editor a.monaco-button:has-text('Trust')", timeout=20_000)
            eventually(lambda: self.heard(overheard, "enable")[-1] == {**less, "typescript": True})
            assert all(one == ["own*.py", "theirs.py"] for one in self.heard(overheard, "exclude"))
        finally:
            server.stop()

    def heard(self, program: Path, setting: str) -> list[Any]:
        """Each value of a setting that VS Code has sent, whichever way."""
        sent = program.with_name("heard").read_text()
        return [json.loads(value) for value in re.findall(rf'"{setting}":(\[.*?\]|{{.*?}}|true|false)', sent)]


def test_the_pictures_are_kept() -> None:
    kept = {path.stem for path in PICTURES.glob("*.png")}
    assert {"ghost-text", "lightbulb", "preview", "next-edit", "menu", "trace"} <= kept
