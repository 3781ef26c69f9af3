"""What a renaming leaves behind: by hand in every language, and held against Python's own parser on real files."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

from infill import renaming
from infill.document import Snapshot
from infill.edits import apply
from infill.scopes import Scopes
from infill.syntax import Syntax
from training.evaluate.places import held_out


def left(text: str, language: str, old: str = "count", new: str = "total") -> str:
    """The text after what follows: `@` stands right before the definition that has its new name already."""
    at = text.rindex("@" + old)
    now = text[:at] + new + text[at + 1 + len(old) :]
    syntax = Snapshot.open("file:///a", 1, language, now).whole
    assert syntax is not None
    scopes = Scopes.of(syntax)
    assert scopes is not None
    return apply(now, renaming.left(scopes, at, old, new))


CASES = {
    "a parameter": (
        "python",
        """def f(@count, rows):
    for row in rows:
        print(f"{count} {row.count}", count=count)  # count
    def g(count):
        return count
    if rows:
        count = 3
    count += 1
    return {"count": count}, [count for count in rows], lambda: count
""",
        """def f(total, rows):
    for row in rows:
        print(f"{total} {row.count}", count=total)  # count
    def g(count):
        return count
    if rows:
        total = 3
    total += 1
    return {"count": total}, [count for count in rows], lambda: total
""",
    ),
    "a parameter that calls name": (
        "python",
        """def f(rows, *, @count=1):
    return f(rows[1:], count=count - 1) if rows else other.f(rows, count=count)

class A:
    def f(self, count):
        self.f(count=count)
        return f([], count=2)

print(f([], count=f([], count=3)), count=4)
def g(f):
    f(count=5)
""",
        """def f(rows, *, total=1):
    return f(rows[1:], total=total - 1) if rows else other.f(rows, count=total)

class A:
    def f(self, count):
        self.f(count=count)
        return f([], total=2)

print(f([], total=f([], total=3)), count=4)
def g(f):
    f(count=5)
""",
    ),
    "a method's parameter that calls name": (
        "python",
        """class A:
    def __init__(self, @count: int = 1, **rest):
        self.count = count
        self.f(count=1)

    def f(self, count):
        return A(count=self.count), B(count=2), self.__init__(count=3)

A(count=4, **{"count": 5})
""",
        """class A:
    def __init__(self, total: int = 1, **rest):
        self.count = total
        self.f(count=1)

    def f(self, count):
        return A(total=self.count), B(count=2), self.__init__(count=3)

A(total=4, **{"count": 5})
""",
    ),
    "a field that calls name": (
        "python",
        """@dataclass
class A:
    @count: int = 1
    def name(self): ...

A(count=4, name=B(count=5)).count
""",
        """@dataclass
class A:
    total: int = 1
    def name(self): ...

A(total=4, name=B(count=5)).count
""",
    ),
    "a field that no call names": (
        "python",
        """class A(B):
    def f(self):
        self.@count = 1
        return self.count

A(count=4)
""",
        """class A(B):
    def f(self):
        self.total = 1
        return self.total

A(count=4)
""",
    ),
    "what is said of it": (
        "python",
        """def f(@count, rows):
    \"\"\"The count of rows.

    :param int count: how many; count: that is all
    :type count: int

    Args:
        count: how many of the counts.
        rows (list): a count.
        count (int, optional): said again.
        other: count

    Parameters
    ----------
    count : int
        The count: how many.

    count: said elsewhere
    \"\"\"
    # count: a remark
    return "count: %d" % count
""",
        """def f(total, rows):
    \"\"\"The count of rows.

    :param int total: how many; count: that is all
    :type total: int

    Args:
        total: how many of the counts.
        rows (list): a count.
        total (int, optional): said again.
        other: count

    Parameters
    ----------
    total : int
        The count: how many.

    count: said elsewhere
    \"\"\"
    # count: a remark
    return "count: %d" % total
""",
    ),
    "what is said of it above": (
        "javascript",
        """// count: of another one
g();
/**
 * The count.
 * @param {import("./count").count} count how many
 * @param {string} other count
 */
export async function f(@count, other) {
  // @param {string} count
  return count;
}
""",
        """// count: of another one
g();
/**
 * The count.
 * @param {import("./count").count} total how many
 * @param {string} other count
 */
export async function f(total, other) {
  // @param {string} count
  return total;
}
""",
    ),
    "what is given anew ends it": (
        "python",
        "def f(a):\n    @count = load(a)\n    use(count)\n    count = load(a)\n    use(count)\n",
        "def f(a):\n    total = load(a)\n    use(total)\n    count = load(a)\n    use(count)\n",
    ),
    "what is made of it does not": (
        "python",
        "def f(a):\n    @count = load(a)\n    count = count.strip()\n    return count\n",
        "def f(a):\n    total = load(a)\n    total = total.strip()\n    return total\n",
    ),
    "nor what may happen": (
        "python",
        "def f(@count):\n    try:\n        g()\n    except E as count:\n        count()\n    return count\n",
        "def f(total):\n    try:\n        g()\n    except E as total:\n        total()\n    return total\n",
    ),
    "another loop ends it": (
        "python",
        "def f(a, b):\n    for @count in a:\n        use(count)\n    for count in b:\n        use(count)\n",
        "def f(a, b):\n    for total in a:\n        use(total)\n    for count in b:\n        use(count)\n",
    ),
    "a target is no definition of its parts": (
        "python",
        "def f(@count, rows):\n    rows[count] = count\n    rows.count, count.x = 1, 2\n",
        "def f(total, rows):\n    rows[total] = total\n    rows.count, total.x = 1, 2\n",
    ),
    "a function": (
        "python",
        "def g():\n    return count(1)\n\n\ndef @count(x):\n    return x.count(count)\n\n\nprint(count)\n",
        "def g():\n    return total(1)\n\n\ndef total(x):\n    return x.count(total)\n\n\nprint(total)\n",
    ),
    "an import": (
        "python",
        "import numpy as @count\n\n\ndef f(z=count.array([1])):\n    '''count'''\n    return count.zeros(z)\n",
        "import numpy as total\n\n\ndef f(z=total.array([1])):\n    '''count'''\n    return total.zeros(z)\n",
    ),
    "a module": (
        "python",
        "import @count\nimport a.count\n\nprint(count.count, a.count)\n",
        "import total\nimport a.count\n\nprint(total.count, a.count)\n",
    ),
    "what is used in Rust": (
        "rust",
        "use a::b::@count;\nfn f() -> count { count::new(a::count) }\n",
        "use a::b::total;\nfn f() -> total { total::new(a::count) }\n",
    ),
    "what an object has": (
        "python",
        """class A:
    def __init__(self, other, count):
        self.@count = count
        other.count = self.count

    def up(self):
        self.count += 1
        self.rows[self.count] = self.count = 2


class B:
    def f(self):
        return self.count
""",
        """class A:
    def __init__(self, other, count):
        self.total = count
        other.count = self.total

    def up(self):
        self.total += 1
        self.rows[self.total] = self.total = 2


class B:
    def f(self):
        return self.count
""",
    ),
    "what fields are declared as": (
        "python",
        "class @count:\n    pass\n\n\nclass B:\n    first: count\n    other: list[count] | None = None\n",
        "class total:\n    pass\n\n\nclass B:\n    first: total\n    other: list[total] | None = None\n",
    ),
    "a method": (
        "python",
        "class A:\n    def @count(self):\n        return count\n\n    def g(self):\n        return self.count(count)\n",
        "class A:\n    def total(self):\n        return count\n\n    def g(self):\n        return self.total(count)\n",
    ),
    "in JavaScript": (
        "javascript",
        """function f(@count, { a, b: [d] }, ...rest) {
  if (count > 1) { const count = 2; return count; }
  for (const k of rest) { g(count, k); }
  const o = { count, n: count, count: 1 };
  o.count = rest.map((count) => count + 1);
  ({ count, x: [a, count] } = o);
  const h = function count() { return count; };
  return () => `${count} count`;
}
count;
""",
        """function f(total, { a, b: [d] }, ...rest) {
  if (total > 1) { const count = 2; return count; }
  for (const k of rest) { g(total, k); }
  const o = { count: total, n: total, count: 1 };
  o.count = rest.map((count) => count + 1);
  ({ count: total, x: [a, total] } = o);
  const h = function count() { return count; };
  return () => `${total} count`;
}
count;
""",
    ),
    "what a module exports keeps its name": (
        "javascript",
        "let @count = 0;\nfunction f() { [count, a] = [a, count]; }\nexport { count, a };\n",
        "let total = 0;\nfunction f() { [total, a] = [a, total]; }\nexport { total as count, a };\n",
    ),
    "what is hoisted": (
        "javascript",
        "function f(a) {\n  if (a) { var @count = 1; }\n  return count;\n}\n",
        "function f(a) {\n  if (a) { var total = 1; }\n  return total;\n}\n",
    ),
    "a field": (
        "javascript",
        "class A {\n  @count = 0;\n  up() { this.count += 1; return () => this.count + that.count + count; }\n}\n",
        "class A {\n  total = 0;\n  up() { this.total += 1; return () => this.total + that.count + count; }\n}\n",
    ),
    "in TypeScript": (
        "typescript",
        """export function f(@count: number, other: Map<string, number>): number {
  let x: Array<number> = [count];
  class A { count = 1; m(y = count) { return this.count + y; } }
  return other.get(`n${count}`) ?? count!;
}
""",
        """export function f(total: number, other: Map<string, number>): number {
  let x: Array<number> = [total];
  class A { count = 1; m(y = total) { return this.count + y; } }
  return other.get(`n${total}`) ?? total!;
}
""",
    ),
    "a class and the type that it is": (
        "typescript",
        "class @count<T> { static make(): count<number> { return new count(); } }\nconst a: count<string> = null;\n",
        "class total<T> { static make(): total<number> { return new total(); } }\nconst a: total<string> = null;\n",
    ),
    "in Go": (
        "go",
        """package p

func f(@count int, rows []Row) (err error) {
	for i, row := range rows {
		if count := row.Count + count; count > i {
			return nil
		}
		g(count, row.count, T{count: count})
	}
	count++
	func() { count = 3 }()
	return err
}
""",
        """package p

func f(total int, rows []Row) (err error) {
	for i, row := range rows {
		if count := row.Count + total; count > i {
			return nil
		}
		g(total, row.count, T{count: total})
	}
	total++
	func() { total = 3 }()
	return err
}
""",
    ),
    "in Rust": (
        "rust",
        """fn f(@count: usize, rows: &[Row]) -> usize {
    let n = rows.iter().map(|count| count + 1).sum::<usize>();
    println!("{}", count);
    if let Some(count) = rows.get(count) { return count.count; }
    let r = Row { count, other: count };
    let count = count + n;
    count
}
""",
        """fn f(total: usize, rows: &[Row]) -> usize {
    let n = rows.iter().map(|count| count + 1).sum::<usize>();
    println!("{}", total);
    if let Some(count) = rows.get(total) { return count.count; }
    let r = Row { count: total, other: total };
    let count = total + n;
    count
}
""",
    ),
    "in C": (
        "c",
        """int g(int count);
static int f(int *@count, struct row *r) {
  for (int i = 0; i < *count; i++) {
    int count = 3;
    r->count = count;
  }
  return count[0] + sizeof(count);
}
""",
        """int g(int count);
static int f(int *total, struct row *r) {
  for (int i = 0; i < *total; i++) {
    int count = 3;
    r->count = count;
  }
  return total[0] + sizeof(total);
}
""",
    ),
    "a function in C": (
        "c",
        "static char *@count(int count) { return count; }\nint main(void) { return count(count(1)); }\n",
        "static char *total(int count) { return count; }\nint main(void) { return total(total(1)); }\n",
    ),
    "a thousand uses, one in the other": (
        "python",
        "@count = 1\nx = " + " + ".join(["count"] * 1000) + "\n",
        "total = 1\nx = " + " + ".join(["total"] * 1000) + "\n",
    ),
    "in C++": (
        "cpp",
        """int f(const std::vector<int> &@count) {
  for (auto &x : count) { use(x, A::count); }
  auto g = [&](int y) { return count.size() + y; };
  auto h = [&](int count) { return count; };
  return this->count + count[0];
}
""",
        """int f(const std::vector<int> &total) {
  for (auto &x : total) { use(x, A::count); }
  auto g = [&](int y) { return total.size() + y; };
  auto h = [&](int count) { return count; };
  return this->count + total[0];
}
""",
    ),
    "in Java": (
        "java",
        """class A {
  private int @count;
  A(int count) { this.count = count; }
  int g(Row row) { return count + this.count + row.count + row.count(count); }
  class B { int h() { return count; } }
}
""",
        """class A {
  private int total;
  A(int count) { this.total = count; }
  int g(Row row) { return total + this.total + row.count + row.count(total); }
  class B { int h() { return total; } }
}
""",
    ),
}
"""What is about: language, text with `@` before the definition that is renamed, and the text when all is done."""


@pytest.mark.parametrize("about", CASES)
def test_what_follows(about: str) -> None:
    language, before, after = CASES[about]
    assert left(before, language) == after


APART = [
    ("rust", "fn f(count: &str) { let @count = count.trim(); g(count); }", "let total = count.trim(); g(total);"),
    ("rust", "fn f(x: X) { if let Some(@count) = count { g(count); } }", "if let Some(total) = count { g(total); }"),
    (
        "rust",
        "fn f() { let @count = 3; assert_eq!(v.count(), count); }",
        "let total = 3; assert_eq!(v.count(), total);",
    ),
    ("rust", "impl<'count> P<'count> { fn f(@count: &'count str) { g(count) } }", "(total: &'count str) { g(total) }"),
    ("rust", "impl A { fn @count(&self) { count(1) } }\nfn count(x: u8) {}", "fn total(&self) { count(1) }"),
    ("rust", 'fn f(@count: u8) { println!("{count}"); g(count) }', 'f(total: u8) { println!("{count}"); g(count) }'),
    (
        "go",
        "package p\nfunc f() { @count, err := count.Parse(s); g(count, err) }",
        "total, err := count.Parse(s); g(total, err)",
    ),
    ("go", "package p\nfunc f(@count *count) count { return count.x }", "f(total *count) count { return total.x }"),
    (
        "go",
        "package p\nfunc f() { a, @count := g(); b, count := h(); k(count) }",
        "a, total := g(); b, total := h(); k(total)",
    ),
    (
        "go",
        "package p\nfunc f(@count T) { x = map[T]int{count: 1}; y = T{count: 1} }",
        "map[T]int{total: 1}; y = T{count: 1}",
    ),
    (
        "c",
        "int f(struct count *@count) { struct count *o = count->next; return o; }",
        "*total) { struct count *o = total->next;",
    ),
    (
        "c",
        "#define INC() (count++)\nstatic int @count;\nint f(void) { return count; }",
        "static int total;\nint f(void) { return count;",
    ),
    (
        "go",
        "package p\ntype @File struct { next *File }\ntype A struct { f File; g fs.File }",
        "type total struct { next *total }\ntype A struct { f total; g fs.File }",
    ),
    (
        "go",
        "package p\nfunc f() int { return count }\nfunc g() int { count := count; return count }\nvar @count = 1",
        "f() int { return total }\nfunc g() int { count := total; return count }\nvar total",
    ),
    (
        "go",
        "package p\nfunc f() int { return B }\nconst (\n\tA = iota\n\t@B\n)\nfunc g() { g(C); const C = 1 }",
        "{ return total }\nconst (\n\tA = iota\n\ttotal\n)",
    ),
    ("javascript", "const @A = f();\nconst B = g(A);\nexport { B as A };", "const B = g(total);\nexport { B as A };"),
    ("javascript", "const @A = f();\nexport { A as A };", "export { total as A };"),
    ("typescript", "type @Json = string | Json[];", "type total = string | total[];"),
    ("javascript", "const f = () => count + g;\nconst @count = 1;\n{ g(count); let count; }", "total + g"),
    ("javascript", "const @count = 1;\n{ g(count); let count; }", "total = 1;\n{ g(count); let count; }"),
    ("cpp", "void f(V count) { for (auto &@count : count) { g(count); } }", "for (auto &total : count) { g(total); }"),
    (
        "cpp",
        "namespace a { int @count(); }\nnamespace b { int count(); int g() { return count(); } }",
        "return count();",
    ),
    ("javascriptreact", "const f = (@label) => <label>{label}</label>;", "(total) => <label>{total}</label>"),
    (
        "javascript",
        "class A { @count = 1; other = count; f() { return { get() { return this.count; } }; } }",
        "other = count; f()",
    ),
    (
        "javascript",
        "const count = 1;\nexport { a as b };\nlet @count2 = 1;\nexport { count2 as c };",
        "export { total as c }",
    ),
    (
        "typescript",
        "interface A { get(@count: string): void }\nconst n = count;",
        "get(total: string): void }\nconst n = count;",
    ),
    (
        "typescript",
        "class A { constructor(private @count: H) { count.x(); } f() { this.count } }",
        "count.x(); } f() { this.count }",
    ),
    (
        "java",
        "class A { int @count; int count() { return count; } boolean f() { return count() == 0; } }",
        "int total; int count() { return total; } boolean f() { return count() == 0;",
    ),
    (
        "java",
        "class A { int @count() { return count; } int count; int f() { return count() + this.count(); } }",
        "int total() { return count; } int count; int f() { return total() + this.total();",
    ),
    (
        "java",
        'class A { void f(@P(count = "n") String @count) { count: for (;;) break count; g(count); } }',
        '@P(count = "n") String total) { count: for (;;) break count; g(total);',
    ),
    (
        "python",
        "from count import @count\nfrom .count import load as count2\ncount(load)\n",
        "from count import total\nfrom .count import load as count2\ntotal(load)",
    ),
    (
        "python",
        "def f(@count: count = count) -> count:\n    return count\n",
        "def f(total: count = count) -> count:\n    return total",
    ),
    ("python", "def f(@count):\n    return lambda count=count: count\n", "return lambda count=total: count"),
    ("python", "class A:\n    @count: count\n    due: count | None = None\n", "total: count\n    due: count | None"),
    (
        "rust",
        "fn f(x: X, count: u8) { if let Some(@count) = x { g(count) } else { h(count) } }",
        "if let Some(total) = x { g(total) } else { h(count) }",
    ),
    (
        "rust",
        "fn f(@count: u8) { if let Some(count) = x && y { g(count) } else if z { h(count) } }",
        "f(total: u8) { if let Some(count) = x && y { g(count) } else if z { h(total) }",
    ),
    (
        "rust",
        "fn f(x: X, count: u8) { let Some(@count) = x else { return h(count); }; g(count) }",
        "let Some(total) = x else { return h(count); }; g(total)",
    ),
    (
        "rust",
        "const @COUNT: u8 = 1;\nfn f(x: (u8, u8)) -> u8 { match x { (COUNT, b) => b, _ => COUNT } }",
        "match x { (total, b) => b, _ => total }",
    ),
    (
        "go",
        'package p\nconst @Red = 1\nvar a = [...]string{Red: "r"}\nvar b = []string{Red: "r"}\nvar c = T{Red: 1}',
        '[...]string{total: "r"}\nvar b = []string{total: "r"}\nvar c = T{Red: 1}',
    ),
    (
        "java",
        "class A { static int @FAST = 1; enum Mode { FAST, SLOW; Mode f() { return FAST; } } int n = FAST; }",
        "enum Mode { FAST, SLOW; Mode f() { return FAST; } } int n = total;",
    ),
    ("python", "def f(@count, total):\n    return count / total\n", "return count / total"),
    (
        "python",
        "@count = load()\nshow = [count for row in rows]\ncount = other()\n",
        "show = [total for row in rows]\ncount = other()",
    ),
    (
        "python",
        "class A:\n    def @count(self):\n        pass\n\n    def count(self):\n        self.count()\n",
        "def count(self):\n        self.count()",
    ),
    (
        "python",
        "def f():\n    while g():\n        @count = a()\n        count = b()\n    return count\n",
        "        total = b()\n    return total",
    ),
    ("python", "def f(**@count):\n    return count\nf(count=1)\n", "return total\nf(count=1)"),
    ("python", "class A:\n    @count = 1\n    def __init__(self, count): ...\nA(count=2)\n", "A(count=2)"),
    ("python", "class A:\n    def @count(self): ...\nA(count=2)\n", "A(count=2)"),
    ("python", "def f(@count):\n    pass\n\ndef f(count):\n    pass\n\nf(count=1)\n", "f(count=1)"),
    (
        "python",
        "class A:\n    def f(self, @count):\n        self.f(count=1)\n        a.f(count=2)\n        f(count=3)\n",
        "self.f(total=1)\n        a.f(count=2)\n        f(count=3)",
    ),
    ("python", 'def f(@type):\n    """It.\n\n    Example::\n\n        type: 1\n    """\n', "        type: 1"),
]
"""Names that look alike and are others: language, text, and what has to be in it afterwards."""


@pytest.mark.parametrize(("language", "text", "has"), APART)
def test_what_only_looks_alike_stays(language: str, text: str, has: str) -> None:
    old = re.findall(r"@(\w+)", text)[-1]
    assert has in left(text, language, old)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("def f(count):\n    return @count + count\n", "python"),
        ("count = 1\n@count = 2\nprint(count)\n", "python"),
        ("def f():\n    global count\n    @count = 2\n    print(count)\n", "python"),
        ("def f(@count):\n    for total in count:\n        yield [count for total in total]\n", "python"),
        ("def f(@count):\n    return count +\n", "python"),
        ("f(@count)\ng(count)\n", "javascript"),
        ("function f(@count) {\n  const total = 1;\n  return count + total;\n}\n", "javascript"),
        ("o = { @count: 1, n: count }\n", "javascript"),
        ("@count = load()\ndef show():\n    print(count)\ncount = other(load())\n", "python"),
        ("class A { B @count; boolean f(Object o) { return o instanceof B count && count.ok(); } }\n", "java"),
        ("class A { int @count; int f(Object o) { return switch (o) { case B(int count) -> count; }; } }\n", "java"),
    ],
    ids=[
        "a use", "a second one", "global", "hidden by the new name", "broken", "no definition", "taken", "a key",
        "asked for later", "in a pattern", "in a record's pattern",
    ],
)  # fmt: skip
def test_nothing_follows(text: str, language: str) -> None:
    at = text.index("@")
    assert left(text, language) == text[:at] + "total" + text[at + 6 :]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<@div a={div}><div>{div}</div></div>", "<total a={div}><div>{div}</div></total>"),
        ("<div><div>{div}</div></@div>", "<total><div>{div}</div></total>"),
        ("<A.@B.C>{A.B}</A.B.C>", "<A.total.C>{A.B}</A.total.C>"),
        ("<B><@B /></B>", "<B><total /></B>"),
        ("<B a={@b}></B>", "<B a={total}></B>"),
        ("<@B><C></B></C>", "<total><C></B></C>"),
        ("<@B></A.B>", "<total></A.B>"),
    ],
    ids=["opened", "closed", "in part", "alone", "beside it", "crossed", "another"],
)
def test_the_other_tag_of_an_element(before: str, after: str) -> None:
    old = re.findall(r"@(\w+)", before)[0]
    for language in ("javascript", "typescriptreact"):
        assert left(f"const x = (\n  {before}\n);\n", language, old) == f"const x = (\n  {after}\n);\n"


def places(source: str) -> Iterator[tuple[list[int], set[int]]]:
    """For each variable of each function in a Python text, as Python's parser knows them: where it stands, and where
    calls of something that is called like the function, or its class, name it."""
    lines = source.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)

    def offset(row: int, column: int) -> int:
        return starts[row - 1] + len(lines[row - 1].encode()[:column].decode())

    try:
        tree = ast.parse(source)
    except SyntaxError:  # of a later Python
        return
    made = {one: node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for one in node.body}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        found, brought = defaultdict(set), set()
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                found[node.id].add(offset(node.lineno, node.col_offset))
                brought |= {node.id} if isinstance(node.ctx, ast.Store) else set()
            elif isinstance(node, ast.arg):
                found[node.arg].add(offset(node.lineno, node.col_offset))
                brought.add(node.arg)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                brought -= set(node.names)
        called = made.get(function, "") if function.name in ("__init__", "__new__") else function.name
        given = defaultdict(set)
        for call in calls:
            if getattr(call.func, "id", getattr(call.func, "attr", "")) == called:
                for one in call.keywords:
                    given[one.arg].add(offset(one.lineno, one.col_offset))
        yield from ((sorted(at), given[name]) for name, at in found.items() if name in brought and len(at) > 1)


def in_text(syntax: Syntax, offset: int) -> bool:
    return syntax.node_at(offset + 1).type == "string_content"


def test_as_python_sees_it_in_real_files() -> None:
    """The first place of a variable renamed: all others follow, and nothing else ever does."""
    told, wrong = Counter[str](), []
    for source in (one for one in held_out() if one.language == "python"):
        for at, calls in list(places(source.text))[::5]:
            old = source.text[at[0] :].partition(" ")[0]
            old = old[: next((i for i, letter in enumerate(old) if not (letter.isalnum() or letter == "_")), len(old))]
            new = old + "_renamed"
            now = source.text[: at[0]] + new + source.text[at[0] + len(old) :]
            syntax = Snapshot.open("file:///a.py", 1, "python", now).whole
            assert syntax is not None
            scopes = Scopes.of(syntax)
            assert scopes is not None
            found = {edit.start for edit in renaming.left(scopes, at[0], old, new) if not in_text(syntax, edit.start)}
            others = {one + len("_renamed") for one in at[1:]}
            given = {one + len("_renamed") * (one > at[0]) for one in calls}
            told["all" if found - given == others else "some" if found else "none"] += 1
            told["named"] += len(found & given)
            wrong += [(source.path, old)] if found - others - given else []
    assert wrong == []
    assert told.pop("named") > 10
    assert told.total() > 500
    assert told["all"] > 0.9 * told.total(), told
