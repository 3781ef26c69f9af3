"""The counts of a user's machine: one file, several servers, numbers alone; and what `redraft stats` shows of them."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from lsprotocol import types

from lsp_server import session
from lsp_server.errors import UserError
from lsp_server.stats import COUNTED, Counts, Figures, Record, Row, time_class
from tests.conftest import REDRAFT
from tests.lsp_server.conftest import Editor

DAY = date(2026, 5, 4)
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "state" / "redraft" / "stats.db")


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Where commands started by this test keep theirs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Record.usual()


def test_counts_add_up_by_day_and_language(record: Record) -> None:
    assert record.rows() == []
    record.add({("python", "shown"): 2, ("go", "shown"): 1, ("go", "taken"): 0}, DAY)
    record.add({("python", "shown"): 3}, DAY)
    record.add({("python", "shown"): 4}, DAY + timedelta(1))
    assert sorted(record.rows(), key=str) == sorted(
        [Row(DAY, "python", "shown", 5), Row(DAY, "go", "shown", 1), Row(DAY + timedelta(1), "python", "shown", 4)],
        key=str,
    )
    assert record.path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    record.forget()
    record.forget()
    assert record.rows() == []


def test_several_servers_may_add_at_once(record: Record) -> None:
    program = (
        "import sys; from datetime import date; from pathlib import Path; from lsp_server.stats import Record\n"
        "for _ in range(20): Record(Path(sys.argv[1])).add({('c', 'shown'): 1}, date(2026, 5, 4))"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(record.path)]) for _ in range(3)]
    assert [one.wait(timeout=120) for one in running] == [0, 0, 0]
    assert record.rows() == [Row(DAY, "c", "shown", 60)]


def test_who_reads_while_the_first_is_added_finds_none_yet(record: Record) -> None:
    record.path.parent.mkdir(parents=True)
    record.path.touch()
    assert record.rows() == []
    record.add({("c", "shown"): 1}, DAY)
    assert record.rows() == [Row(DAY, "c", "shown", 1)]


def test_what_is_no_such_file_is_one_sentence(record: Record) -> None:
    record.path.parent.mkdir(parents=True)
    record.path.write_text("not a database, but long enough to be looked at as one" * 20)
    for attempt in (record.rows, lambda: record.add({("c", "shown"): 1}, DAY)):
        with pytest.raises(UserError, match=r"cannot be used .*--forget"):
            attempt()
    record.forget()
    record.add({("c", "shown"): 1}, DAY)
    with sqlite3.connect(record.path) as file:
        file.execute("PRAGMA user_version = 7")
    with pytest.raises(UserError, match="another redraft"):
        record.rows()


def test_a_folder_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"cannot be kept .*redraft\.stats"):
        Record(tmp_path / "state" / "stats.db").add({("c", "shown"): 1}, DAY)


def test_a_place_that_cannot_be_looked_at_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"stats\.db cannot be read \(.+\); check permissions"):
        Record(tmp_path / ("x" * 300) / "stats.db").rows()


@pytest.mark.parametrize("refusal", ["no space", "no journal"])
def test_a_disk_that_refuses_is_no_reason_to_throw_counts_away(record: Record, refusal: str) -> None:
    resource = pytest.importorskip("resource")
    record.add({("c", "shown"): 1}, DAY)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    if refusal == "no journal":
        record.path.with_name("stats.db-journal").mkdir()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        with pytest.raises(UserError, match="check permissions and space") as refused:
            record.add({("c", "shown"): 1}, DAY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert "--forget" not in str(refused.value)


def test_without_a_home_nothing_is_written_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no place for counts"):
        Record(Path("~/.local/state/redraft/stats.db")).add({("c", "shown"): 1}, DAY)
    assert list(tmp_path.iterdir()) == []


def test_times_are_told_to_a_tenth() -> None:
    for ms in (0.2, 1.0, 6.3, 47.0, 139.0, 2000.0):
        counted = Figures.of([Row(DAY, "c", time_class(ms), 1)]).milliseconds(0.5)
        assert counted is not None and max(ms, 1.0) <= counted * 1.0001 <= max(ms, 1.0) * 1.1
    times = Figures.of([Row(DAY, "c", time_class(10.0), 94), Row(DAY, "go", time_class(300.0), 6)])
    assert [round(times.milliseconds(share) or 0) for share in (0.5, 0.94, 0.95)] == [10, 10, 304]
    assert Figures.of([]).milliseconds(0.5) is None


def test_the_page(redraft: Run, usual: Record) -> None:
    assert "Nothing is counted yet" in redraft("stats").stdout
    today = date.today()
    counts = {"shown": 40, "taken": 10, "partly": 2, "pressed": 300, "saved": 100, "judged": 10, "stayed": 9}
    spent = {time_class(8.0): 90, time_class(120.0): 10}
    usual.add({("python", what): count for what, count in {**counts, **spent}.items()}, today)
    usual.add({("go", "fixes"): 1}, today)
    usual.add({("rust", "shown"): 4, ("rust", "taken"): 3, ("rust", "saved"): 50}, today - timedelta(40))
    page = redraft("stats")
    assert page.returncode == 0
    lines = {line[:38].strip(): line[38:].split() for line in page.stdout.splitlines() if line.strip()}
    assert lines["proposals shown"] == ["40", "40", "40", "44"]
    assert lines["taken"] == ["25", "%", "25", "%", "25", "%", "30", "%"]
    assert lines["what was taken, unchanged after 30 s"][-2:] == ["90", "%"]
    assert lines["keys saved by taking"] == ["100", "100", "100", "150"]
    assert lines["95 of 100 came within"][:2] == ["128", "ms"]
    assert lines["python"] == ["40", "25", "%", "25", "%"] and not {"go", "rust"} & {*lines}
    assert f"{today}  {'█' * 40} 100" in page.stdout
    assert str(usual.path) in page.stdout

    told = [json.loads(line) for line in redraft("stats", "--json").stdout.splitlines()]
    assert [(one["day"], one["language"]) for one in told] == [
        (str(today - timedelta(40)), "rust"), (str(today), "go"), (str(today), "python"),
    ]  # fmt: skip
    assert {name: told[2][name] for name in counts} == counts and set(told[2]) > set(COUNTED)
    assert told[2]["ms_50"] == 8 and told[0]["ms_50"] is None

    assert redraft("stats", "--forget").stdout == "Forgotten.\n"
    assert not usual.path.exists()


async def counted(folder: Path, *, ended: tuple[signal.Signals, int] | None = None, **options: object) -> None:
    """A proposal is taken in a real server of its own. ended: by a signal and with this status, in place of an end as
    the protocol has it."""
    model = folder / "model.json"
    model.write_text(json.dumps({"rules": [{"after": "return ", "write": "a + b * secret_name"}]}))
    editor = Editor()
    await editor.client.start_io(REDRAFT, "lsp", "--model", f"scripted:{model}")
    await editor.initialize(options=options)
    editor.open("secret_name = 1\ndef add(a, b):\n    return \n")
    (item,) = (await editor.ghost(2, 11)).items
    place = types.Range(types.Position(2, 11), types.Position(2, 11))
    change = types.TextDocumentContentChangePartial(range=place, text=str(item.insert_text))
    editor.client.text_document_did_change(
        types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(2, "file:///w/demo.py"), [change])
    )
    if ended:
        assert await editor.ask("redraft/lastTrace", {})  # the change has arrived
        server = editor.client._server
        assert server is not None
        server.send_signal(ended[0])
        assert await server.wait() == ended[1]
    else:
        await editor.client.shutdown_session()
    await editor.client.stop()


async def test_a_server_counts_what_its_user_takes_and_nothing_of_the_text(
    tmp_path: Path, usual: Record, redraft: Run
) -> None:
    await counted(tmp_path)
    figures = Figures.of(usual.rows())
    assert (figures.shown, figures.taken, figures.saved, figures.pressed) == (1, 1, 18, 1)
    assert sum(figures.times.values()) == 1
    assert {row.language for row in usual.rows()} == {"python"}
    everything = usual.path.read_bytes()
    assert not [word for word in (b"secret", b"demo", b"return", b"file:") if word in everything]
    assert json.loads(redraft("stats", "--json").stdout)["taken"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends no such signal to one process")
@pytest.mark.parametrize("ended", [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_a_server_that_is_interrupted_keeps_what_it_has_counted(
    tmp_path: Path, usual: Record, ended: tuple[signal.Signals, int]
) -> None:
    await counted(tmp_path, ended=ended)
    assert Figures.of(usual.rows()).taken == 1


async def test_nor_anything_where_that_is_off(tmp_path: Path, usual: Record) -> None:
    await counted(tmp_path, stats=False)
    assert usual.rows() == []
    assert not usual.path.parent.exists()


async def test_a_server_goes_on_where_counts_cannot_be_kept(tmp_path: Path, usual: Record) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    await counted(tmp_path)


async def test_that_counts_cannot_be_kept_is_said_once(
    editor: Editor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried every minute, for as long as an editor is open."""
    (tmp_path / "file").touch()
    tried = []

    class Refusing(Record):
        def add(self, counts: Counts, day: date) -> None:
            tried.append(counts)
            super().add(counts, day)

    monkeypatch.setattr(session, "_KEPT_EVERY", 0.01)
    editor.server.session._record = Refusing(tmp_path / "file" / "stats.db")
    await editor.initialize()
    editor.server.session.tally.counts["python", "shown"] += 1
    await editor.until(lambda: len(tried) > 2)
    assert ["cannot be kept" in one.message for one in caplog.records].count(True) == 1
