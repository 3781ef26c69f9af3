"""The commands as a shell runs them: most by the command line's own entry, because an import of everything takes longer
than most of them; where the process matters, the installed `redraft`."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path, PureWindowsPath
from typing import Any, cast

import pytest

from infill.complete import Completer, Completion
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import Slot, Step
from infill.repair import Repair
from lsp_server import cli, trace
from lsp_server.commands import fix, lsp
from lsp_server.files import SourceFile
from tests.conftest import REDRAFT, ROOT, Run

Script = Callable[..., str]

SUMS = "def add(a, b):\n    return \n\n\ndef sub(a, b):\n    return a - b\n"


@pytest.fixture
def redraft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | bytes = "") -> subprocess.CompletedProcess[str]:
        given = io.BytesIO(stdin if isinstance(stdin, bytes) else stdin.encode())
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n") for _ in range(2))
        with monkeypatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            patch.setattr(sys, "stdin", io.TextIOWrapper(given))
            try:
                status = cli.run(arguments)
            except SystemExit as exit:
                status = int(exit.code or 0)
        told = (stream.detach().getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(arguments, status, *told)

    return run


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.py"
    path.write_text(SUMS)
    return path


def one_sentence(ran: subprocess.CompletedProcess[str]) -> str:
    """The error as the user sees it: one line on stderr, no traceback, a status that says so."""
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr
    lines = ran.stderr.strip().splitlines()
    assert len(lines) == 1, ran.stderr
    assert lines[0].startswith("redraft: ")
    return lines[0]


# ---- complete


def test_complete_prints_the_text_and_nothing_else(shell: Run, script: Script, sums: Path) -> None:
    ran = shell("complete", "sums.py:2:12", "--model", script([("return ", "a + b")]))
    assert (ran.stdout, ran.stderr, ran.returncode) == ("a + b\n", "", 0)


def test_complete_counts_columns_in_code_points(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text("x = '😀é'\ny = '😀' + ")
    ran = redraft("complete", "wide.py:2:11", "--model", script([("y = '😀' + ", "x")]), "--json")
    answer = json.loads(ran.stdout)
    assert answer["suggestions"][0]["text"] == "x"
    assert answer["suggestions"][0]["end"] == {"line": 2, "column": 11}


def test_complete_json_has_figures(redraft: Run, script: Script, sums: Path) -> None:
    model = script([("return ", "a + b")])
    answer = json.loads(redraft("complete", "sums.py:2:12", "--model", model, "--json", "--steps").stdout)
    assert answer["reason"] == ""
    assert answer["forwards"] >= 1
    assert answer["tokens"] >= 3
    assert any(step["slots"] for step in answer["steps"])


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_complete_json_has_lines_that_end_as_the_files_do(
    redraft: Run, script: Script, tmp_path: Path, ending: str
) -> None:
    (tmp_path / "sums.py").write_bytes(f"def add(a, b):{ending}".encode())
    model = script([("def add(a, b):\n", "    total = a + b\n    return total")])
    answer = json.loads(redraft("complete", "sums.py:2:1", "--model", model, "--json").stdout)
    assert answer["suggestions"][0]["text"] == f"    total = a + b{ending}    return total"


def test_complete_says_why_it_is_silent(redraft: Run, script: Script, sums: Path) -> None:
    ran = redraft("complete", "sums.py:2:12", "--model", script([("nowhere", "x")]))
    assert ran.stdout == ""
    assert ran.returncode == 0
    assert re.match(r"redraft: nothing to suggest here \(.+\)\.$", ran.stderr.strip())


def test_complete_never_reads_secrets(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PASSWORD=")
    ran = redraft("complete", ".env:1:10", "--model", script([("PASSWORD=", "hunter2")]), "--json")
    answer = json.loads(ran.stdout)
    assert answer["suggestions"] == []
    assert answer["reason"]
    assert answer["forwards"] == 0


def test_steps_are_plain_in_a_pipe(redraft: Run, script: Script, sums: Path) -> None:
    ran = redraft("complete", "sums.py:2:12", "--model", script([("return ", "a + b")]), "--steps")
    assert "\x1b" not in ran.stdout
    assert "return a + b" in ran.stdout
    assert "ms" in ran.stdout


@pytest.mark.parametrize(
    ("environment", "coloured"), [({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_steps_are_coloured_on_a_terminal_that_may_be(
    script: Script, sums: Path, environment: dict[str, str], coloured: bool
) -> None:
    pty = pytest.importorskip("pty")
    command = [REDRAFT, "complete", f"{sums}:2:12", "--model", script([("return ", "a + b")]), "--steps"]
    master, slave = pty.openpty()
    subprocess.run(command, stdout=slave, env={**os.environ, "TERM": "xterm", **environment}, timeout=300, check=True)
    shown = os.read(master, 100_000).decode()
    os.close(slave)
    os.close(master)
    assert "return" in shown and ("\x1b[" in shown) == coloured


def test_steps_show_no_control_characters_of_the_file(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("# \x1b]0;title\x07\nx = \n")
    ran = redraft("complete", "evil.py:2:5", "--model", script([("x = ", "1")]), "--steps")
    assert "\x1b" not in ran.stdout
    assert "x = 1" in ran.stdout


class Page(HTMLParser):
    """Collects tags, attributes and text of a trace."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_trace_left_to_right_shows_the_likeliest_text_and_how_likely_it_is() -> None:
    snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
    steps = [Step("token", 5.0, (Slot("a", "filled", 0.25),)), Step("denoise", 9.0, (Slot("b", "filled", 0.5),), 1)]
    rows = trace.page(snapshot, 4, Completion(), steps).split("<tr>")[2:]
    assert ">likeliest<" in rows[0] and "p = 0.250" in rows[0]
    assert ">2<" in rows[1]


def test_a_trace_shows_whole_lines() -> None:
    def shown(snapshot: Snapshot, cursor: int) -> str:
        page = trace.page(snapshot, cursor, Completion(), [Step("prefill", 5.0)])
        return page.partition("<pre>")[2].partition("</pre>")[0].replace("<mark></mark>", "")

    lines = [f"number_{number} = {number}" for number in range(200)]
    snapshot = Snapshot.open("file:///a.py", 1, "python", "\r\n".join(lines))
    part = shown(snapshot, snapshot.line_range(100)[0]).split("\n")
    assert set(part) < set(lines) and len(part) > 40
    one = Snapshot.open("file:///a.py", 1, "python", "x" * 5000)
    assert shown(one, 2500) == "x" * 2 * trace.AROUND


def test_trace_is_one_page_that_runs_nothing(redraft: Run, script: Script, tmp_path: Path) -> None:
    hostile = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>"
    (tmp_path / "page.py").write_text(f"s = '{hostile}'\nx = \n")
    model = script([("x = ", '"<b>" + s')])
    ran = redraft("complete", "page.py:2:5", "--model", model, "--trace", "out.html")
    assert ran.stdout == '"<b>" + s\n'
    page = Page((tmp_path / "out.html").read_text())
    assert not {"script", "img", "link", "iframe", "b onerror"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]
    assert hostile in page.text
    assert '"<b>" + s' in page.text
    assert page.tags.count("tr") >= 2


def test_a_trace_of_a_file_that_is_left_alone_shows_nothing_of_it() -> None:
    snapshot = Snapshot.open("file:///app/.env", 1, "dotenv", "PASSWORD=hunter2\nX=\n")
    page = trace.page(snapshot, 19, Completion(reason="keys and secrets are never read"), [])
    assert "keys and secrets are never read" in page and "hunter2" not in page


def test_a_trace_that_cannot_be_written_costs_no_answer(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("x = \n")
    ran = redraft("complete", "page.py:1:5", "--model", script([("x = ", "1 + y")]), "--trace", "nowhere/out.html")
    assert ran.stdout == "1 + y\n"
    assert "nowhere/out.html cannot be written" in one_sentence(ran)


# ---- errors


@pytest.mark.parametrize(
    ("place", "wanted"),
    [
        ("none.py:1:1", "there is no file none.py"),
        ("sums.py:99:1", "has lines 1 to 7"),
        ("sums.py:0:1", "has lines 1 to 7"),
        ("sums.py:2:13", "columns 1 to 12"),
        ("sums.py:2:0", "columns 1 to 12"),
        ("sums.py:2", "write FILE:LINE:COL"),
        ("sums.py:1-2:3", "write FILE:LINE:COL"),
        (".:1:1", "is a folder"),
        (":1:1", "no file is named"),
        ("binary.bin:1:1", "is a binary file"),
        ("latin.py:1:1", "is not UTF-8 text"),
    ],
)
def test_a_wrong_place_is_one_sentence(
    redraft: Run, script: Script, sums: Path, tmp_path: Path, place: str, wanted: str
) -> None:
    (tmp_path / "binary.bin").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    assert wanted in one_sentence(redraft("complete", place, "--model", script([("x", "y")])))


def test_a_huge_file_is_one_sentence(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "huge.py").write_text("x" * 10_000_001)
    for file in ("huge.py", *filter(os.path.exists, ["/dev/zero"])):
        ran = redraft("complete", f"{file}:1:1", "--model", script([("x", "y")]))
        assert "at most 10,000,000" in one_sentence(ran)


def test_an_unknown_language_is_plain_text(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "story.xyz").write_text("once upon ")
    ran = redraft("complete", "story.xyz:1:11", "--model", script([("upon ", "a time")]))
    assert ran.stdout == "a time\n"


def copy_of_the_model(folder: Path) -> Path:
    shutil.copytree(ROOT / "engine" / "weights" / "redraft-135m", folder)
    return folder


def test_a_missing_model_is_one_sentence(redraft: Run, sums: Path) -> None:
    assert "there is no model folder nowhere" in one_sentence(redraft("complete", "sums.py:2:12", "--model", "nowhere"))


def test_a_folder_is_looked_for_where_the_user_stands(redraft: Run, sums: Path) -> None:
    sentence = one_sentence(redraft("complete", "sums.py:2:12", "--model", ".."))
    assert "No model in ..: config.json is missing" in sentence


def test_an_empty_model_folder_is_one_sentence(redraft: Run, sums: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "config.json is missing" in one_sentence(redraft("complete", "sums.py:2:12", "--model", "./empty"))


def test_a_truncated_model_is_one_sentence(redraft: Run, sums: Path, tmp_path: Path) -> None:
    folder = copy_of_the_model(tmp_path / "cut")
    largest = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    with largest.open("r+b") as stream:
        stream.truncate(1000)
    assert largest.name in one_sentence(redraft("complete", "sums.py:2:12", "--model", "./cut"))


def test_a_model_of_another_version_is_one_sentence(redraft: Run, sums: Path, tmp_path: Path) -> None:
    config = copy_of_the_model(tmp_path / "new") / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"format_version": 99}))
    assert "format_version 99" in one_sentence(redraft("complete", "sums.py:2:12", "--model", "./new"))


@pytest.mark.parametrize("text", ["", "not json", "[1]", '{"rules": 3}', '{"rules": [{"after": "x"}]}'])
def test_a_wrong_script_is_one_sentence(redraft: Run, sums: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    assert "is no script" in one_sentence(redraft("complete", "sums.py:2:12", "--model", "scripted:bad.json"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["complete", "sums.py:2:12", "--mode", "bold"], "'speedy', 'quality'"),
        (["complete"], "FILE:LINE:COL; redraft complete --help says"),
        (["sing"], "'complete', 'fix'"),
        ([], "COMMAND; redraft --help says"),
        (["stats", "--model", "x"], "unrecognized arguments: --model x"),
    ],
)
def test_wrong_usage_is_one_sentence(redraft: Run, sums: Path, arguments: list[str], said: str) -> None:
    ran = redraft(*arguments)
    assert said in one_sentence(ran)
    assert ran.returncode == 2


def test_version_and_help(shell: Run) -> None:
    assert re.match(r"redraft \d+\.\d+\.\d+\n$", shell("--version").stdout)
    menu = shell("--help").stdout
    assert all(command in menu for command in ("lsp", "complete", "fix", "fill", "serve", "doctor", "stats"))
    assert "FILE:LINE:COL" in shell("complete", "--help").stdout


def test_a_reader_that_has_enough_is_no_error(script: Script, sums: Path, tmp_path: Path) -> None:
    lines = "".join(json.dumps({"id": i, "prefix": "return "}) + "\n" for i in range(2000))
    command = f'"{REDRAFT}" fill --model "{script([("return ", "a + b")])}" 2>err.txt | head -n 1'
    ran = subprocess.run(
        ["bash", "-c", command], input=lines, capture_output=True, text=True, cwd=tmp_path, timeout=300
    )
    assert json.loads(ran.stdout)["id"] == 0
    assert (tmp_path / "err.txt").read_text() == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no disk that is always full")
@pytest.mark.parametrize("command", ["complete sums.py:2:12 --model '{}'", "--version"])
def test_a_full_disk_is_one_sentence(script: Script, sums: Path, tmp_path: Path, command: str) -> None:
    command = f"exec {REDRAFT} {command.format(script([('return ', 'a + b')]))} >/dev/full"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert (
        one_sentence(ran) == "redraft: the system refused (No space left on device); check disk space and permissions."
    )
    assert ran.returncode == 1


# ---- fix

BROKEN = "def mean(values):\n    total = sum(values)\n    return total / len(value)\n"
FIXED = BROKEN.replace("len(value)", "len(values)")
REPAIR = [
    ("    return total / len(", "values)"),
    ("    return ", "total / len(values)"),
    ("total = sum(values)\n", "    return total / len(values)"),
]


def test_fix_shows_a_diff_and_writes_nothing(redraft: Run, script: Script, tmp_path: Path) -> None:
    path = tmp_path / "mean.py"
    path.write_text(BROKEN)
    ran = redraft("fix", "mean.py:3", "--model", script(REPAIR))
    assert "-    return total / len(value)\n+    return total / len(values)\n" in ran.stdout
    assert path.read_text() == BROKEN


def test_fix_apply_keeps_everything_else_byte_for_byte(shell: Run, script: Script, tmp_path: Path) -> None:
    path = tmp_path / "mean.py"
    raw = b"\xef\xbb\xbf" + BROKEN.replace("\n", "\r\n").rstrip().encode()
    path.write_bytes(raw)
    path.chmod(0o640)
    ran = shell("fix", "mean.py:3", "--apply", "--model", script(REPAIR))
    assert ran.returncode == 0, ran.stderr
    assert path.read_bytes() == raw.replace(b"len(value)", b"len(values)")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".mean")] == []


def test_fix_json_names_places(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(BROKEN)
    answer = json.loads(redraft("fix", "mean.py:3", "--json", "--model", script(REPAIR)).stdout)
    assert len(answer["edits"]) == 1
    assert answer["edits"][0]["start"]["line"] == 3
    assert answer["applied"] is False
    assert answer["places"][0]["gain"] > 0


def test_fix_without_a_line_needs_a_syntax_error(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(FIXED)
    assert "no syntax error" in one_sentence(redraft("fix", "mean.py", "--model", script(REPAIR)))


def test_fix_without_a_line_of_a_head_without_a_body(redraft: Run, script: Script, tmp_path: Path) -> None:
    """Python refuses it, and the grammar does not."""
    (tmp_path / "mean.py").write_text(FIXED.replace("    total =", "    for value in values:\n    total ="))
    ran = redraft("fix", "mean.py", "--json", "--model", script(REPAIR))
    assert len(json.loads(ran.stdout)["places"]) == 1


@pytest.mark.parametrize("place", [".env", ".env:1"])
def test_fix_leaves_secrets_alone(redraft: Run, script: Script, tmp_path: Path, place: str) -> None:
    (tmp_path / ".env").write_text("KEY = (\n")
    assert ".env is left alone: keys and secrets" in one_sentence(redraft("fix", place, "--model", script(REPAIR)))


def test_fix_without_a_line_says_where_nobody_can_know(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("KEY = (\n")
    assert "without a grammar" in one_sentence(redraft("fix", "notes.txt", "--model", script(REPAIR)))


def test_fix_looks_above_a_syntax_error(redraft: Run, script: Script, tmp_path: Path) -> None:
    text = "import json\n\n\nclass Store\n    def load(self):\n        return json\n"
    (tmp_path / "store.py").write_text(text)
    ran = redraft("fix", "store.py", "--model", script([("json\n\n\n", "class Store:\n    def load(self):")]))
    assert "-class Store\n+class Store:\n" in ran.stdout, ran.stderr


def test_fix_looks_at_what_is_broken_in_the_text_as_it_then_is(redraft: Run, tmp_path: Path) -> None:
    """Of two slips that touch one repair mends one, and the second begins where that is done."""
    right = """\
def mean(values):
    total = sum(values)
    if not values:
        return 0.0
    return total / len(values)


def spread(values):
    low, high = min(values), max(values)
    for value in values:
        if value < low:
            low = value
    return high - low
"""
    wrong = right
    for piece in ("sum(values)", "if not values:", "in values:", "if value < low:"):
        wrong = wrong.replace(piece, piece[:-1])
    path = tmp_path / "mean.py"
    path.write_text(wrong)
    ran = redraft("fix", "mean.py", "--apply")
    assert path.read_text() == right, ran.stderr


def test_fix_closes_a_block_where_it_ends(redraft: Run, tmp_path: Path) -> None:
    """C has functions within others: the brace is missed at the end of the text only."""
    right = """\
static int total(const struct node *head) {
    int sum = 0;
    for (const struct node *at = head; at != NULL; at = at->next) {
        sum += at->count;
    }
    return sum;
}

static void release(struct node *head) {
    free(head->name);
    free(head);
}
"""
    path = tmp_path / "list.c"
    path.write_text(right.replace("    }\n", ""))
    ran = redraft("fix", "list.c", "--apply")
    assert path.read_text() == right, ran.stderr


def test_fix_asks_once_about_what_cannot_be_mended() -> None:
    """However many repairs are made around it; about what is less broken than before it asks again."""
    head, hopeless, asked = "class Store\n    pass\n\n\n", "one ? two\n\n\n", []

    class Mender:
        async def repair(self, snapshot: Snapshot, start: int, end: int, **_: Any) -> Repair:
            asked.append(snapshot.text[start:end].strip())
            at = snapshot.text.find("Store\n", start, end)
            return Repair((Edit(at + 5, at + 5, ":"),) if at >= 0 else ())

    text = "def one():\n    return 1\n\n\n".join([hopeless, head, hopeless, head, hopeless])
    snapshot = Snapshot.open("file:///store.py", 1, "python", text)
    _, mended = asyncio.run(fix._repair(cast(Completer, Mender()), snapshot, None, "quality"))
    assert mended == text.replace("Store", "Store:")
    assert sum("one ? two" in place for place in asked) == 3


def test_fix_of_lines_that_are_not_there(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(BROKEN)
    assert "lines 1 to 4" in one_sentence(redraft("fix", "mean.py:9", "--model", script(REPAIR)))
    for lines in ("3-1", "3-"):
        assert "names no lines" in one_sentence(redraft("fix", f"mean.py:{lines}", "--model", script(REPAIR)))


def test_a_diff_has_the_lines_that_patch_counts(redraft: Run, script: Script, tmp_path: Path) -> None:
    """Python splits lines at form feeds and at some signs of Unicode, too; `patch` and people do not."""
    (tmp_path / "mean.py").write_text("\x0c# Means\u2028of lists\n" + BROKEN)
    diff = redraft("fix", "mean.py:4", "--model", script(REPAIR)).stdout
    assert diff.split("\n")[2:] == [
        "@@ -1,4 +1,4 @@",
        " \x0c# Means\u2028of lists",
        " def mean(values):",
        "     total = sum(values)",
        "-    return total / len(value)",
        "+    return total / len(values)",
        "",
    ]


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch")
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_diff_of_the_first_lines_can_be_applied(redraft: Run, script: Script, tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "mean.py"
    path.write_bytes(mark + BROKEN.encode())
    diff = redraft("fix", "mean.py:3", "--model", script(REPAIR)).stdout
    subprocess.run(["patch", "-p0"], input=diff.encode(), cwd=tmp_path, check=True, capture_output=True)
    assert path.read_bytes() == mark + FIXED.encode()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_diff_has_the_line_ends_of_the_file_on_windows_too(script: Script, tmp_path: Path, end: str) -> None:
    (tmp_path / "mean.py").write_text(BROKEN, newline=end)
    as_there = "import sys; sys.stdout.reconfigure(encoding='cp1252', newline='\\r\\n'); from lsp_server import cli"
    program = [sys.executable, "-c", f"{as_there}; sys.exit(cli.run(sys.argv[1:]))"]
    arguments = ["fix", "mean.py:3", "--model", script(REPAIR)]
    ran = subprocess.run([*program, *arguments], capture_output=True, cwd=tmp_path, timeout=300, check=True)
    assert f"+    return total / len(values){end}".encode() in ran.stdout.splitlines(keepends=True)
    assert b"--- mean.py\n" in ran.stdout


def test_a_diff_names_a_file_of_windows_as_git_and_patch_read_it() -> None:
    path = PureWindowsPath("src\\mean.py")
    source = SourceFile(path, BROKEN.encode(), Snapshot.open("file:///C:/src/mean.py", 0, "python", BROKEN))  # type: ignore[arg-type]
    assert fix._diff(source, FIXED).startswith("--- src/mean.py\n+++ src/mean.py\n")


def test_fix_looks_at_every_line_of_a_long_range(redraft: Run, script: Script, tmp_path: Path) -> None:
    """A repair looks at twelve lines."""
    (tmp_path / "mean.py").write_text(BROKEN.replace("    total =", "    # the sum first\n" * 10 + "    total ="))
    ran = redraft("fix", "mean.py:1-13", "--model", script(REPAIR))
    assert "+    return total / len(values)\n" in ran.stdout, ran.stderr


def test_fix_of_an_empty_line_is_answered(redraft: Run, script: Script, tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(BROKEN + "\n")
    ran = redraft("fix", "mean.py:4", "--model", script(REPAIR))
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert ran.stderr.strip() == "redraft: found no better text here."


# ---- fill


def answers(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def test_fill_answers_in_order_and_a_bad_line_costs_only_itself(shell: Run, script: Script) -> None:
    lines = [
        b'{"id": 1, "prefix": "def add(a, b):\\n    return ", "suffix": "\\n", "language": "python", "path": "a.py"}',
        b"not json",
        b"",
        b'{"id": "two", "prefix": 7}',
        b'{"id": 3, "suffix": "x"}',
        b'{"id": "\xff"}',
        b'\xff\xfe{"id": 4}',
        b"[" * 200_000,
        b'["prefix"]',
        b'{"id": 5, "prefix": "return ", "mode": "bold"}',
        b'{"id": 6, "prefix": "return ", "max_tokens": 0}',
        b'{"id": 7, "prefix": "\\ud800 return ", "mode": "speedy", "max_tokens": 8}',
        b'{"id": NaN, "prefix": "return "}',
        b'{"id": 1e400, "prefix": "return "}',
    ]
    ran = shell("fill", "--model", script([("return ", "a + b")]), stdin=b"\n".join(lines) + b"\n")
    found = answers(ran)
    assert [answer["id"] for answer in found] == [1, None, "two", 3, None, None, None, None, 5, 6, 7, None, None]
    assert [index for index, answer in enumerate(found) if "completion" in answer] == [0, 10]
    assert {"id", "completion", "ms", "forwards", "tokens", "score", "finished", "reason"} == set(found[0])
    assert found[0]["completion"] == found[10]["completion"] == "a + b"
    told = [found[index]["error"] for index in (1, 4, 6, 7, 11, 12)]
    assert told == [
        "it is no JSON (Expecting value: line 1 column 1 (char 0))",
        "it is no JSON (byte 9 is not UTF-8)",
        "it is nested too deeply",
        "it is no JSON object",
        "it is no JSON (NaN is no number)",
        "it is no JSON (1e400 is no number)",
    ]
    assert "Traceback" not in ran.stderr
    assert ran.returncode == 1


def test_fill_ends_lines_as_the_sides_do(redraft: Run, script: Script) -> None:
    asked = {"prefix": "def f(a):\r\n", "suffix": "    return c\r\n", "language": "python"}
    ran = redraft("fill", "--model", script([("def f(a):\n", "    b = a\n    c = b")]), stdin=json.dumps(asked))
    assert answers(ran)[0]["completion"] == "    b = a\r\n    c = b\r\n"


def test_fill_says_whether_it_was_the_limit_that_left_nothing(redraft: Run, script: Script) -> None:
    lines = [json.dumps({"prefix": "x = ", "suffix": "\n", "max_tokens": most}) for most in (2, 64.0, 5000)]
    model = script([("x = ", '(("never closed')])
    cut, free, beyond = answers(redraft("fill", "--model", model, stdin="\n".join(lines)))
    assert (cut["completion"], cut["finished"], "max_tokens" in cut["reason"]) == ("", False, True)
    assert "max_tokens" not in free["reason"]
    assert "give 1 to 1024" in beyond["error"]


def test_fill_touches_no_secrets(redraft: Run, script: Script) -> None:
    lines = [
        json.dumps({"id": path, "prefix": "return ", "path": path}) for path in (".env", "/home/me/.ssh/id_rsa", "a.py")
    ]
    ran = redraft("fill", "--model", script([("return ", "a + b")]), stdin="\n".join(lines).encode())
    assert [answer["completion"] for answer in answers(ran)] == ["", "", "a + b"]
    assert [bool(answer["reason"]) for answer in answers(ran)] == [True, True, False]


def test_fill_of_nothing_is_nothing(redraft: Run, script: Script) -> None:
    ran = redraft("fill", "--model", script([("x", "y")]))
    assert (ran.stdout, ran.stderr, ran.returncode) == ("", "", 0)


def _heeds_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupt_ends_fill_while_it_waits_for_a_line(script: Script) -> None:
    command = [REDRAFT, "fill", "--model", script([("return ", "a + b")])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # Whoever runs the tests in the background of a shell has told all that they start to ignore it.
    with subprocess.Popen(command, text=True, preexec_fn=_heeds_interrupts, **pipes) as fill:
        assert fill.stdin is not None and fill.stdout is not None and fill.stderr is not None
        try:
            print('{"id": 1, "prefix": "return "}', file=fill.stdin, flush=True)
            assert json.loads(fill.stdout.readline())["id"] == 1
            fill.send_signal(signal.SIGINT)
            assert (fill.wait(30), fill.stderr.read()) == (130, "")
        finally:
            fill.kill()


@pytest.mark.parametrize(
    "region",
    [
        {"range": [47, 72]},
        {"range": {"start": {"line": 2, "character": 4}, "end": {"line": 2, "character": 29}}},
        {
            "diagnostics": [
                {
                    "message": "undefined",
                    "range": {"start": {"line": 2, "character": 23}, "end": {"line": 2, "character": 28}},
                }
            ]
        },
    ],
)
def test_fill_fix_repairs_a_text(redraft: Run, script: Script, region: dict[str, Any]) -> None:
    asked = {"id": 1, "text": BROKEN, "language": "python", **region}
    ran = redraft("fill", "--fix", "--model", script(REPAIR), stdin=json.dumps(asked))
    answer = answers(ran)[0]
    assert answer["text"] == FIXED
    assert answer["score"] > 0
    text = BROKEN
    for edit in reversed(answer["edits"]):
        text = text[: edit["start"]] + edit["text"] + text[edit["end"] :]
    assert text == FIXED


def test_fill_fix_repairs_what_diagnostics_tell_of_and_nothing_between(redraft: Run, script: Script) -> None:
    text = BROKEN + BROKEN.replace("mean", "middle") + BROKEN.replace("mean", "most")
    told = [
        {"range": {"start": {"line": line, "character": 23}, "end": {"line": line, "character": 28}}} for line in (8, 2)
    ]
    asked = {"id": 1, "text": text, "language": "python", "diagnostics": told}
    answer = answers(redraft("fill", "--fix", "--model", script(REPAIR), stdin=json.dumps(asked)))[0]
    assert answer["text"] == FIXED + BROKEN.replace("mean", "middle") + FIXED.replace("mean", "most")
    assert answer["reason"] == ""


@pytest.mark.parametrize("region", [[5, 2], [0, 10_000], "all", [1], {"start": 3}, [0.5, 2], [True, 2]])
def test_fill_fix_refuses_a_range_outside_the_text(redraft: Run, script: Script, region: object) -> None:
    ran = redraft(
        "fill", "--fix", "--model", script(REPAIR), stdin=json.dumps({"id": 1, "text": "x = 1", "range": region})
    )
    assert "range must be" in answers(ran)[0]["error"]
    assert ran.returncode == 1


# ---- doctor, lsp


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_one_that_says_and_hears_nothing(sums: Path, script: Script, closed: str) -> None:
    """As those who start a server in the background may leave it."""
    command = f"exec {REDRAFT} complete {sums}:2:12 --model '{script([('return ', 'a + b')])}' {closed}"
    ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert (ran.returncode, ran.stderr, "a + b" in ran.stdout) == (0, "", closed != ">&-")


def test_doctor_finds_a_missing_model(redraft: Run) -> None:
    ran = redraft("doctor", "--model", "nowhere")
    assert ran.returncode == 1
    assert "there is no model folder nowhere" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("0.0.0.0:8011", "--any-host"),
        ("nonsense", "HOST:PORT"),
        ("127.0.0.1:99999", "HOST:PORT"),
        (":8011", "HOST:PORT"),
    ],
)
def test_tcp_stays_on_loopback(redraft: Run, address: str, wanted: str) -> None:
    assert wanted in one_sentence(redraft("lsp", "--tcp", address))


def test_lsp_in_a_terminal_says_what_it_waits_for() -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    command = [REDRAFT, "lsp"]
    with subprocess.Popen(command, stdin=slave, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        said = server.stderr.readline()
        server.kill()
    os.close(slave)
    os.close(master)
    assert b"waiting for an editor" in said


# ---- the embedded model


def test_the_embedded_model_completes_code(shell: Run, tmp_path: Path) -> None:
    (tmp_path / "mean.py").write_text(
        'def mean(values):\n    """The arithmetic mean of a list of numbers."""\n    total = 0\n'
        "    for value in values:\n        total += \n    return total / len(values)\n"
    )
    ran = shell("complete", "mean.py:5:18", "--json", "--mode", "causal")
    answer = json.loads(ran.stdout)
    assert answer["suggestions"][0]["text"].startswith("value"), answer
    assert answer["mode"] == "causal"


def test_doctor_sees_two_wheels_of_one_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """onnxruntime-gpu beside onnxruntime: as pip leaves it, by its metadata (the wheel itself has 300 MB)."""
    metadata = tmp_path / "onnxruntime_gpu-1.32.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.32.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert cli.run(["doctor"]) == 1
    told = capsys.readouterr().out
    assert re.search(r"runtimes: +onnxruntime \S+, onnxruntime-gpu 1.32.0", told)
    assert "PROBLEM" in told and "pip uninstall -y onnxruntime onnxruntime-gpu" in told


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ImportError('DLL load failed while importing onnxruntime_pybind11_state', name='x')", "C++ Redistributable"),
        ("ModuleNotFoundError('No module', name='onnxruntime')", "pip install onnxruntime."),
    ],
)
def test_a_runtime_that_cannot_be_loaded_is_one_sentence(sums: Path, tmp_path: Path, error: str, said: str) -> None:
    """On Windows without Microsoft's C++ runtime, which neither Python nor onnxruntime brings."""
    (tmp_path / "onnxruntime.py").write_text(f"raise {error}")
    found = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from lsp_server import cli"
    program = f"{found}; sys.exit(cli.run(sys.argv[1:]))"
    arguments = [sys.executable, "-c", program, "complete", f"{sums}:2:12"]
    assert said in one_sentence(subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False))


def test_what_the_command_line_says_of_the_model_is_pinned_for_the_language_server() -> None:
    said = {
        "model": "here", "backend": "onnx", "device": "cpu", "dtype": "int8", "threads": 2, "mode": "causal",
        "remote.url": "http://localhost", "remote.kind": "fim", "remote.model": "there", "remote.proxy": "http://proxy",
    }  # fmt: skip
    flags = {f"--{name.removesuffix('.url').replace('.', '-')}": str(value) for name, value in said.items()}
    words = ["lsp", "--stdio", *(word for pair in flags.items() for word in pair)]
    assert lsp.pinned(cli.parser(words).parse_args(words)) == said
    assert lsp.pinned(cli.parser(["lsp"]).parse_args(["lsp"])) == {}


def test_a_device_that_is_not_there_is_one_sentence(redraft: Run) -> None:
    for device, told in {"cuda": "has no working CUDAExecutionProvider here", "tpu": "runs on cpu or cuda"}.items():
        ran = redraft("doctor", "--device", device)
        assert ran.returncode == 1 and "Traceback" not in ran.stderr
        assert told in ran.stdout


def test_doctor_measures_the_embedded_model(shell: Run) -> None:
    ran = shell("doctor")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "redraft-135m" in ran.stdout
    assert re.search(r"runs on: +onnxruntime \S+, CPUExecutionProvider", ran.stdout)
    assert re.search(r"a step: +\d+\.\d ms .*, so `auto` means causal\n", ran.stdout)
    assert re.search(r"next key: +\d+ ms: [1-4] context tokens, [1-9]\d* forwards", ran.stdout)
    assert re.search(r"http: +`redraft serve` answers .* on http://127.0.0.1:8012/", ran.stdout)
