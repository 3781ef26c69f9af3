"""Which names the code below a hole misses: by hand, in several languages, and on the development sets."""

from __future__ import annotations

import re

import pytest

from benchmarks.humaneval import read_tasks
from infill.free_names import free_names, named


def free(text: str, language: str = "python") -> set[str]:
    prefix, hole, suffix = text.partition("<|>")
    assert hole
    return set(free_names(prefix, suffix, language))


class TestFreeNames:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("def f(rows):\n<|>\n    for row in rows:\n        total += row\n    return total\n", {"total"}),
            ("def f(rows):\n    <|>\n        print(row)\n", {"row"}),
            ("def f(rows):\n    <|>\n        if i != j:\n            return i\n", {"i", "j"}),
            ("def f(a):\n    <|>\n    if key in (1, 2) or key not in (a,):\n        pass\n", {"key"}),
            ("def f(a):\n    <|>\n    return a // half\n", {"half"}),
            ("x = <|>\nprint(x)\n", set()),
            ("def f(a):\n    <|>\n    return [n for n in a if n > low]\n", {"low"}),
            ("def f(a):\n    <|>\n    left, right = a\n    return left + middle\n", {"middle"}),
            ("def f(a):\n    <|>\n    return a.size + size\n", {"size"}),
            ("def f(a):\n    <|>\n    return size(a, key=1)\n", set()),
            ('def f(a):\n    <|>\n    return f"{a}" + "text" + rb"x"  # a remark\n', set()),
            ('def f(a):\n    <|>\n    """What it\n    does."""\n    return a\n', set()),
            ("def f(a):\n    <|>\n    return len(a), None, LIMIT, Thing\n", set()),
            ("import <|>\nfrom math import tau\n\nprint(tau)\n", set()),
        ],
    )
    def test_of_python(self, text: str, names: set[str]) -> None:
        assert free(text) == names

    def test_of_another_function_are_not_known_here(self) -> None:
        other = "def other():\n    result = 1\n    return result\n\n\n"
        assert free(other + "def f(a):\n    <|>\n    return result\n") == {"result"}

    def test_that_are_only_talked_about_are_not_known(self) -> None:
        assert free(
            'def f(a):\n    """The result, or\n    nothing."""\n    # result\n    <|>\n    return result\n'
        ) == {"result"}

    def test_of_the_enclosing_functions_are(self) -> None:
        assert free("def outer(result):\n    def inner(a):\n        <|>\n        return result + a\n") == set()

    def test_of_a_sibling_method_are_not(self) -> None:
        text = "class A:\n    def one(self):\n        key = 1\n\n    def two(self):\n        <|>\n        return key\n"
        assert free(text) == {"key"}

    def test_of_the_file_are_known_and_so_is_what_imports_list(self) -> None:
        top = "from pkg import (\n    alpha,\n    beta,\n)\n\nlimit = 3\n\n\n"
        assert free(top + "def f():\n    <|>\n    return alpha + beta + limit + gamma\n") == {"gamma"}

    def test_of_what_is_defined_further_down_are_known(self) -> None:
        assert free("def f():\n    <|>\n    return [helper]\n\n\ndef helper():\n    pass\n") == set()

    def test_end_with_the_scope(self) -> None:
        assert free("def f():\n    <|>\n\n\ndef g():\n    return never\n") == set()
        assert free("def f(a):\n    call(\n        <|>\n    )\n    return kept\n") == {"kept"}

    def test_far_below_are_not_looked_at(self) -> None:
        assert free("def f():\n    <|>\n" + "    pass\n" * 8 + "    return far\n") == set()

    @pytest.mark.parametrize(
        ("language", "text", "names"),
        [
            ("javascript", "function f(xs) {\n<|>\n  for (const x of xs) total += x;\n  return total;\n}\n", {"total"}),
            ("javascript", "function f(xs) {\n  <|>\n  return xs.map(x => x + step).at(last);\n}\n", {"step", "last"}),
            ("typescript", "function f(a: number) {\n  <|>\n  const b: string = name;\n  return b;\n}\n", {"name"}),
            ("go", "func f() error {\n\t<|>\n\tif err != nil {\n\t\treturn err\n\t}\n\tn := 1\n}\n", {"err"}),
            ("rust", "fn f(a: &str) -> usize {\n    <|>\n    let n = count;\n    n + a.len()\n}\n", {"count"}),
            ("c", "int f(int n) {\n\t<|>\n\tchar *end = text;\n\tsize_t size = n;\n\treturn end;\n}\n", {"text"}),
            ("java", "class A {\n  int f() {\n    <|>\n    int b = sum;\n    return b;\n  }\n}\n", {"sum"}),
        ],
    )
    def test_of_other_languages(self, language: str, text: str, names: set[str]) -> None:
        assert free(text, language) == names

    @pytest.mark.parametrize("language", ["plaintext", "markdown", ""])
    def test_there_are_none_in_what_is_no_code(self, language: str) -> None:
        assert free("So <|>\nit went on.\n", language) == set()

    @pytest.mark.parametrize("text", ["<|>", "\n\n<|>\n\n", "<|>x", "a\r\n <|>\u2028 é = ß\n", '"""<|>', "\t<|>\t\t\n"])
    def test_of_anything_stand_below_it(self, text: str) -> None:
        assert free(text) <= set(re.findall(r"\w+", text.partition("<|>")[2]))

    def test_far_right_are_not_looked_at(self) -> None:
        assert free(f"def f():\n    <|>\n    return near + {'(1) + ' * 80} far\n") == {"near"}

    def test_stand_in_the_lines_that_are_missing(self) -> None:
        """HumanEval's single lines: where a name is missing, the line that was taken away has one."""
        found = [
            any(named(f"{task.canonical_solution} ", frozenset([name])) for name in names)
            for task in read_tasks("SingleLine", 0)
            if (names := free_names(task.prompt, task.suffix, "python"))
        ]
        assert len(found) >= 110
        assert sum(found) >= 0.95 * len(found)


class TestNamed:
    names = frozenset(["index", "total"])

    @pytest.mark.parametrize(
        ("text", "share"),
        [("", 0), ("for x", 0), ("for index in", 1), ("index, total = ", 2), ("total", 1), ("index, tot", 1.6),
         ("in", 0.4), ("indexes ", 0), ("index index ", 1), ("in ", 0)],
    )  # fmt: skip
    def test_counts_what_stands(self, text: str, share: float) -> None:
        assert named(text, self.names) == pytest.approx(share)
