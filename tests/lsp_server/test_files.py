"""Files of the command line's: what may not be written stays, and what is written stays the file that it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.errors import UserError
from lsp_server.files import SourceFile

OLD, NEW = "x = 1\n", "x = 1  # one\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.py"
    path.write_text(OLD)
    return path


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def test_a_file_that_may_not_be_written_is_not_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder may be: a new file in its place would be nobody's wish. (Who runs tests as root may write all.)"""
    path.chmod(0o444)
    may = os.access
    monkeypatch.setattr(os, "access", lambda where, mode: Path(where) != path and may(where, mode))
    source = SourceFile.read(str(path))
    with pytest.raises(UserError, match="check its permissions"):
        source.write(NEW)
    assert path.read_text() == OLD and names(path.parent) == ["a.py"]


def test_what_is_written_is_the_file_that_was_there(path: Path) -> None:
    """Under each of its names, with its owner and mode."""
    hard, soft = path.with_name("hard.py"), path.with_name("soft.py")
    hard.hardlink_to(path)
    soft.symlink_to("a.py")
    path.chmod(0o750)
    if os.geteuid() == 0:
        os.chown(path, 4321, 4321)
    before = path.stat()
    SourceFile.read(str(soft)).write(NEW)
    assert soft.is_symlink() and hard.read_text() == path.read_text() == NEW
    after = path.stat()
    for kept in ("st_ino", "st_mode", "st_uid", "st_gid", "st_nlink"):
        assert getattr(after, kept) == getattr(before, kept)
    assert names(path.parent) == ["a.py", "hard.py", "soft.py"]


def test_a_file_that_was_changed_meanwhile_is_left_alone(path: Path) -> None:
    source = SourceFile.read(str(path))
    path.write_text("y = 2\n")
    with pytest.raises(UserError, match="changed by another program"):
        source.write(NEW)
    assert path.read_text() == "y = 2\n" and names(path.parent) == ["a.py"]


@pytest.mark.parametrize("failures", [1, 2])
def test_what_a_full_disk_leaves_half_written_comes_back_or_stays_beside_it(
    path: Path, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    source, sync, asked = SourceFile.read(str(path)), os.fsync, 0

    def full(handle: int) -> None:
        nonlocal asked
        asked += 1
        if 1 < asked <= 1 + failures:  # the copy still fits
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device") as told:
        source.write(NEW)
    if failures == 1:
        assert path.read_text() == OLD and names(path.parent) == ["a.py"]
    else:
        copy = next(path.parent.glob(".a.py.*.orig"))
        assert copy.read_text() == OLD and str(copy) in str(told.value)


def test_no_text_is_lost_when_the_process_dies(path: Path) -> None:
    dies = (
        "import os, sys; from lsp_server.files import SourceFile; source = SourceFile.read(sys.argv[1]); "
        "sync, asked = os.fsync, []; "
        "os.fsync = lambda handle: os._exit(9) if asked else asked.append(sync(handle)); "
        f"source.write({NEW!r})"
    )
    root = str(Path(__file__).parent.parent.parent)
    ran = subprocess.run([sys.executable, "-c", dies, str(path)], cwd=root, check=False)
    assert ran.returncode == 9
    assert [one.read_text() for one in path.parent.glob(".a.py.*.orig")] == [OLD]
