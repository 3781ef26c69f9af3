"""Where the cursor stands: a table of places, then every place of real-looking files, whole and cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from infill.document import Snapshot
from infill.languages import language
from infill.site import Site, look

SOURCES = sorted((Path(__file__).parent / "sources").iterdir())
INSIDE = ("comment", "string", "docstring")


def at(language_id: str, marked: str, invoked: bool = False) -> Site:
    cursor = marked.index("‸")
    return look(Snapshot.open("a", 1, language_id, marked.replace("‸", "")), cursor, invoked=invoked)


@pytest.mark.parametrize(
    ("language_id", "marked", "kind", "canvas", "lines"),
    [
        ("python", "f(‸)", "code", 8, 1),
        ("python", "x = ‸", "code", 16, 1),
        ("python", "def f():‸", "block", 32, 0),
        ("python", "def f(name:‸", "code", 16, 1),
        ("python", "for row in rows[1:‸", "code", 16, 1),
        ("python", "def f(\n    rows, key=lambda row: row[1:‸", "code", 16, 1),
        ("python", "if any(row for row in rows):‸", "block", 32, 0),
        ("gdscript", "func f(name:‸", "code", 16, 1),
        ("go", "case rows[1:‸", "code", 16, 1),
        ("python", "class A:  # note\n    ‸", "block", 32, 0),
        ("python", "def f(\n    a,\n) -> int:\n    ‸\n\nx = 1\n", "block", 32, 0),
        ("python", "def f():\n    ‸\n    return 1\n", "empty", 16, 1),
        ("python", "# read all of it\n‸\n", "empty", 32, 0),
        ("python", "# read all of it\n‸\nread()\n", "empty", 16, 1),
        ("python", "x = {'a':\n     ‸}", "code", 8, 1),
        ("python", 's = f"{a.‸}"', "code", 8, 1),
        ("python", 's = Rf"{a.‸', "code", 16, 1),
        ("python", 's = fR"{a.‸', "code", 16, 1),
        ("python", 's = f"{{a.‸', "string", 16, 1),
        ("python", 's = f"{{{a.‸', "code", 16, 1),
        ("python", 's = of "{a.‸', "string", 16, 1),
        ("python", '"""‸"""', "docstring", 8, 1),
        ("python", 'x = """‸"""', "string", 8, 1),
        ("python", "'‸'", "docstring", 8, 1),
        ("python", 'class A\n    def f(self\n        """‸"""\n', "docstring", 8, 1),
        ("python", 'def f(a):\n    r"""The\n    ‸', "docstring", 16, 1),
        ("python", 'x = r"""The\n    ‸', "string", 16, 1),
        ("python", "def f(:\n    x = '‸'\n", "string", 8, 1),
        ("javascript", "function f() {\n  ‸\n}", "block", 32, 0),
        ("javascript", "if (x) {‸", "block", 32, 0),
        ("javascript", "switch (x) {\n  case 1:\n    ‸\n}", "block", 32, 0),
        ("javascript", "`a ${‸}`", "code", 8, 1),
        ("javascript", "`a ‸`", "string", 8, 1),
        ("javascript", "x = `${a.‸", "code", 16, 1),
        ("javascript", "x = `{a.‸", "string", 16, 1),
        ("typescriptreact", "const a = <p>‸</p>", "code", 8, 1),
        ("typescriptreact", "const a = <p>don't {user.‸}</p>;", "code", 8, 1),
        ("typescriptreact", "const a = <p id='b {user.‸", "string", 16, 1),
        ("rust", "fn f<'a>(x: &'a str) {\n    ‸\n}", "block", 32, 0),
        ("ruby", "[1].each do\n  ‸", "block", 32, 0),
        ("markdown", "It is ‸", "prose", 16, 1),
        ("python", 'if title == "Issue #1":‸', "block", 32, 0),
        ("javascript", "if (a == 'b // c') {‸", "block", 32, 0),
        ("python", "if a:  # it's one:‸", "comment", 16, 1),
        ("css", "#id ‸", "code", 16, 1),
        ("css", "* ‸", "code", 16, 1),
        ("css", "a {\n  --space: 1 + ‸", "code", 16, 1),
        ("css", "/* All\n * of ‸", "comment", 16, 1),
        ("css", "a { color: red; /* the ‸", "comment", 16, 1),
        ("css", "/* All */\na ‸", "code", 16, 1),
        ("css", "a {\n}\n\n/* All\n * of ‸", "comment", 16, 1),
        ("scss", "#id ‸", "code", 16, 1),
        ("scss", "// the ‸", "comment", 16, 1),
        ("csharp", "#region ‸", "code", 16, 1),
        ("objective-c", "#import ‸", "code", 16, 1),
        ("shellscript", "run \\\n  --rm ‸", "code", 16, 1),
        ("shellscript", "rm -r x  # the ‸", "comment", 16, 1),
        ("shellscript", "echo ${#a‸", "code", 16, 1),
        ("shellscript", "ls /*\n‸", "empty", 16, 1),
        ("yaml", "image: x  # the ‸", "comment", 16, 1),
        ("yaml", 'title: "x # ‸', "string", 16, 1),
        ("sql", "email text, -- the user's ‸", "comment", 16, 1),
        ("sql", "/* All\nof ‸", "comment", 16, 1),
        ("html", "<!-- the\n‸", "comment", 16, 1),
        ("html", "<script>\n  // the ‸", "comment", 16, 1),
        ("vue", "<!-- the ‸", "comment", 16, 1),
        ("svelte", "const a = 1; // the ‸", "comment", 16, 1),
        ("lua", "--[[\nThe ‸", "comment", 16, 1),
        ("lua", "--[==[\nThe\n]==]\nreturn a:‸", "code", 16, 1),
        ("haskell", "{- | The\n  ‸", "comment", 16, 1),
        ("haskell", "{- the -} f ‸", "code", 16, 1),
        ("powershell", "<#\n.SYNOPSIS\n  ‸", "comment", 16, 1),
        ("powershell", "<# the #> $a ‸", "code", 16, 1),
        ("julia", "#=\nThe ‸", "comment", 16, 1),
        ("ruby", "=begin\nThe ‸", "comment", 16, 1),
        ("perl", "=head1 NAME\n\nThe ‸", "comment", 16, 1),
        ("perl", "=pod\n\nThe\n\n=cut\n\nmy $a = ‸", "code", 16, 1),
        ("terraform", "/* The\n‸", "comment", 16, 1),
        ("lua", "print('it is # -- ‸", "string", 16, 1),
        ("lua", "print('a', '‸', 'b')", "string", 8, 1),
        ("ruby", "x = don't ‸", "code", 16, 1),
        ("commonlisp", "(list 'a ‸", "code", 16, 1),
        ("matlab", "y = inv(A)' * ‸", "code", 16, 1),
        ("matlab", "disp(['a ‸", "string", 16, 1),
        ("fsharp", "let x = List.reduce (*) ‸", "code", 16, 1),
        ("fsharp", "let x = 1 (* the ‸", "comment", 16, 1),
        ("json", '{"a": ["src/*"],\n"b": ‸', "code", 16, 1),
        ("css", "a {\n  color:‸", "code", 16, 1),
        ("css", "a {\n  color:\n  ‸\n}", "empty", 16, 1),
        ("css", "a:hover {\n  ‸\n}", "block", 32, 0),
        ("ini", "[a]\nkey:‸", "code", 16, 1),
        ("lua", "return a:‸", "code", 16, 1),
        ("shellscript", "echo the sum:\n‸", "empty", 16, 1),
        ("swift", "switch a {\ncase .b:\n    ‸\n}", "block", 32, 0),
        ("pascal", "begin\n  ‸", "block", 32, 0),
        ("yaml", "image:\n  ‸", "block", 32, 0),
        ("gdscript", "func f():\n    ‸", "block", 32, 0),
        ("", "def f():\n    ‸", "block", 32, 0),
    ],
)
def test_kinds(language_id: str, marked: str, kind: str, canvas: int, lines: int) -> None:
    site = at(language_id, marked, invoked=True)
    assert (site.kind, site.canvas, site.lines) == (kind, canvas, lines)


@pytest.mark.parametrize(
    ("language_id", "marked", "ask"),
    [
        ("python", "f(‸)", True),
        ("python", "f(‸):", True),
        ("python", "f(‸)  # note", True),
        ("python", "def f(‸) -> dict[str, int]:", True),
        ("python", "f(‸, b)", True),
        ("python", "x‸ = 1", True),
        ("python", "area = ‸ * height", True),
        ("python", "f(val‸ + other)", True),
        ("python", "a.‸(b).c()", True),
        ("python", "rows‸[0] = 1", True),
        ("python", "len(‸rows)", False),
        ("python", "f(‸'a')", False),
        ("python", "x = ‸(a + b)", False),
        ("python", "f(a, ‸[0])", False),
        ("python", "na‸me", False),
        ("python", "  ‸name", False),
        ("python", "f(\n    ‸)", True),
        ("python", "f(\n    a,\n    ‸)", True),
        ("python", "f(\n    a,\n‸)", False),
        ("c", "void f() {\n    g();\n‸}", False),
        ("python", "    pass‸", False),
        ("python", "import‸", True),
        ("python", "x = 'a ‸ b'", True),
        ("python", "x = 'a ‸b'", False),
        ("python", '"""Do ‸ something."""', False),
        ("javascript", "f(‸);", True),
        ("javascript", "f((x) => ‸);", True),
        ("javascript", "if (‸) {", True),
        ("javascript", "import { ‸ } from 'react';", True),
        ("typescript", 'import type { a, ‸ } from "./a"', True),
        ("typescript", 'import a‸ from "./a";', True),
        ("javascript", "for (let i = 0; ‸; i++) {", True),
        ("javascript", "if (a ‸!== b) {", True),
        ("javascript", "if (‸!a) {", False),
        ("typescriptreact", "return <a onClick={() => ‸}>OK</a>;", True),
        ("c", "#define SIZE 10 // the ‸\nint x;", False),
        ("c", "#define SIZE 10 /* the */ + ‸\nint x;", True),
        ("cpp", "#define SIZE 10 // ‸", False),
        ("javascript", "const a = 1;\n\n/**\n * ‸\nfunction f(x) {\n  return x * 2;\n}", False),
        ("typescript", "const a = 1;\n\n/**\n * Twice‸\nfunction f(x) {\n  return x * 2;\n}", False),
        ("javascript", "f();‸", False),
        ("javascript", "f(); ‸", False),
        ("javascript", "if (a) return; ‸", False),
        ("javascript", "}‸", False),
        ("javascript", "try {\n  a();\n} ‸", True),
        ("javascript", "do {\n  a();\n} ‸", True),
        ("c", "typedef struct {\n    int a;\n} ‸", True),
        ("go", "\tif err := f(); ‸", True),
        ("go", "\tfor i := 0; ‸", True),
        ("go", "\t} else if v, ok := m[k]; ‸", True),
        ("rust", "    let Foo { a } ‸", True),
        ("typescript", "const x: { a: string } ‸", True),
        ("typescriptreact", "const a = <Button a={b} ‸", True),
        ("javascript", "const a = {‸};", True),
        ("typescript", "f(‸): Promise<void> {", True),
        ("typescriptreact", 'const a = <a href="‸" />;', True),
        ("typescriptreact", "const a = <p>‸</p>;", True),
        ("rust", "f(‸)?;", True),
        ("rust", "let n = rows.‸.unwrap();", True),
        ("plaintext", "a ‸", False),
        ("gitcommit", "Fix ‸", False),
        ("markdown", "```\na = ‸\n```", True),
        ("css", "a {\n  color: red;‸\n}", False),
        ("python", "def f(x):\n    return x  # all\n\n    ‸", False),
        ("python", "def f(x):\n    if x:\n        raise E\n        ‸\n    g()", False),
        ("python", "def f(x):\n    if x:\n        return x\n    ‸\n", True),
        ("python", "def f(x):\n    return g(\n        x,\n        ‸\n    )", True),
        ("python", "def f(x):\n    return x + \\\n    ‸", True),
        ("python", "def f(x):\n    return x\n    e‸", True),
        ("typescript", "switch (a) {\n  case 1:\n    return b;\n    ‸\n}", False),
        ("typescript", "switch (a) {\n  case 1:\n    return b;\n  ‸\n}", True),
        ("go", "func f() {\n\tfor {\n\t\tbreak\n\t\t‸\n\t}\n}", False),
        ("ruby", "def f(x)\n  return x if x\n  ‸\nend", True),
    ],
)
def test_whether_to_ask(language_id: str, marked: str, ask: bool) -> None:
    site = at(language_id, marked)
    assert site.ask is ask, site
    assert bool(site.reason) is not ask


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
class TestEveryPlace:
    """`sources/<language id>.<extension>` are sound files full of quotes in comments, comments in strings and more."""

    def test_the_file_is_sound(self, source: Path) -> None:
        text = source.read_text(encoding="utf-8")
        assert language(source.stem).grammar
        assert Snapshot.open("a", 1, source.stem, text).errors(0, len(text)) == 0

    @pytest.mark.parametrize("cut", ["rest of the line", "rest of the file"])
    def test_comments_and_strings_are_known_while_being_typed(self, source: Path, cut: str) -> None:
        """Cut off after the cursor, a file says the same as whole: but for a few places, such as within `/` and `*`."""
        whole = Snapshot.open("a", 1, source.stem, source.read_text(encoding="utf-8"))
        other = []
        for cursor in range(0, len(whole.text) + 1, 2):
            end = whole.line_range(whole.line_of(cursor))[1]
            rest = whole.text[end:] if cut == "rest of the line" else ""
            half = Snapshot.open("a", 1, source.stem, whole.text[:cursor] + rest)
            kinds = [look(one, cursor, invoked=True).kind for one in (whole, half)]
            if len({kind if kind in INSIDE else "code" for kind in kinds}) > 1:
                other.append((whole.text[max(0, cursor - 30) : cursor], *kinds))
        assert len(other) <= 0.05 * len(whole.text) / 2, other

    def test_broken_text_breaks_nothing(self, source: Path) -> None:
        """With a bracket or quote missing or one too many, every place still has an answer."""
        text = source.read_text(encoding="utf-8")
        marks = [at for at, char in enumerate(text) if char in "(){}[]\"'`:"][::7]
        for mark in marks:
            for broken in (text[:mark] + text[mark + 1 :], text[:mark] + text[mark] + text[mark:]):
                snapshot = Snapshot.open("a", 1, source.stem, broken)
                for cursor in range(max(0, mark - 2), min(len(broken), mark + 60), 13):
                    site = look(snapshot, cursor)
                    assert site.ask or site.reason
                    assert site.lines in (0, 1)


def test_a_long_line_is_looked_at_quickly_enough_to_finish() -> None:
    """Patterns that look back and ahead stay linear: 20,000 brackets, spaces or letters on one line."""
    for filler in ("(", ")", " ", "a", ") ", "a.", ": a", "'"):
        text = filler * (19_000 // len(filler))
        for language_id in ("python", "ruby"):
            snapshot = Snapshot.open("a", 1, language_id, text)
            for cursor in (0, len(text) // 2, len(text)):
                assert look(snapshot, cursor).kind
