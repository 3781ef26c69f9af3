"""What other files contribute: outlines, resolved imports, regions just edited or alike; and who is never read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from infill import context, syntax
from infill.around import Around
from infill.complete import Completer, Preferences
from infill.context import alike, begun, gather, imported, in_cell, recently_edited
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import FillRequest, FillResult, Score
from infill.memo import Memo
from infill.outline import outline as signatures
from infill.region import Region
from infill.site import look
from infill.slips import near
from infill.trim import trim

HERE = Path(__file__).parent
SOURCES = sorted((HERE / "sources").iterdir())


def outline(snapshot: Snapshot) -> str:
    """All of a file's signatures."""
    return "\n".join(one.text for one in signatures(snapshot))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
class TestOutline:
    """`outlines/<language id>.txt` are the files of `sources` as others see them."""

    def test_of_a_file(self, source: Path) -> None:
        snapshot = Snapshot.open("a", 1, source.stem, source.read_text(encoding="utf-8"))
        expected = (HERE / "outlines" / f"{source.stem}.txt").read_text(encoding="utf-8")
        assert outline(snapshot) + "\n" == expected

    def test_with_the_documents_line_endings(self, source: Path) -> None:
        text = source.read_text(encoding="utf-8").replace("\n", "\r\n")
        assert "\r" not in outline(Snapshot.open("a", 1, source.stem, text))

    def test_of_half_a_file_is_an_outline_too(self, source: Path) -> None:
        text = source.read_text(encoding="utf-8")
        for end in range(0, len(text), 37):
            assert len(outline(Snapshot.open("a", 1, source.stem, text[:end]))) <= 2 * end


def test_plain_text_has_no_outline() -> None:
    assert outline(Snapshot.open("a", 1, "plaintext", "def f(): pass")) == ""


@pytest.mark.parametrize("text", ["(" * 20_000, "def f():\n    x = " + "[" * 20_000])
def test_a_heap_of_marks_has_no_outline_and_is_not_looked_through(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A query over it takes seconds, and every keystroke waits for it."""
    looks = list[str]()
    monkeypatch.setattr(syntax, "_captures", lambda row, *_: looks.append(row.id) or [])  # type: ignore[func-returns-value]
    assert outline(Snapshot.open("a", 1, "python", text)) == ""
    assert not looks


def test_a_list_of_imported_names_is_not_read_to_the_end_of_the_file_for_each_import() -> None:
    found = context._SCRIPT.search("import\n" * 1000 + '"./b"')
    assert found is not None
    assert len(found.group()) <= 2_010


def test_a_line_of_dots_is_read_once() -> None:
    """Not once for each way to part it into the dots before a module and those within: 15,000 took seconds."""
    dots, module = r"(\.*+)", r"([\w.]*+)"
    assert dots + module in context._PYTHON_FROM.pattern


def test_a_long_table_is_not_shown_whole() -> None:
    text = "TABLE = [\n" + "    1,\n" * 500 + "]\n\n\ndef f(a): return a\n"
    assert outline(Snapshot.open("a", 1, "python", text)) == "TABLE = [ ...\ndef f(a): ..."


def opened(path: str, text: str = "", language: str = "") -> Snapshot:
    by_end = {"py": "python", "ts": "typescript", "tsx": "typescriptreact", "js": "javascript", "rs": "rust", "h": "c"}
    end = path.rsplit(".", 1)[-1]
    return Snapshot.open(f"file://{path}", 1, language or by_end.get(end, end), text)


def line(snapshot: Snapshot, text: str) -> tuple[int, int]:
    """A hole at the end of the line that has a text."""
    end = snapshot.line_range(snapshot.line_of(snapshot.text.index(text)))[1]
    return end, end


SHOWN = {
    "python": "def shown(): ...\n",
    "typescript": "export function shown() {}\n",
    "javascript": "export function shown() {}\n",
    "go": "package a\n\nfunc shown() {}\n",
    "rust": "pub fn shown() {}\n",
    "c": "int shown(void) { return 1; }\n",
    "cpp": "int shown() { return 1; }\n",
    "java": "class Shown { int shown() { return 1; } }\n",
}


@pytest.mark.parametrize(
    ("path", "statement", "others"),
    [
        ("/w/app/main.py", "from shop.cart import Cart", ["/w/shop/cart.py"]),
        ("/w/app/main.py", "from .cart import Cart\nfrom . import tax", ["/w/app/cart.py", "/w/app/tax.py"]),
        ("/w/app/main.py", "from ..shop import (\n    cart,\n    tax as t,\n)", ["/w/shop/cart.py", "/w/shop/tax.py"]),
        (
            "/w/app/main.py",
            "from ..shop import (  # noqa\n    cart,  # carts, rows\n    tax,\n)",
            ["/w/shop/cart.py", "/w/shop/tax.py"],
        ),
        ("/w/app/main.py", "import shop.cart as c, json", ["/w/shop/cart.py"]),
        ("/w/app/main.py", "import shop", ["/w/shop/__init__.py"]),
        ("/w/src/main.ts", "import { cart } from './shop/cart';", ["/w/src/shop/cart.ts"]),
        ("/w/src/main.ts", 'import {\n  a,\n  b,\n} from "../lib";', ["/w/lib/index.ts"]),
        ("/w/src/main.ts", "export * from './cart.js';", ["/w/src/cart.ts"]),
        ("/w/src/main.tsx", "import Cart from '@/shop/Cart';", ["/w/src/shop/Cart.tsx"]),
        ("/w/src/main.js", "const cart = require('./cart');", ["/w/src/cart.js"]),
        ("/w/src/main.js", "const cart = await import('./cart');", ["/w/src/cart.js"]),
        ("/w/src/main.ts", "import { Cart } from './shop/cart.service';", ["/w/src/shop/cart.service.ts"]),
        ("/w/src/main.ts", "import { Cart } from './shop/cart.service.js';", ["/w/src/shop/cart.service.ts"]),
        ("/w/src/main.ts", "import { Cart } from '@/shop/cart.service';", ["/w/src/shop/cart.service.ts"]),
        ("/w/src/main.ts", "import { Cart } from './cart.js';", ["/w/src/cart.d.ts"]),
        ("/w/main.go", 'package main\n\nimport (\n\t"fmt"\n\t"example.org/m/shop/cart"\n)', ["/w/shop/cart/cart.go"]),
        ("/w/src/main.rs", "use crate::shop::cart::{Cart, Item};", ["/w/src/shop/cart.rs"]),
        ("/w/src/main.rs", "mod shop;", ["/w/src/shop/mod.rs"]),
        ("/w/src/main.rs", "pub(crate) mod shop;\nmod tests {\n    use super::*;", ["/w/src/shop.rs"]),
        (
            "/w/src/main.rs",
            "use crate::{\n    shop::{self, cart::{Cart, Item as Row}},\n    tax,\n};",
            ["/w/src/shop/cart.rs", "/w/src/tax.rs"],
        ),
        ("/w/src/main.c", '#include "shop/cart.h"\n#include <stdio.h>', ["/w/src/shop/cart.h"]),
        ("/w/src/main.cpp", "#include <shop/cart.hpp>", ["/w/include/shop/cart.hpp"]),
        ("/w/app/main.py", "from .lib import shown", ["/w/app/lib.py"]),
        ("/w/src/main.ts", "import { shown } from './index';", ["/w/src/index.ts"]),
        ("/w/src/app/Main.java", "package app;\n\nimport shop.Cart;", ["/w/src/shop/Cart.java"]),
    ],
)
def test_imports_are_found_among_the_open_files(path: str, statement: str, others: list[str]) -> None:
    languages = {"hpp": "cpp", "cpp": "cpp"}
    main = opened(path, statement + "\n\nshown() Shown\n", languages.get(path.rsplit(".", 1)[-1], ""))
    strangers = [opened("/w/app/other.py", "def other(): ...\n"), opened("/w/src/other.ts", "function other() {}\n")]
    wanted = []
    for other in others:
        language = opened(other, "", languages.get(other.rsplit(".", 1)[-1], "")).language
        wanted.append(opened(other, SHOWN[language.replace("react", "")], language))
    found = imported(main, line(main, "shown()"), [*strangers, *wanted])
    assert [snippet.path for snippet in found] == [one.short_path for one in wanted]
    assert all("shown" in snippet.text for snippet in found)


def test_of_an_import_what_is_named_on_the_line_is_shown() -> None:
    text = (
        "import os\nRATE = 0.19\n\n\n@cached\n@traced\ndef load(path): ...\n\n\nclass Cart:\n    rows: list\n\n"
        "    def total(self): return 1\n\n\ndef save(path): ...\n"
    )
    cart = opened("/w/app/cart.py", text)
    main = opened("/w/app/main.py", "from .cart import *\nsave(RATE)\nprint(Cart(load(1)))\nx = loaded\n")
    (found,) = imported(main, line(main, "print"), [cart])
    assert found.text == "@cached\n@traced\ndef load(path): ...\nclass Cart:\n    rows: list\n    def total(self): ..."
    assert imported(main, line(main, "x = "), [cart]) == []
    (both,) = imported(main, (main.text.index("save"), main.text.index("print") + 10), [cart])
    assert "RATE" in both.text and "def save" in both.text and "class Cart" in both.text


@pytest.mark.parametrize(
    ("language", "text", "names"),
    [
        ("go", "package a\n\nconst (\n\tRed = iota\n\tGreen\n)\n", {"Red", "Green"}),
        ("go", "package a\n\ntype (\n\tA struct{}\n\tB int\n)\n", {"A", "B"}),
        ("go", "package a\n\nfunc (s *Server) Run(x int) error { return nil }\n", {"Run"}),
        ("c", "enum color { RED, GREEN = 2 };\n", {"color", "RED", "GREEN"}),
        ("c", "typedef struct pair { int a; } pair_t, *pair_p;\n", {"pair_t", "pair_p"}),
        ("c", "static int *load(const char *path) { return 0; }\n", {"load"}),
        ("typescript", "export const one = 1, two = 2;\n", {"one", "two"}),
        ("typescript", "const { three, four: five } = six;\n", {"three", "five"}),
        ("python", "left, right = 1, 2\nRATE: float = 0.1\nos.environ['x'] = 1\n", {"left", "right", "RATE"}),
        ("python", "@app.get('/')\n@dataclass(frozen=True)\nclass Cart:\n    rows: list\n", {"Cart"}),
        ("rust", "impl<'a> Show for Cart<'a> { fn show(&self) {} }\n", {"Cart"}),
        ("java", "class Cart { int rows; }\n", {"Cart"}),
    ],
)  # fmt: skip
def test_what_signatures_are_called(language: str, text: str, names: set[str]) -> None:
    found = signatures(Snapshot.open("a", 1, language, text))
    assert {name for one in found for name in one.names} == names


def test_a_decorator_of_nothing_is_not_of_the_next_class() -> None:
    found = signatures(Snapshot.open("a", 1, "python", "class A:\n    @dec\nclass B: pass\n"))
    assert [set(one.names) for one in found] == [{"A"}, {"B"}]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("c", "int\n" + "*\n" * 900 + "x;"),
        ("python", "a" + ".b" * 900 + " = 1"),
        ("python", "a" + "[0]" * 900 + " = 1"),
    ],
)
def test_names_are_looked_for_only_so_deep(language: str, text: str) -> None:
    assert len(signatures(Snapshot.open("a", 1, language, text))) <= 1


def test_what_a_namespace_holds_is_looked_for_in_it() -> None:
    shop = "namespace store {\nnamespace inner {\nclass Cart {\n  int rows;\n};\n}\n}\n"
    main = opened("/w/main.cpp", '#include "shop.hpp"\nusing namespace std;\nCart a;\n', "cpp")
    (found,) = imported(main, line(main, "Cart"), [opened("/w/shop.hpp", shop, "cpp")])
    assert "class Cart" in found.text
    assert imported(main, line(main, "Cart"), [opened("/w/shop.hpp", shop.replace("Cart", "Basket"), "cpp")]) == []


def test_what_follows_a_dot_in_a_name_is_no_ending() -> None:
    cart = opened("/w/src/cart.ts", "export function total() {}\n")
    main = opened("/w/src/main.ts", "import { Cart } from './cart.service';\ntotal()\n")
    assert imported(main, line(main, "total()"), [cart]) == []


def test_what_is_exported_is_no_import() -> None:
    """Nor does the search for one go on past the declaration, as it did for pages where nobody writes semicolons."""
    cart = opened("/w/src/cart.ts", SHOWN["typescript"])
    for declared in (
        'export const NAME = "cart"\n',
        'export function cart(a = "cart") {}\n',
        'export interface Item {\n  id: number\n}\n\nconst a = "cart"\n',
    ):
        main = opened("/w/src/main.ts", f"{declared}shown()\n")
        assert imported(main, line(main, "shown()"), [cart]) == []


def test_the_lines_around_the_last_edit_of_other_files() -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    first, second, untouched = (opened(f"/w/{name}.py", text) for name in ("a", "b", "c"))
    at = text.index("line 50")
    first = first.edit([Edit(at, at, "new ")], 2)
    second = second.edit([Edit(0, 0, "top\n")], 2)
    found = recently_edited(opened("/w/main.py", "top(line)"), (0, 0), [first, second, untouched])
    assert [snippet.path for snippet in found] == ["w/a.py", "w/b.py"]
    assert found[0].text.split("\n")[0] == "line 44"
    assert "new line 50" in found[0].text
    assert found[0].text.split("\n")[-1] == "line 56"
    assert found[1].text.startswith("top\nline 0")
    assert found[0].score > found[1].score


def test_an_edit_of_something_that_is_not_named_here_is_nothing_to_it() -> None:
    other = opened("/w/other.py", "load(path)\nsave(path)\n" + "\n" * 20)
    edited = other.edit([Edit(0, 4, "fetch")], 2)
    for named, is_shown in (("fetch", True), ("load", True), ("path", True), ("save", False), ("fetched", False)):
        main = opened("/w/main.py", f"load(fetch, path)\nx = {named}")
        assert bool(recently_edited(main, line(main, "x = "), [edited])) is is_shown, named


def test_words_of_the_language_name_nothing() -> None:
    edited = opened("/w/other.py", "def save(self): return\n").edit([Edit(0, 0, "async ")], 2)
    assert recently_edited(opened("/w/main.py", "async def load(self): return self"), (0, 0), [edited]) == []


class TestAlike:
    NOISE = "x = 1\n" * 60
    OTHER = opened("/w/other.py", f"{NOISE}def invoice_total(invoice):\n    return invoice.net + invoice.tax\n{NOISE}")
    BEGUN = "def show(invoice):\n    print(invoice.net, invoice.tax, invoice_total)\n"

    def test_the_lines_that_share_most_names(self) -> None:
        main = opened("/w/main.py", self.BEGUN)
        second = opened("/w/second.py", "def unrelated(things):\n    return things.net\n")
        (found,) = alike(
            main, (len(main.text), len(main.text)), [second, self.OTHER, opened("/w/other.go", self.OTHER.text)]
        )
        assert "def invoice_total" in found.text
        assert found.path == "w/other.py"
        assert found.text.count("\n") < 25

    def test_files_of_other_languages_take_no_place(self) -> None:
        main = opened("/w/main.py", self.BEGUN)
        others = [opened(f"/w/{number}.go", self.OTHER.text) for number in range(20)]
        (found,) = alike(main, (len(main.text), len(main.text)), [*others, self.OTHER])
        assert found.path == "w/other.py"

    def test_lines_that_share_little_are_not_shown(self) -> None:
        main = opened("/w/main.py", "def show(invoice):\n    first, second, third = some(other, names, here)\n")
        assert alike(main, (len(main.text), len(main.text)), [self.OTHER]) == []

    def test_what_is_typed_on_a_line_changes_nothing(self) -> None:
        """Another piece would have to be read at that key."""
        other = opened(
            "/w/second.py", "def first(invoice):\n    return unlike.every, other.name, that, there, ever, was\n"
        )
        for end in range(len(typed := "    first = unlike.every, other.name, that, there, ever, was")):
            main = opened("/w/main.py", self.BEGUN + typed[:end])
            (found,) = alike(main, (len(main.text), len(main.text)), [other, self.OTHER])
            assert "def invoice_total" in found.text


class TestBegun:
    CART = opened(
        "/w/shop/cart.py",
        "RATE = 0.19\n\n\nclass Cart:\n    # torn\n    def total_of(self, tomorrow): return 1\n\n\n@tools\n"
        "def touch(path): ...\n",
    )

    def said(self, text: str, *others: Snapshot, path: str = "/w/app/main.py") -> str:
        main = opened(path, text.replace("‸", ""))
        return begun(main, (text.index("‸"), text.index("‸")), others)

    def test_lines_that_define_names_which_begin_so(self) -> None:
        assert self.said("from shop.cart import *\nx.tot‸\n", self.CART) == "# def total_of(self, tomorrow): ..."
        assert self.said("from shop.cart import *\nRAT‸\n", self.CART) == "# RATE = 0.19"

    @pytest.mark.parametrize("name", ["tom", "tor", "too", "To", "to", "total_off", "pat"])
    def test_what_is_no_such_name(self, name: str) -> None:
        """Parameters, comments, decorators, other letters, too few and too many of them."""
        assert self.said(f"from shop.cart import *\nx.{name}‸\n", self.CART) == ""

    @pytest.mark.parametrize("text", ["total = 1\nx.tot‸\n", "x.tot‸\nprint(total)\n", "x.cla‸\n", "class tou‸"])
    def test_where_a_name_in_sight_or_a_word_of_the_language_begins_so(self, text: str) -> None:
        assert self.said("from shop.cart import *\n" + text, self.CART, opened("/w/app/b.py", "clasp = 1\n")) == ""

    def test_more_than_a_few_say_nothing_until_more_is_written(self) -> None:
        many = opened("/w/app/many.py", "".join(f"def load_{name}(): ...\n" for name in ("a", "b", "c", "d", "eel")))
        assert self.said("loa‸", many) == ""
        assert self.said("load_e‸", many) == "# def load_eel(): ..."

    def test_files_that_are_imported_or_lie_beside_come_before_others(self) -> None:
        beside, far = opened("/w/app/a.py", "def touched(): ...\n"), opened("/w/far/b.py", "def touching(): ...\n")
        assert self.said("tou‸", far, beside) == "# def touched(): ..."
        assert self.said("from far import b\ntou‸", far, beside) == "# def touching(): ...\n# def touched(): ..."
        assert self.said("tou‸", far) == "# def touching(): ..."

    def test_of_its_language_alone(self) -> None:
        assert self.said("tou‸", opened("/w/app/main.go", "package a\n\nfunc touch() {}\n")) == ""
        go = opened("/w/app/b.go", "package a\n\nfunc (s *Store) touchAll(n int) {}\n")
        assert self.said("package a\n\nfunc b() {\n\ts.tou‸", go, path="/w/app/a.go") == (
            "// func (s *Store) touchAll(n int);"
        )

    def test_what_was_written_a_moment_ago(self) -> None:
        """In a buffer that nobody has saved; a name that is there no more is not shown."""
        at = self.CART.text.index("touch")
        renamed = self.CART.edit([Edit(at, at + 5, "touch_twice")], 2)
        assert self.said("from shop.cart import *\ntou‸", renamed) == "# def touch_twice(path): ..."

    def test_what_files_define_is_known_before_a_name_begins(self) -> None:
        """To read dozens of them takes longer than a key may."""
        beside, far = opened("/w/app/a.py", "def touched(): ...\n"), opened("/w/far/b.py", "def touching(): ...\n")
        assert self.said("‸", beside, far) == ""
        assert all(one.derived(lambda _: None, signatures) is not None for one in (beside, far))

    def test_of_what_may_not_be_read_nothing(self) -> None:
        assert self.said("tou‸", opened("/w/app/b.py", "# @generated\ndef touch(): ...\n")) == ""

    def test_the_file_itself_and_words_for_people_say_nothing(self) -> None:
        own = opened("/w/app/main.py", "def touch(): ...\n")
        assert self.said("tou‸", own) == ""
        assert self.said("tou‸", opened("/w/app/b.md", "touch this\n", "markdown"), path="/w/app/a.markdown") == ""


@dataclass
class Listening:
    """A filler that says nothing; `asked` is what it was asked."""

    asked: list[FillRequest] = field(default_factory=list)

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        return FillResult(())

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        raise AssertionError

    def warm(self, request: FillRequest, *, answer: bool = False) -> None: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("preferences", "remark"),
    [
        (Preferences(), "# def touch(path): ..."),
        (Preferences(open_files=False), ""),
        (Preferences(context_tokens=0), ""),
    ],
    ids=["by default", "no open files", "no tokens"],
)
async def test_what_begins_so_is_handed_on_if_wanted(preferences: Preferences, remark: str) -> None:
    filler, main = Listening(), opened("/w/app/main.py", "x = tou")
    await Completer(filler).complete(main, 7, others=[TestBegun.CART], preferences=preferences)
    (request,) = filler.asked
    assert request.remark == remark
    assert request.prefix == "x = tou"


@pytest.mark.parametrize(
    ("text", "is_told"),
    [
        ("x = f'{tou‸}'", True),
        ("x = f('tou‸')", False),
        ('"""\nWhat tou‸\n"""\n', False),
        ("# what tou‸", False),
    ],
)
async def test_words_do_without(text: str, is_told: bool) -> None:
    filler, main = Listening(), opened("/w/app/main.py", text.replace("‸", ""))
    await Completer(filler).complete(main, text.index("‸"), others=[TestBegun.CART], invoked=True)
    (request,) = filler.asked
    assert bool(request.remark) is is_told


class TestGather:
    MAIN = opened("/w/app/main.py", "from .secret import key\nfrom .cart import total\nx = total(key")
    CART = opened("/w/app/cart.py", "def total(key): ...\n").edit([Edit(0, 0, "\n")], 2)

    def paths(self, others: list[Snapshot], **options: object) -> set[str]:
        return {snippet.path for snippet in gather(self.MAIN, (60, 60), others, **options)}  # type: ignore[arg-type]

    def test_each_source_can_be_turned_off(self) -> None:
        off = {"imports": False, "recent_edits": False, "open_files": False}
        assert self.paths([self.CART], **off) == set()
        for source in off:
            assert self.paths([self.CART], **{**off, source: True}) == {"app/cart.py"}, source

    @pytest.mark.parametrize(
        "other",
        [
            opened("/w/app/secret.py", "# @generated\nkey = total\n"),
            opened("/w/app/secret.py", "key = total" + "x" * 30_000),
            opened("/w/app/secret.py", "-----BEGIN RSA PRIVATE KEY-----\nkey = total\n"),
        ],
        ids=["generated", "huge", "a key"],
    )
    def test_what_its_text_forbids_is_never_read(self, other: Snapshot) -> None:
        edited = other.edit([Edit(len(other.text), len(other.text), "#")], 2)
        assert self.paths([edited, self.CART]) == {"app/cart.py"}

    def test_the_name_is_the_business_of_who_hands_files_on(self) -> None:
        """A workspace may lie in a folder called `vendor`."""
        other = opened("/w/vendor/app/secret.py", "").edit([Edit(0, 0, "key = total")], 2)
        assert self.paths([other]) == {"app/secret.py"}

    def test_the_file_itself_is_no_other_file(self) -> None:
        assert self.paths([self.MAIN.edit([Edit(0, 0, "x\n")], 2)]) == set()


def cell(text: str, name: str, language: str = "python") -> Snapshot:
    return Snapshot.open(f"vscode-notebook-cell:/w/book.ipynb#{name}", 1, language, text)


READS = cell(
    "import csv\n\ndef load_rows(path):\n    with open(path) as file:\n        return list(csv.reader(file))\n", "a"
)


class TestNotebooks:
    def test_cells_go_before_and_after_one_as_one_text(self) -> None:
        above = [READS, cell("x = 1\r\ny = 2", "c"), cell("  \n", "d"), cell("# Words", "m", "markdown")]
        found = in_cell(cell("print(x)\r\n", "b"), above, [cell("print(y)\n", "e")])
        assert found.before(6) == READS.text + "\nx = 1\ny = 2\n\nprint("
        assert found.after(6) == "x)\n\n\nprint(y)"
        assert in_cell(found, above, [cell("print(y)\n", "e")]) is found
        edited = found.edit([Edit(0, 5, "f")], 2)
        assert (edited.above, edited.below, edited.text) == (found.above, found.below, "f(x)\r\n")

    def test_imports_of_cells_above_count_once_they_are_there(self) -> None:
        module = Snapshot.open("file:///w/shapes.py", 1, "python", "def area(box):\n    return 1\n")
        text = "rows = load_rows(area"
        bare = in_cell(cell(text, "b"), [READS], [])
        assert gather(bare, (len(text), len(text)), [module]) == []
        found = in_cell(bare, [cell("from shapes import area", "i"), READS], [])
        read = gather(found, (len(text), len(text)), [module])
        assert [(one.path, one.text) for one in read] == [("w/shapes.py", "def area(box): ...")]

    def test_what_the_next_cell_says_is_not_said_before_it(self) -> None:
        found = in_cell(cell("x = 1\n", "b"), [READS], [cell("y = compute(x)\nprint(y)", "c")])
        hole = Around.at(found, 6, 6, "", look(found, 6, invoked=True), 2)
        assert hole.above[-3:] == ("        return list(csv.reader(file))", "", "x = 1")
        assert trim("y = compute(x)\nprint(y)", hole) is None
        assert trim("y = other(x)", hole) == "y = other(x)"

    def test_names_of_other_cells_may_be_what_was_meant(self) -> None:
        text = "rows = load_rosw(1)\n"
        found = in_cell(cell(text, "b"), [READS], [])
        region = Region.around(found, 0, len(text) - 1)
        assert any("load_rows(1)" in one for one in near(found, region))

    def test_a_proposal_is_not_remembered_under_other_cells(self) -> None:
        memo, text = Memo(), "rows."
        under = in_cell(cell(text, "b"), [READS], [])
        memo.remember(under, 5, 5, "sort()")
        assert memo.recall(under, 5) == (5, "sort()")
        assert memo.recall(in_cell(under, [cell("rows = {}", "a")], []), 5) is None

    @pytest.mark.slow
    async def test_a_name_of_the_cell_above_is_known(self, completer: Completer) -> None:
        text = "rows = load_"
        asked = Preferences(deadline=None)
        alone = await completer.complete(cell(text, "b"), len(text), preferences=asked)
        beside = await completer.complete(in_cell(cell(text, "c"), [READS], []), len(text), preferences=asked)
        assert [one.text for one in alone.suggestions] == []
        assert [one.text for one in beside.suggestions] == ["rows"]
