"""What a renaming in one open document leaves behind in another: by hand for each way to take a name."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from infill.document import Snapshot
from infill.edits import Edit, apply
from infill.languages import language_of_path
from infill.next_edit import following

COUNT = "def count(rows, start=0):\n    return len(rows)\n"
TS = "export function count(rows: any[]) {\n  return rows.length;\n}\n"
GO = "package rows\n\nfunc Count(rows []int) int {\n\treturn len(rows)\n}\n"
UNTOUCHED = None


def opened(path: str, text: str) -> Snapshot:
    return Snapshot.open(f"file://{path}", 1, language_of_path(path), text)


def renamed(snapshot: Snapshot, old: str, new: str) -> Snapshot:
    at = snapshot.text.index(old)
    return snapshot.edit([Edit(at, at + len(old), new)], 2)


def after(there: Snapshot, here: Snapshot, others: Iterable[Snapshot] = ()) -> str | None:
    """The other document's text after what follows there; None where nothing does."""
    found = following(here, [there, *others])
    return apply(here.text, found.changes) if found is not None else None


CASES = {
    "from a sibling": (
        "/w/p/a.py", COUNT, "/w/p/b.py",
        "from .a import count\nfrom .c import other\nprint(count([]), other.count, 'count')\n",
        "from .a import total\nfrom .c import other\nprint(total([]), other.count, 'count')\n",
    ),
    "from a package": (
        "/w/p/q/__init__.py", COUNT, "/w/p/r/b.py",
        "from ..q import count as c\nfrom .. import q\nprint(c, q.count)\n",
        "from ..q import total as c\nfrom .. import q\nprint(c, q.total)\n",
    ),
    "from the root": (
        "/w/src/p/a.py", COUNT, "/w/tests/b.py",
        "import p.a\nfrom p import a as x\ndef f():\n    from p.a import count\n    return count, p.a.count, x.count\n",
        "import p.a\nfrom p import a as x\ndef f():\n    from p.a import total\n    return total, p.a.total, x.total\n",
    ),
    "hidden within": (
        "/w/p/a.py", COUNT, "/w/p/b.py",
        "from .a import count\ndef f(count):\n    return count\ndef g():\n    return count\n",
        "from .a import total\ndef f(count):\n    return count\ndef g():\n    return total\n",
    ),
    "its import has the new name": (
        "/w/p/a.py", COUNT, "/w/p/b.py",
        "from .a import total\nprint(count)\n",
        "from .a import total\nprint(total)\n",
    ),
    "of a module that is reached by another": ("/w/p/a.py", COUNT, "/w/b.py", "from p import count\n", UNTOUCHED),
    "of a standard module": ("/w/types.py", COUNT, "/w/b.py", "from types import count\n", UNTOUCHED),
    "of a module beside its root": ("/w/p/a.py", COUNT, "/v/b.py", "from p.a import count\n", UNTOUCHED),
    "brought by something else, too": (
        "/w/p/a.py", COUNT, "/w/p/b.py", "from .a import count\ncount = print\n", UNTOUCHED,
    ),
    "imported from elsewhere, too": (
        "/w/p/a.py", COUNT, "/w/p/b.py",
        "try:\n    from .a import count\nexcept ImportError:\n    from .c import count\n", UNTOUCHED,
    ),
    "the new name is taken": (
        "/w/p/a.py", COUNT, "/w/p/b.py", "from .a import count\ndef f(total):\n    return count(total)\n", UNTOUCHED,
    ),
    "the new name is another thing": (
        "/w/p/a.py", COUNT, "/w/p/b.py", "from .a import count\nprint(count, total)\n", UNTOUCHED,
    ),
    "broken": ("/w/p/a.py", COUNT, "/w/p/b.py", "from .a import count\nprint(count\n", UNTOUCHED),
    "passed on in a script": (
        "/w/a.ts", TS, "/w/s/b.ts",
        "import { count } from '../a.js';\nexport { count } from '../a';\nlet n = { count };\n",
        "import { total } from '../a.js';\nexport { total as count } from '../a';\nlet n = { count: total };\n",
    ),
    "all of a script": (
        "/w/a/index.ts", TS, "/w/b.tsx",
        "import * as a from './a';\nimport { count as c } from './a/index';\nlet x = <i>{a.count([c])}</i>;\n",
        "import * as a from './a';\nimport { total as c } from './a/index';\nlet x = <i>{a.total([c])}</i>;\n",
    ),
    "an alias of a bundler": ("/w/a.ts", TS, "/w/b.ts", "import { count } from '@/a';\n", UNTOUCHED),
    "not exported": ("/w/a.ts", TS.replace("export ", ""), "/w/b.ts", "import { count } from './a';\n", UNTOUCHED),
    "exported as the default": (
        "/w/a.ts", TS.replace("export", "export default"), "/w/b.ts", "import { count } from './a';\n", UNTOUCHED,
    ),
    "in the same package": (
        "/w/rows/a.go", GO, "/w/rows/b.go",
        "package rows\n\nvar n = Count(nil)\n\nfunc f(Count int) int { return Count }\n",
        "package rows\n\nvar n = Total(nil)\n\nfunc f(Count int) int { return Count }\n",
    ),
    "in a folder for a version": (
        "/w/shop/v2/rows/a.go", GO, "/w/shop/cmd/b.go",
        'package main\n\nimport "x.org/shop/v2/rows"\n\nvar n = rows.Count(nil)\n', UNTOUCHED,
    ),
    "in another package of the module": (
        "/w/shop/rows/a.go", GO, "/w/shop/cmd/b.go",
        'package main\n\nimport r "x.org/shop/v2/rows"\n\nvar n = r.Count(nil) + rows.Count(nil)\n',
        'package main\n\nimport r "x.org/shop/v2/rows"\n\nvar n = r.Total(nil) + rows.Count(nil)\n',
    ),
    "in a package called alike": (
        "/w/shop/rows/a.go", GO, "/w/shop/cmd/b.go",
        'package main\n\nimport "x.org/other/rows"\n\nvar n = rows.Count(nil)\n', UNTOUCHED,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_way_to_take_a_name(case: str) -> None:
    there, text, here, before, expected = CASES[case]
    old, new = ("Count", "Total") if here.endswith(".go") else ("count", "total")
    assert after(renamed(opened(there, text), old, new), opened(here, before)) == expected


def test_a_parameter_that_calls_name() -> None:
    there = renamed(opened("/w/p/a.py", COUNT), "start", "first")
    here = opened(
        "/w/p/b.py", "from . import a\nfrom .a import count as c\nc([], start=1), a.count(start=2), f(start=3)"
    )
    assert after(there, here) == here.text.replace("start=1", "first=1").replace("start=2", "first=2")


def test_a_parameter_that_is_called_like_its_function_is_not_that() -> None:
    there = opened("/w/p/a.py", "def count(count=0): ...\n").edit([Edit(10, 15, "total")], 2)
    assert there.text.startswith("def count(total")
    assert after(there, opened("/w/p/b.py", "from .a import count\ncount(count=1)\n")) is None


def test_where_two_open_documents_fit_nothing_follows() -> None:
    there = renamed(opened("/w/p/a.py", COUNT), "count", "total")
    here = opened("/w/p/b.py", "from .a import count\n")
    assert after(there, here) == "from .a import total\n"
    assert after(there, here, [opened("/w/p/a/__init__.py", "")]) is None


@pytest.mark.parametrize("more", ["count = total\n", "def total(): ...\n", "from .c import count\n", "count("])
def test_of_a_name_that_stays_or_was_taken_nothing_follows(more: str) -> None:
    there, here = opened("/w/p/a.py", COUNT + more), opened("/w/p/b.py", "from .a import count\n")
    assert after(renamed(there, "count", "total"), here) is None


def test_generated_files_are_not_looked_at() -> None:
    there = renamed(opened("/w/p/a.py", "# @generated\n" + COUNT), "count", "total")
    assert after(there, opened("/w/p/b.py", "from .a import count\n")) is None


def test_what_is_imported_there_is_another_thing_by_another_name() -> None:
    there = renamed(opened("/w/p/a.py", "from .rows import count\n"), "count", "total")
    assert after(there, opened("/w/p/b.py", "from .a import count\n")) is None
