"""What the user sees: a file with a cursor, what the model writes, the ghost text.

Each file in `cases/<language>/` is one case:

    === file src/app.py [crlf] [no-eol] [invoked] [unfinished] [max-lines=3] [disabled-in=string]
    the file, ‸ being the cursor
    === before
    the file a moment ago (only where the last edit matters)
    === model
    what the model writes; without this section it must not be asked
    === ghost
    what is shown; or `=== over`, what is shown in place of the brackets right of the cursor as well, `=== over N` of
    so many characters there; or `=== nothing REASON`, where the reason must begin like that
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from infill.complete import Completer, Preferences
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import Filled, FillRequest, FillResult, Score

CASES = Path(__file__).parent / "cases"
CURSOR = "‸"


@dataclass
class Scripted:
    """A filler that writes what it is told and remembers what it was asked."""

    text: str
    finished: bool
    asked: list[FillRequest]

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        return FillResult((Filled(self.text, None, None, self.finished),))

    async def score(self, request: FillRequest, texts: Sequence[str]) -> list[Score]:
        raise AssertionError("completing scores nothing")

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        raise AssertionError("completing warms nothing")

    def close(self) -> None: ...


@dataclass
class Several(Scripted):
    """A filler that writes each line of its text for itself, each a tenth as sure as the one before."""

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        return FillResult(tuple(Filled(text, -n, 0.1**n, True) for n, text in enumerate(self.text.split("\n"))))


@dataclass
class Pieces(Scripted):
    """A filler that is sure of the first word of a line, and less of the rest."""

    warmed: int = 0

    async def fill(self, request: FillRequest) -> FillResult:
        self.asked.append(request)
        sure = len(self.text.split("(")[0])
        return FillResult((Filled(self.text, -1.0, 0.1, True, beginnings=((sure, 0.98), (len(self.text), 0.65))),))

    def warm(self, request: FillRequest, *, answer: bool = False) -> None:
        self.warmed += 1


@dataclass(frozen=True)
class Case:
    language: str
    path: str
    options: dict[str, str]
    text: str
    before: str | None
    model: str | None
    ghost: str | None
    over: int
    reason: str

    @classmethod
    def read(cls, file: Path) -> Case:
        sections: dict[str, tuple[str, str]] = {}
        for part in ("\n" + file.read_text(encoding="utf-8")).split("\n=== ")[1:]:
            head, _, body = part.partition("\n")
            name, _, rest = head.partition(" ")
            sections[name] = (rest, body)
        last = list(sections)[-1]
        sections[last] = (sections[last][0], sections[last][1].removesuffix("\n"))
        path, *flags = sections["file"][0].split()
        options = {flag.partition("=")[0]: flag.partition("=")[2] for flag in flags}
        ending = "\r\n" if "crlf" in options else "\n"

        def document(name: str) -> str | None:
            if name not in sections:
                return None
            return (sections[name][1] + ("" if "no-eol" in options else "\n")).replace("\n", ending)

        text = document("file")
        assert text is not None and text.count(CURSOR) == 1, "a case needs one file with one cursor"
        (expected,) = {"ghost", "over", "nothing"} & set(sections)
        rest = text.partition(CURSOR)[2].partition(ending)[0]
        return cls(
            language=file.parent.name,
            path=path,
            options=options,
            text=text,
            before=document("before"),
            model=sections["model"][1] if "model" in sections else None,
            ghost=None if expected == "nothing" else sections[expected][1],
            over=int(sections["over"][0] or len(rest)) if expected == "over" else 0,
            reason=sections.get("nothing", ("", ""))[0],
        )

    def snapshot(self) -> tuple[Snapshot, int]:
        cursor = self.text.index(CURSOR)
        text = self.text.replace(CURSOR, "")
        uri = self.path if ":" in self.path else f"file:///home/me/{self.path}"
        if self.before is None:
            return Snapshot.open(uri, 1, self.language, text), cursor
        opened = Snapshot.open(uri, 1, self.language, self.before)
        return opened.edit([Edit(0, len(self.before), text)], 2), cursor


FILES = sorted(CASES.glob("*/*.txt"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.stem}")
async def test_case(file: Path) -> None:
    case = Case.read(file)
    snapshot, cursor = case.snapshot()
    filler = Scripted(case.model or "", "unfinished" not in case.options, [])
    preferences = Preferences()
    if "max-lines" in case.options:
        preferences = replace(preferences, max_lines=int(case.options["max-lines"]))
    if "disabled-in" in case.options:
        preferences = replace(preferences, disabled_in=frozenset(case.options["disabled-in"].split(",")))
    answer = await Completer(filler).complete(
        snapshot, cursor, preferences=preferences, invoked="invoked" in case.options, over_closers=True
    )
    shown = [suggestion.text for suggestion in answer.suggestions]
    assert shown == ([] if case.ghost is None else [case.ghost]), answer.reason
    assert answer.reason.startswith(case.reason)
    assert len(filler.asked) == (case.model is not None)
    for suggestion in answer.suggestions:
        assert (suggestion.start, suggestion.end) == (cursor, cursor + case.over)


def test_there_are_cases_for_every_language() -> None:
    languages = {file.parent.name for file in FILES}
    assert len(FILES) >= 60
    assert languages >= {
        "python", "javascript", "typescript", "typescriptreact", "go", "rust", "c", "cpp", "java", "plaintext"
    }  # fmt: skip


class TestTypingThrough:
    """A proposal that is typed, key by key, costs one call of the model."""

    @pytest.mark.parametrize(
        ("language", "before", "shown"),
        [
            ("python", "x = ", "compute(values, 2)"),
            ("python", "def f():", "\n    # the first\n    if a:\n        pass\n    return 'a'"),
            ("javascript", "function f() {", "\n  const a = 1;\n  return a;\n}"),
            ("javascript", "", "import { useState } from 'react';"),
        ],
    )
    async def test_as_it_stands(self, language: str, before: str, shown: str) -> None:
        """Where nothing new would be asked for, behind a statement's end or in a comment, it goes on as well."""
        filler = Scripted(shown, True, [])
        completer = Completer(filler)
        snapshot, cursor = Snapshot.open("file:///a", 1, language, before + "\n\ny = 1\n"), len(before)
        for version, key in enumerate(shown, start=2):
            answer = await completer.complete(snapshot, cursor)
            assert [suggestion.text for suggestion in answer.suggestions] == [shown]
            snapshot, cursor, shown = snapshot.edit([Edit(cursor, cursor, key)], version), cursor + 1, shown[1:]
        assert len(filler.asked) == 1

    @pytest.mark.parametrize("wanted", ["x = f(a).g(b)", "if f(a, g(b)):"])
    async def test_while_the_editor_closes_brackets(self, wanted: str) -> None:
        """The editor puts `)` behind `(` and steps over it when `)` is typed."""
        filler = Scripted(wanted[4:], True, [])
        completer = Completer(filler)
        snapshot, cursor, version = Snapshot.open("file:///a.py", 1, "python", wanted[:4] + "\n"), 4, 1
        while snapshot.text[: (end := snapshot.line_range(0)[1])] != wanted:
            (shown,) = (await completer.complete(snapshot, cursor, over_closers=True)).suggestions
            assert snapshot.text[:cursor] + shown.text + snapshot.text[shown.end : end] == wanted
            key = wanted[cursor]
            over = key == ")" and snapshot.text[cursor] == ")"
            typed = "()" if key == "(" else "" if over else key
            version, cursor = version + 1, cursor + 1
            snapshot = snapshot.edit([Edit(cursor - 1, cursor - 1, typed)], version)
        assert len(filler.asked) == 1

    async def test_each_of_several_goes_on(self) -> None:
        """Which of them the user looks at nobody says: the one that is typed, and of two like that the best."""
        filler = Several("first(a)\nsecond(b)\nsecond(c)", True, [])
        completer = Completer(filler)
        snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
        assert len((await completer.complete(snapshot, 4, invoked=True)).suggestions) == 3
        for typed, left in (("fir", "st(a)"), ("second", "(b)"), ("second(c", ")")):
            taken = snapshot.edit([Edit(4, 4, typed)], 2)
            (shown,) = (await completer.complete(taken, 4 + len(typed))).suggestions
            assert shown.text == left
        assert len(filler.asked) == 1

    @pytest.mark.parametrize("taken", ["rows.append", "r", "rows.append(", "rows.append(val"])
    async def test_what_comes_next_is_remembered_too(self, taken: str) -> None:
        """What is sure is proposed first; taken or typed, what follows it comes without a call of the model."""
        filler = Pieces("rows.append(value)", True, [])
        completer = Completer(filler)
        snapshot = Snapshot.open("file:///a.py", 1, "python", "value = 1\n\ny = 2\n")
        (first,) = (await completer.complete(snapshot, 10)).suggestions
        assert (first.text, first.confidence) == ("rows.append", 0.98)
        completer.foresee(snapshot, first)
        assert filler.warmed == 0, "it is known what follows"
        after = snapshot.edit([Edit(10, 10, taken)], 2)
        (then,) = (await completer.complete(after, 10 + len(taken))).suggestions
        piece = first.text if first.text.startswith(taken) and taken != first.text else filler.text
        assert taken + then.text == piece
        completer.foresee(after, then)
        assert (len(filler.asked), filler.warmed) == (1, int(piece == filler.text))

    async def test_another_key_asks_again(self) -> None:
        filler = Scripted("compute(values)", True, [])
        completer = Completer(filler)
        snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
        await completer.complete(snapshot, 4)
        await completer.complete(snapshot.edit([Edit(4, 4, "k")], 2), 5)
        assert len(filler.asked) == 2

    async def test_what_was_accepted_and_deleted_again_is_not_put_back(self) -> None:
        filler = Scripted("compute(values)", True, [])
        completer = Completer(filler)
        snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
        (shown,) = (await completer.complete(snapshot, 4)).suggestions
        accepted = snapshot.edit([Edit(4, 4, shown.text)], 2)
        shorter = accepted.edit([Edit(12, 19, "")], 3)
        assert shorter.text == "x = compute(\n"
        filler.text = "values)"
        assert (await completer.complete(shorter, 12)).suggestions == ()

    async def test_what_extends_a_popups_item_stands_where_that_item_does(self) -> None:
        """The item is chosen, then dismissed, then taken: `path` stands in the popup, `pa` in the file."""
        filler = Scripted(".join(a)", True, [])
        completer = Completer(filler)
        snapshot = Snapshot.open("file:///a.py", 1, "python", "x = os.pa\n")
        (shown,) = (await completer.complete(snapshot, 9, selected=(7, "path"))).suggestions
        assert (shown.start, shown.end, shown.text) == (7, 9, "path.join(a)")
        (dismissed,) = (await completer.complete(snapshot, 9)).suggestions
        assert (dismissed.start, dismissed.end, dismissed.text) == (9, 9, "th.join(a)")
        taken = snapshot.edit([Edit(7, 9, "path")], 2)
        assert [one.text for one in (await completer.complete(taken, 11)).suggestions] == [".join(a)"]
        assert len(filler.asked) == 1

    @pytest.mark.parametrize(("text", "cursor"), [("# the val\n", 9), ('"""Do val something."""\n', 9)])
    async def test_a_popup_makes_no_place_welcome_that_is_none(self, text: str, cursor: int) -> None:
        filler = Scripted(" of x", True, [])
        snapshot = Snapshot.open("file:///a.py", 1, "python", text)
        answer = await Completer(filler).complete(snapshot, cursor, selected=(cursor - 3, "value"))
        assert answer.suggestions == () and not filler.asked


async def test_of_equal_texts_the_best_is_shown() -> None:
    snapshot = Snapshot.open("file:///a.py", 1, "python", "x = \n")
    (shown,) = (await Completer(Several("f(a)\nf(a) ", True, [])).complete(snapshot, 4, invoked=True)).suggestions
    assert (shown.text, shown.confidence) == ("f(a)", 1.0)
