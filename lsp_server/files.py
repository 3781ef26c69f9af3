"""Files on disk <-> snapshots, and places as the shell writes them."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from infill.document import Snapshot
from infill.languages import language_of_path
from lsp_server.errors import UserError

MOST_BYTES = 10_000_000
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A text file as read: its bytes, and the snapshot of its text without the byte order mark."""

    path: Path
    raw: bytes
    snapshot: Snapshot

    @classmethod
    def read(cls, name: str) -> SourceFile:
        """Raises UserError for whatever is no readable UTF-8 text file of at most 10 MB."""
        if not name:
            raise UserError("no file is named; write its path.")
        path = Path(name)
        try:
            if path.is_dir():
                raise IsADirectoryError  # Windows would say that permission is denied
            with path.open("rb") as stream:
                raw = stream.read(MOST_BYTES + 1)
        except FileNotFoundError:
            raise UserError(f"there is no file {name}; check the path.") from None
        except IsADirectoryError:
            raise UserError(f"{name} is a folder; name a file in it.") from None
        except OSError as error:
            raise UserError(f"{name} cannot be read ({error.strerror}); check its permissions.") from None
        if len(raw) > MOST_BYTES:
            raise UserError(f"{name} is too large: redraft reads at most {MOST_BYTES:,} bytes; use a smaller file.")
        if b"\0" in raw:
            raise UserError(f"{name} is a binary file; name a text file.")
        try:
            text = raw.removeprefix(BOM).decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{name} is not UTF-8 text (byte {error.start + 1}); convert it to UTF-8 first.") from None
        snapshot = Snapshot.open(path.absolute().as_uri(), 0, language_of_path(name), text)
        return cls(path, raw, snapshot)

    def write(self, text: str) -> None:
        """Replace the text of the file in place: links to it, its owner, mode and attributes stay, and so does a byte
        order mark. Until that is done, the old text lies in a second file beside it.

        Raises UserError when the file has changed since it was read, or cannot be written.
        """
        target, mark = self.path.resolve(), BOM if self.raw.startswith(BOM) else b""
        try:
            if target.read_bytes() != self.raw:
                raise UserError(f"{self.path} was changed by another program meanwhile; run the command again.")
            if not os.access(target, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            with _kept_beside(target, self.raw):
                _overwrite(target, mark + text.encode())
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written ({error.strerror}); check its permissions and its folder's."
            ) from None


@contextlib.contextmanager
def _kept_beside(target: Path, raw: bytes) -> Iterator[None]:
    """While a file is being written, its old text lies in a second file beside it, and is put back if writing fails.

    Raises UserError when it cannot be put back. The second file then stays, as it does when this process is killed.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".orig")
    os.close(handle)
    copy = Path(name)
    with contextlib.ExitStack() as stack:
        stack.callback(copy.unlink)
        _overwrite(copy, raw)
        try:
            yield
        except BaseException:
            try:
                _overwrite(target, raw)
            except OSError as error:
                stack.pop_all()
                raise UserError(f"{target} is half written ({error.strerror}); its old text is in {copy}.") from None
            raise


def _overwrite(path: Path, raw: bytes) -> None:
    with path.open("r+b") as stream:
        stream.write(raw)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())


def split_place(place: str, what: str) -> tuple[str, list[str]]:
    """`FILE:LINE:COL` -> FILE and what follows it, at most as many parts as `what` names. A drive letter is no part."""
    parts = place.split(":")
    numbers: list[str] = []
    while len(parts) > 1 and len(numbers) < what.count(":") and parts[-1] and not set(parts[-1]) - set("0123456789-"):
        numbers.insert(0, parts.pop())
    return ":".join(parts), numbers


def cursor_at(source: SourceFile, line: int, column: int) -> int:
    """The offset of LINE:COL, both from 1, columns in code points; the last column is the line's end.

    Raises UserError for a place outside the file.
    """
    start, end = line_span(source, line)
    if not 1 <= column <= end - start + 1:
        raise UserError(
            f"line {line} of {source.path} has columns 1 to {end - start + 1} and {column} is none of them; "
            "columns count characters from 1."
        )
    return start + column - 1


def line_span(source: SourceFile, line: int) -> tuple[int, int]:
    """(start, end) of a line counted from 1, without its ending. Raises UserError for a line the file does not have."""
    count = source.snapshot.line_count
    if not 1 <= line <= count:
        raise UserError(f"{source.path} has lines 1 to {count} and {line} is none of them; lines count from 1.")
    return source.snapshot.line_range(line - 1)


def place_of(snapshot: Snapshot, offset: int) -> dict[str, int]:
    """An offset as people count: line and column from 1, columns in code points."""
    line = snapshot.line_of(offset)
    return {"line": line + 1, "column": offset - snapshot.line_range(line)[0] + 1}
