"""Repairs by the embedded weights: a slip is put right, what stands right is left alone."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from infill import slips
from infill.complete import DEFAULTS, Completer
from infill.document import Snapshot
from infill.edits import apply
from infill.filler import Filled, FillRequest, FillResult, Score
from infill.region import LONGEST_REGION, MOST_LINES, Region, Told, reported
from infill.repair import NO_BETTER, TOO_LATE, TOO_LONG, Repair

pytestmark = pytest.mark.slow
PREFERENCES = replace(DEFAULTS, mode="quality", deadline=None)
CODE = '''\
import json
from pathlib import Path


class Inventory:
    """What is in stock, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.items = json.loads(path.read_text())

    def total_price(self) -> float:
        total = 0.0
        for name, item in self.items.items():
            total += item["price"] * item["count"]
        return total

    def remove(self, name: str) -> None:
        if name in self.items:
            del self.items[name]
        self.path.write_text(json.dumps(self.items))
'''


async def repaired(completer: Completer, code: str, line: str) -> tuple[str, Repair]:
    snapshot = Snapshot.open("file:///shop/inventory.py", 1, "python", code)
    at = code.index(line)
    found = await completer.repair(snapshot, at, at + len(line), preferences=PREFERENCES)
    return apply(code, found.edits), found


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("        for name, item in self.items.items():", "        for name, item in self.itmes.items():"),
        ("        return total\n", "            return total\n"),
        (
            "        self.path.write_text(json.dumps(self.items))",
            "        self.path.write_text(json.dumps(self.items)))",
        ),
        ("            del self.items[name]", "        del self.items[name]"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
async def test_a_slip_is_put_right(completer: Completer, right: str, wrong: str, newline: str) -> None:
    code, line = CODE.replace(right, wrong), wrong.strip("\n")
    text, _ = await repaired(completer, code.replace("\n", newline), line)
    assert text == CODE.replace("\n", newline)


async def test_a_bracket_missing_in_one_of_a_dozen_lines(completer: Completer) -> None:
    """Among the slips of all lines, most of which mend nothing."""
    code = """\
import json
from pathlib import Path


class Store:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.items = {}

    async def load(self) -> dict:
        text = await self.read(self.path)
        self.items = json.loads(text)
        return self.items
"""
    wrong = code.replace("json.loads(text)", "json.loads(text")
    snapshot = Snapshot.open("file:///w/store.py", 1, "python", wrong)
    found = await completer.repair(snapshot, 0, wrong.index("        return"), preferences=PREFERENCES)
    assert apply(wrong, found.edits) == code


async def test_slips_are_looked_for_beside_the_loop(completer: Completer, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[threading.Thread] = []

    def near(snapshot: Snapshot, region: Region) -> Iterator[str]:
        threads.append(threading.current_thread())
        yield from ()

    monkeypatch.setattr(slips, "near", near)
    await repaired(completer, CODE, "        return total\n")
    assert len(threads) == 1 and threading.current_thread() not in threads


async def test_several_pieces_are_one_repair(completer: Completer) -> None:
    """The first and the last line that is wrong are more than a dozen lines apart."""
    wrong = CODE.replace("self.path = path", "self.path = pathh").replace("self.items))", "self.items)))")
    snapshot = Snapshot.open("file:///shop/inventory.py", 1, "python", wrong)
    found = await completer.repair(snapshot, wrong.index("self.path = "), len(wrong), preferences=PREFERENCES)
    assert apply(wrong, found.edits) == CODE
    assert found.reason == ""


@dataclass
class Slow:
    """A filler that finds `good` likelier than `bad` and takes its time to say so. asked: the regions it scored."""

    seconds: float
    asked: list[str] = field(default_factory=list)

    async def fill(self, request: FillRequest) -> FillResult:
        return FillResult((Filled((request.draft or "").replace("bad", "good"), -1.0, 0.5, True),))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        self.asked += texts
        await asyncio.sleep(self.seconds)
        words = [re.findall(r"\w+|\W", text) for text in texts]
        return [Score(99.0 * one.count("good"), tuple((w, -9.0 * (w == "bad")) for w in one)) for one in words]

    def warm(self, request: FillRequest, *, answer: bool = False) -> None: ...

    def rest(self) -> None: ...

    def close(self) -> None: ...


@dataclass
class Renaming(Slow):
    """A filler that closes the bracket and says `least` for `name`, which it finds likelier by so many nats."""

    name: str = ""
    nats: float = 0.0

    async def fill(self, request: FillRequest) -> FillResult:
        return FillResult((Filled((request.draft or "").replace(self.name, "least") + ")", -1.0, 0.5, True),))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        words = [re.findall(r"\w+|\W", text) for text in texts]
        totals = [20.0 * text.endswith(")") + self.nats * ("least" in text) for text in texts]
        return [
            Score(total, tuple((w, -9.0 * (w == self.name)) for w in one))
            for total, one in zip(totals, words, strict=True)
        ]


@pytest.mark.parametrize(
    ("name", "likelier", "line"),
    [
        ("low", 9.0, "x = min(low, high)"),
        ("low", 15.0, "x = min(least, high)"),
        ("high", 9.0, "x = min(low, high)"),  # where the bracket is missing
        ("high", 15.0, "x = min(low, least)"),
    ],
)
async def test_what_changes_more_than_mends_needs_the_margin(name: str, likelier: float, line: str) -> None:
    code = "x = min(low, high\ny = low\n"
    snapshot = Snapshot.open("file:///shop/a.py", 1, "python", code)
    filler = Renaming(0.0, name=name, nats=likelier)
    found = await Completer(filler).repair(snapshot, 0, 10, preferences=PREFERENCES)
    assert apply(code, found.edits).startswith(line + "\n")


@dataclass
class Unforeseen(Slow):
    """A filler that drafts nothing, and finds a text with `word` likelier by so many nats."""

    word: str = ""
    nats: float = 0.0

    async def fill(self, request: FillRequest) -> FillResult:
        return FillResult(())

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        return [Score(self.nats * (self.word in text), ((text, -9.0),)) for text in texts]


@dataclass
class Respelling(Unforeseen):
    """One that drafts the word in place of the last name of the line."""

    async def fill(self, request: FillRequest) -> FillResult:
        text = re.sub(r"= \w+|import \w+", self.word, request.draft or "")
        return FillResult((Filled(text, -1.0, 0.5, True),))


@pytest.mark.parametrize(
    ("word", "nats", "wrong", "found"),
    [
        ("self.total", 3.0, True, True),  # a word, however long
        ("self.total", 1.0, True, False),
        ("self.total", 10.0, False, False),  # two words and four letters, and the margin
        ("self.total", 12.0, False, True),
        ("self.fmt", 10.0, True, False),  # elsewhere on the line
        ("self.fmt", 12.0, True, True),
    ],
)
async def test_what_is_missing_where_an_error_begins_needs_no_margin(
    word: str, nats: float, wrong: bool, found: bool
) -> None:
    code = "class A:\n    def f(self):\n        self.x = fmt(total())\n"
    snapshot, at = Snapshot.open("file:///a.py", 1, "python", code), code.index("total")
    repair = await Completer(Unforeseen(0.0, word=word, nats=nats)).repair(
        snapshot, at, at + 5, preferences=PREFERENCES, told=Told(wrong)
    )
    assert (word in apply(code, repair.edits)) is found


@pytest.mark.parametrize(
    ("word", "nats", "told", "found"),
    [
        ("shelf", 16.0, Told(), False),  # nothing is spelt like it: a word and six letters, and the margin twice
        ("shelf", 18.0, Told(), True),
        ("shelf", 13.0, None, True),
        ("count", 9.0, Told(), True),
    ],
)
async def test_a_name_that_a_tool_tells_of_is_given_up_for_twice_the_margin(
    word: str, nats: float, told: Told | None, found: bool
) -> None:
    code = f"{word} = cout\n"
    snapshot = Snapshot.open("file:///a.py", 1, "python", code)
    filler = Respelling(0.0, word=f"= {word}", nats=nats)
    repair = await Completer(filler).repair(
        snapshot, code.index("cout"), len(code) - 1, preferences=PREFERENCES, told=told
    )
    assert (apply(code, repair.edits) == f"{word} = {word}\n") is found


@pytest.mark.parametrize(
    ("word", "told", "found"),
    [("requests", Told(), True), ("numpy", Told(), False), ("numpy", None, True)],
)
async def test_an_import_that_a_tool_does_not_find_is_one_slip_away(word: str, told: Told | None, found: bool) -> None:
    code = f"import requets\n\n{word}.go()\n"
    snapshot = Snapshot.open("file:///a.py", 1, "python", code)
    filler = Respelling(0.0, word=f"import {word}", nats=40.0)
    repair = await Completer(filler).repair(snapshot, 7, 14, preferences=PREFERENCES, told=told)
    assert (f"import {word}\n" in apply(code, repair.edits)) is found


async def test_an_error_in_broken_syntax_says_nothing_of_what_is_missing() -> None:
    code = "class A:\n    def f(self):\n        self.x = fmt(total()) ? ?\n"
    snapshot, at = Snapshot.open("file:///a.py", 1, "python", code), code.index("total")
    filler = Unforeseen(0.0, word="self.total", nats=3.0)
    repair = await Completer(filler).repair(snapshot, at, at + 5, preferences=PREFERENCES, told=Told(wrong=True))
    assert "self.total" not in apply(code, repair.edits)


async def test_no_further_text_is_looked_at_once_it_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is broken all over would keep a core busy for half a minute."""
    code, begun, goes_on, looked_at = "use(bad)\n", threading.Event(), threading.Event(), []

    def near(*given: object) -> Iterator[str]:
        yield "use(good)\n"
        begun.set()
        assert goes_on.wait(10)
        for number in range(100):
            yield f"use(bad, {number})\n"
            looked_at.append(number)

    monkeypatch.setattr(slips, "near", near)
    repairing = Completer(Slow(0.0)).repair(Snapshot.open("file:///a.py", 1, "python", code), 0, 9)
    asked = asyncio.ensure_future(repairing)
    assert await asyncio.to_thread(begun.wait, 10)
    asked.cancel()
    await asyncio.wait([asked])
    goes_on.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert looked_at == []


@pytest.mark.parametrize(("seconds", "reason"), [(0.0, ""), (0.2, ""), (5.0, TOO_LATE)])
async def test_all_pieces_share_one_deadline(seconds: float, reason: str) -> None:
    code = "".join(f"use(bad, {line})\n" for line in range(120))
    snapshot, slow = Snapshot.open("file:///shop/a.py", 1, "python", code), Slow(seconds)
    began = time.monotonic()
    deadline = 1.0 if seconds else None
    found = await Completer(slow).repair(snapshot, 0, len(code), preferences=replace(PREFERENCES, deadline=deadline))
    pieces = [snapshot.line_of(edit.start) // MOST_LINES for edit in found.edits]
    assert found.reason == reason
    assert pieces == list(range(len(pieces)))
    assert bool(pieces) is not bool(reason)
    assert (len(pieces) == 10) is (deadline is None)
    assert deadline is None or time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("language", "right", "end"),
    [
        ("java", "class A {\n    static final int LIMIT = 37;\n\n    int limit() { return LIMIT; }\n}\n", "37;"),
        ("python", 'settings = {\n    "retries": 7,\n    "timeout": TIMEOUT,\n}\n', "7,"),
        (
            "java",
            'class A {\n    String host = "db-7.internal";\n    String user = "reporting";\n}\n',
            '"db-7.internal";',
        ),
        ("python", "def area(w, h):\n    margin = max(13, 4)\n    return (w + margin) * (h + margin)\n", "4)"),
    ],
)
async def test_a_missing_mark_costs_no_number_and_no_string(
    completer: Completer, language: str, right: str, end: str
) -> None:
    wrong, at = right.replace(end, end[:-1]), right.index(end)
    snapshot = Snapshot.open("file:///a", 1, language, wrong)
    found = await completer.repair(snapshot, at, at + len(end) - 1, preferences=PREFERENCES)
    assert apply(wrong, found.edits) == right


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("python", "print(name, clamp(total, 0.0, 9.5))", "print(name, clamp(total 0.0, 9.5))"),
        ("rust", "    let mut cart = Cart::default();", "    let mut cart = Cart::default()"),
        ("python", '        "verbose": True,\n    }', '        "verbose": True,'),
    ],
)
async def test_what_is_missing_is_put_where_it_belongs(
    completer: Completer, language: str, right: str, wrong: str
) -> None:
    code = {
        "rust": f'fn main() {{\n{right}\n    cart.add("pear", 2);\n}}\n',
        "python": "def show(name, total):\n    settings = {\n"
        '        "verbose": True,\n    }\n    print(name, clamp(total, 0.0, 9.5))\n    return settings\n',
    }[language]
    broken = code.replace(right, wrong)
    snapshot, at = Snapshot.open("file:///a", 1, language, broken), broken.index(wrong)
    found = await completer.repair(snapshot, at, at + len(wrong), preferences=PREFERENCES)
    assert apply(broken, found.edits) == code


async def test_what_an_error_says_is_missing(completer: Completer) -> None:
    wrong = CODE.replace("if name in self.items", "if name in items")
    snapshot, at = Snapshot.open("file:///shop/inventory.py", 1, "python", wrong), wrong.index("in items:") + 3
    found = await completer.repair(snapshot, at, at + 5, preferences=PREFERENCES, told=Told(wrong=True))
    assert apply(wrong, found.edits) == CODE


@pytest.mark.parametrize("closing", ["\n        }", "\n    }"])
async def test_a_block_without_an_end_is_closed_where_it_ends(completer: Completer, closing: str) -> None:
    """The parser misses it at the end of the text only."""
    right = """\
public class Shop {
    private final List<Integer> prices = new ArrayList<>();

    public int total() {
        int sum = 0;
        for (int price : prices) {
            sum += price;
        }
        return sum;
    }

    public String describe() {
        return "total: " + total();
    }
}
"""
    wrong = right.replace(closing, "", 1)
    snapshot = Snapshot.open("file:///Shop.java", 1, "java", wrong)
    found = await completer.repair(snapshot, *reported(snapshot, len(wrong), len(wrong)), preferences=PREFERENCES)
    assert apply(wrong, found.edits) == right


@pytest.mark.parametrize(
    ("language", "right", "end"),
    [
        (
            "go",
            "package store\n\nfunc open(path string) error {\n\t_, err := os.ReadFile(path)\n\tif err != nil {\n"
            '\t\treturn fmt.Errorf("open 😀 störe: %w", err)\n\t}\n\treturn nil\n}\n',
            "r)\n\t}",
        ),
        (
            "python",
            "class Order:\n    def add(self, line):\n        if line.quantity <= 0:\n"
            '            raise ValueError(f"quantité 😀😀 {line.quantity}")\n        self.lines.append(line)\n',
            ")\n        self",
        ),
    ],
)
async def test_a_slip_beside_a_string_leaves_what_it_says(
    completer: Completer, language: str, right: str, end: str
) -> None:
    """Words and signs that the model does not foresee."""
    wrong, at = right.replace(end, end[1:]), right.index(end)
    snapshot = Snapshot.open("file:///a", 1, language, wrong)
    found = await completer.repair(snapshot, at, at, preferences=PREFERENCES)
    assert apply(wrong, found.edits) in (wrong, right)


async def test_a_mend_takes_no_call_away(completer: Completer) -> None:
    """`for row in file:` would mend the syntax, too."""
    code = """\
def read_orders(path):
    orders = {}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            number = int(row["number"])
            orders[number] = Order(number)
    for order in orders.values():
        order.check()
    return orders
"""
    wrong = code.replace("row in csv", "row csv")
    snapshot, at = Snapshot.open("file:///w/orders.py", 1, "python", wrong), wrong.index("row csv")
    found = await completer.repair(snapshot, at, at, preferences=PREFERENCES)
    assert apply(wrong, found.edits) == code


@pytest.mark.parametrize(
    ("language", "wrong", "comment"),
    [
        (
            "python",
            CODE.replace("self.path = path\n", "self.path = pth  # größer – siehe oben\n"),
            "# größer – siehe oben",
        ),
        (
            "python",
            CODE.replace("return total\n", "return totl  # Summe, größer – Rabatt abgezogen\n"),
            "# Summe, größer – Rabatt abgezogen",
        ),
        (
            "c",
            "int add(list_t *list, int room)\n{\n    if (list->count == list->room  /* größer – siehe oben */\n"
            "        return -1;\n    return 0;\n}\n",
            "/* größer – siehe oben */",
        ),
    ],
)
async def test_a_slip_before_a_comment_leaves_the_comment(
    completer: Completer, language: str, wrong: str, comment: str
) -> None:
    snapshot, at = Snapshot.open("file:///shop/inventory.py", 1, language, wrong), wrong.index(comment) - 3
    found = await completer.repair(snapshot, at, at, preferences=PREFERENCES)
    assert comment in apply(wrong, found.edits)


@pytest.mark.parametrize("line", [line for line in CODE.splitlines() if line.startswith("        ")])
async def test_what_is_right_is_left_alone(completer: Completer, line: str) -> None:
    text, found = await repaired(completer, CODE, line)
    assert (text, found.reason) == (CODE, NO_BETTER)


async def test_lines_that_end_in_another_way_stay_so(completer: Completer) -> None:
    right = CODE.replace("total = 0.0\n", "total = 0.0\r\n")
    wrong = right.replace("self.items.items()", "self.itmes.items()")
    line = wrong[wrong.index("        total = 0.0") : wrong.index("            total +=")]
    text, found = await repaired(completer, wrong, line)
    assert text == right
    assert len(found.edits) == 1


async def test_a_line_of_data_is_not_looked_at(completer: Completer) -> None:
    text = f"table = [{'1, ' * 1000}]\n"
    snapshot = Snapshot.open("file:///a.py", 1, "python", text)
    found = await completer.repair(snapshot, 0, len(text) - 1, preferences=PREFERENCES)
    assert (found.edits, found.reason) == ((), TOO_LONG)


@pytest.mark.parametrize(
    "words",
    [
        "안녕하세요 이 프로그램은 설정 파일을 읽고 사전을 반환합니다 파일이 없으면 예외를 발생시킵니다",
        "สวัสดีชาวโลกนี่คือข้อความทดสอบกรุณาอ่านอย่างระมัดระวังแล้วตอบกลับเพราะมันสำคัญมาก",
    ],
)
async def test_letters_of_many_tokens_make_long_lines(completer: Completer, words: str) -> None:
    """Behind a full prefix there are positions for fewer of them than a region may have."""
    head = "".join(f"name_{i} = compute_{i}(left_{i}, right_{i})\n" for i in range(200))
    lines = "messages = [\n" + f"    '{words} {words[:40]}',\n" * 10 + "]"
    assert len(lines) <= LONGEST_REGION
    snapshot = Snapshot.open("file:///a.py", 1, "python", f"{head}{lines}\n{lines}\n")
    found = await completer.repair(snapshot, len(head), len(head) + len(lines), preferences=PREFERENCES)
    assert (found.edits, found.reason) == ((), TOO_LONG)


async def test_a_fix_may_be_too_large(completer: Completer) -> None:
    line = "        for name, item in self.itmes.items():"
    code = CODE.replace("        for name, item in self.items.items():", line)
    at = code.index(line)
    snapshot = Snapshot.open("file:///shop/inventory.py", 1, "python", code)
    found = await completer.repair(snapshot, at, at, preferences=replace(PREFERENCES, max_distance=1))
    assert (found.edits, found.reason) == ((), NO_BETTER)


@pytest.mark.parametrize(
    ("language", "code"), [("c", "int main() { rt 0; }\n"), ("go", "package main\n\nfunc f() int { rtn 1 }\n")]
)
async def test_no_body_goes_with_its_brace(completer: Completer, language: str, code: str) -> None:
    """A brace that is missing counts as one syntax error, and so does the word that is wrong."""
    snapshot, at = Snapshot.open("file:///a", 1, language, code), code.index("{")
    found = await completer.repair(snapshot, at, at, preferences=PREFERENCES)
    assert apply(code, found.edits).endswith(" }\n")


async def test_a_missing_brace_is_put_back(completer: Completer) -> None:
    """The one that it opens stands below the lines that are looked at."""
    code = "function mean(values) {\n  return sum(values) / values.length;\n}\n\nconst x = mean([1, 2]);\n"
    wrong = code.replace(") {", ")")
    snapshot = Snapshot.open("file:///a.js", 1, "javascript", wrong)
    found = await completer.repair(snapshot, 0, 0, preferences=PREFERENCES)
    assert apply(wrong, found.edits) == code


@pytest.mark.parametrize(
    ("language", "wrong", "right"),
    [
        ("javascript", "function f() { retrun 1 }\n", "function f() { return 1 }\n"),
        ("javascript", "fucntion f(a) {\n  return a;\n}\n", "function f(a) {\n  return a;\n}\n"),
        ("typescript", "cosnt x: number = 1;\n", "const x: number = 1;\n"),
        ("c", "int main() { retrun 0; }\n", "int main() { return 0; }\n"),
    ],
)
async def test_a_misspelt_word_of_the_language(completer: Completer, language: str, wrong: str, right: str) -> None:
    snapshot = Snapshot.open("file:///a", 1, language, wrong)
    found = await completer.repair(snapshot, 0, 0, preferences=PREFERENCES)
    assert apply(wrong, found.edits) == right
