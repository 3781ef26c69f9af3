"""Evaluation asks the real completer: a model that knows the truth gets full marks, a silent one gets none."""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
import textwrap
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import humaneval as sandbox
from engine import Canvas, Context, Engine, Modes, Prediction, ScriptedDenoiser, Vocabulary
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.scripted import sure_of
from engine.tokenizer import RESERVED, Tokenizer
from infill.complete import Completer
from infill.confidence import Beta
from infill.document import Snapshot
from infill.filler import Filled, FillRequest, FillResult
from infill.local import LocalFiller
from tests.fakes import CONTROL
from training.evaluate import __main__ as command
from training.evaluate import calibration as calibrating
from training.evaluate import card, frontier, writing
from training.evaluate.__main__ import QUESTIONS, ask
from training.evaluate.ends import is_unit
from training.evaluate.humaneval import TaskHole
from training.evaluate.kept import Kept
from training.evaluate.places import LANGUAGES, Place, held_out, places
from training.evaluate.repair import cases
from training.evaluate.session import Session, says_again
from training.evaluate.share import Share, spelled
from training.serving import Served
from training.shards import Source

SOURCES = [Source("textwrap", "lib/textwrap.py", "python", inspect.getsource(textwrap))]


@dataclass
class Asked:
    """What is asked about a text that a scripted model knows by heart, or not at all."""

    tokens: Tokenizer
    texts: list[str]
    knows: bool = True
    p: float = 0.95

    def session(self, found: list[Place], **options: Any) -> Session:
        """A model that finds the end of its prefix in a text and writes the rest of that line, or writes nothing."""
        denoiser = ScriptedDenoiser(CONTROL, self.answer)
        engine = Engine(denoiser, Modes(), Vocabulary(self.tokens.newlines, frozenset(range(RESERVED))))
        filler = LocalFiller(engine, self.tokens, calibration=lambda joint: joint)
        session = Session(Served(engine, self.tokens, filler, Completer(filler)), **options)
        session._places = found
        return session

    def answer(self, context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        written = self.tokens.decode([*context.streams[-1].ids, *committed]).split("\n", 1)[1]
        middle: list[int] = []
        for text in self.texts if self.knows else ():
            at = text.rfind(written[-200:])
            if at >= 0:
                middle = self.tokens.encode(text[at + len(written[-200:]) :].split("\n", 1)[0])
        return sure_of([*middle, *[CONTROL.eom] * len(canvas)][: len(canvas)], CONTROL, self.p)

    def __call__(self, question: str, found: list[Place] | None = None, **options: Any) -> dict[str, Any]:
        session = self.session(found or [], **options)
        try:
            result: dict[str, Any] = asyncio.run(ask(session, [question]))[question]
            return result
        finally:
            session.served.close()


@pytest.fixture
def knowing(tokens: Tokenizer) -> Asked:
    return Asked(tokens, [SOURCES[0].text])


@pytest.fixture
def silent(tokens: Tokenizer) -> Asked:
    return Asked(tokens, [], knows=False)


class TestPlaces:
    def test_are_of_the_kind_they_say_and_always_the_same(self) -> None:
        asked = places(SOURCES, 100, 10)
        assert asked == places(SOURCES, 100, 10)
        assert len(asked) > 90 and len(Counter(place.kind for place in asked)) == 4
        for place in asked:
            assert place.prefix + place.truth + place.suffix == SOURCES[0].text
            assert place.truth and "\n" not in place.truth
            before = place.prefix.rpartition("\n")[2]
            assert before == "" or place.kind != "newline"
            if place.kind == "indentation":
                assert not before.strip() and not place.truth[0].isspace()
            if place.kind == "word":
                assert before[-1].isalnum() and place.truth[0].isalnum()

    def test_the_repositorys_files_are_as_many_as_the_card_says(self) -> None:
        sources = held_out()
        assert set(LANGUAGES) == {source.language for source in sources}
        assert len({source.package for source in sources}) >= 30
        listed = (Path(sandbox.__file__).parent / "data" / "held-out" / "README.md").read_text(encoding="utf-8")
        for package in {source.package for source in sources}:
            assert f"| {package} |" in listed
        found = Counter(place.language for place in places(sources, 200, 30))
        assert found["python"] >= 195 and all(found[language] >= 28 for language in LANGUAGES)

    def test_every_file_is_asked_at_several_kinds_of_cursor(self) -> None:
        kinds: dict[tuple[str, str], set[str]] = defaultdict(set)
        for place in places(held_out(), 480, 96):
            kinds[place.source.package, place.path].add(place.kind)
        assert len(kinds) == 264 and all(len(found) > 1 for found in kinds.values())


class TestHeldOutLines:
    def test_a_model_that_knows_the_file_is_right_nearly_everywhere(self, knowing: Asked) -> None:
        """Nearly: ends of prefixes that stand twice in the file count as wrong."""
        result = knowing("infilling", places(SOURCES, 40, 0))
        assert result["exact"]["python"]["share"] > 0.85
        assert result["tokens_per_forward"] > 3

    def test_a_model_that_knows_the_file_ends_where_it_does(self, knowing: Asked) -> None:
        result = knowing("ends", places(SOURCES, 40, 0))
        assert result["ends"]["right"]["share"] > 0.9 and result["ends"]["too_early"]["share"] < 0.1
        assert result["suffix_said_again"]["share"] < 0.1

    def test_ends_are_asked_where_a_statement_ends(self) -> None:
        """What opens a block or stands within brackets goes on below."""
        text = "def f(\n    alpha,\n    beta,\n):\n    gamma = [\n        alpha,\n    ]\n    return gamma  \n"
        source, starts = Source("p", "p.py", "python", text), [0, *(i + 1 for i, c in enumerate(text) if c == "\n")]
        lines = [Place(source, start, "newline") for start in starts[:-1]]
        assert [place.truth for place in lines if is_unit(place)] == ["    ]", "    return gamma  "]

    def test_wrong_answers_can_be_read(self, tokens: Tokenizer) -> None:
        asked = places(SOURCES, 10, 0)
        session = Asked(tokens, ["", *[place.prefix[-200:] + "nothing" for place in asked]]).session(asked)
        asyncio.run(ask(session, ["infilling"]))
        session.served.close()
        assert len(session.failures) == len(asked)
        for failure, place in zip(session.failures, asked, strict=True):
            assert (failure.before + failure.truth + failure.after) in SOURCES[0].text
            assert failure.truth == place.truth and failure.said == "nothing"

    def test_a_silent_model_is_never_right_and_ends_everywhere(self, silent: Asked) -> None:
        result = silent("infilling", places(SOURCES, 20, 0))
        assert result["exact"]["python"]["share"] == 0
        result = silent("ends", places(SOURCES, 20, 0))
        assert result["ends"]["at_the_end"]["share"] == 1 and result["ends"]["too_early"]["share"] == 1
        assert result["ends"]["right"]["share"] == 0

    def test_a_line_of_the_suffix_is_said_again_when_it_is_the_last(self) -> None:
        assert says_again("x = 1\n    return x\n", "\n\n    return x\n")
        assert not says_again("    return x\n    y", "\n    return x\n")
        assert not says_again("}", "\n}\n")  # says nothing by itself


class TestShown:
    """Scripted models say what they know with confidence, so all that they say is shown."""

    def test_a_model_that_knows_the_file_shows_what_is_missing(self, tokens: Tokenizer) -> None:
        asked = places(SOURCES, 30, 0)
        found = Asked(tokens, [SOURCES[0].text])("shown", asked)
        assert found["shown"]["n"] == len(asked)
        assert found["shown"]["share"] > 0.5 and found["right"]["share"] > 0.7 and found["brought"]["share"] > 0.3
        assert 0 <= found["error"] < 0.4

    def test_of_a_silent_one_nothing_is_known(self, silent: Asked) -> None:
        found = silent("shown", places(SOURCES, 5, 0))
        assert (found["shown"]["share"], found["right"]["n"], found["error"]) == (0, 0, None)
        assert "calibration error of what an editor shows | not measured" in card.table({"shown": found})


class TestWriting:
    FILE = """\
import os


def first(names):
    found = []
    for name in sorted(names):
        path = os.path.join('a', name)
        if os.path.exists(path):
            found.append(path)
    if not found:
        return None
    return found[0]


def last(names):
    found = []
    for name in sorted(names):
        found.append(name)
    total = len(found)
    print(total)
    return found[total - 1]
"""

    @pytest.fixture
    def file(self, monkeypatch: pytest.MonkeyPatch) -> Source:
        source = Source("p", "p/names.py", "python", self.FILE)
        monkeypatch.setattr(writing, "held_out", lambda _data: [source])
        return source

    def test_pieces_are_lines_and_their_keys_write_them(self, file: Source) -> None:
        (piece,) = writing.pieces([file])
        assert piece.typed.count("\n") == writing.LINES - 1 and f"{piece.typed}\n" in self.FILE
        assert "".join(piece.strokes()) == piece.typed
        assert {key for key in piece.strokes() if len(key) > 1} <= {"\n" + depth * "    " for depth in range(4)}

    def test_a_model_that_knows_the_file_saves_most_keys_and_nothing_flickers(
        self, tokens: Tokenizer, file: Source
    ) -> None:
        found = Asked(tokens, [self.FILE])("writing")
        assert found["saved"]["all"]["share"] > 0.6
        assert found["right"]["share"] > 0.5
        assert found["flickered"] == 0 and found["ghost"]["share"] > 0.6

    def test_a_silent_model_saves_none(self, silent: Asked, file: Source) -> None:
        found = silent("writing")
        assert (found["saved"]["all"]["share"], found["ghost"]["share"], found["right"]["n"]) == (0, 0, 0)
        assert card.table({"writing": found}).count("| python | 0.0 % of ") == 1

    def test_other_files_of_the_package_are_open_beside_it(
        self, tokens: Tokenizer, file: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        others = [Source(package, f"{package}/{name}.py", "python", self.FILE) for package in "pq" for name in "ab"]
        monkeypatch.setattr(writing, "held_out", lambda _data: [file, *others])
        monkeypatch.setattr(writing, "pieces", lambda sources, given=writing.pieces: given(sources[:1]))
        opened = set[str]()
        monkeypatch.setattr(
            "infill.context.gather", lambda _, __, others, **___: opened.update(map(repr, others)) or []
        )
        found = Asked(tokens, [self.FILE])("beside")
        assert len(opened) == 2 and all("file:///p/p/" in one and "names" not in one for one in opened)
        assert card.table({"beside": found}).count("| python | ") == 1

    def test_words_within_lines(self, tokens: Tokenizer, file: Source) -> None:
        """The model writes lines to their ends; what stands there already is not proposed again."""
        (piece,) = writing.words([file])
        line = self.FILE.splitlines()[self.FILE.count("\n", 0, piece.start)]
        assert piece.typed in line and piece.typed == piece.typed.strip()
        assert not line.strip().startswith(piece.typed) and not line.endswith(piece.typed)
        found = Asked(tokens, [self.FILE])("within")
        assert found["saved"]["all"]["share"] > 0.3 and found["right"]["share"] == 1
        assert found["flickered"] == 0 and found["uncalled"]["share"] == 0
        assert "proposed at 0.0 %" in card.table({"within": found})


class TestHumanEval:
    def test_a_model_that_knows_the_solutions_passes(self, tokens: Tokenizer) -> None:
        """Its lines, that is: the scripted model ends at every line end."""
        tasks = sandbox.read_tasks("SingleLine", 6)
        knowing = Asked(tokens, [task.prompt + task.canonical_solution + task.suffix for task in tasks])
        runs = knowing("humaneval", sets=["SingleLine"], limit=6)["runs"]
        assert {(run["mode"], run["oracle"]) for run in runs} == {
            ("speedy", False), ("quality", False), ("causal", False), ("speedy", True)
        }  # fmt: skip
        for run in runs:
            assert run["pass"]["n"] == 6 and run["pass"]["share"] == 1
            assert (run["tokens_per_forward"] > 2) == (run["mode"] != "causal")

    def test_the_line_end_that_whole_lines_are_given_is_no_token_of_a_forward(self, tokens: Tokenizer) -> None:
        (task,) = sandbox.read_tasks("SingleLine", 1)
        hole = TaskHole(task)
        session = Asked(tokens, [task.prompt + task.canonical_solution + task.suffix]).session([])
        try:
            free = asyncio.run(session.fill(hole, "causal", lines=1))
            exact = asyncio.run(session.fill_exactly(hole, "causal"))
        finally:
            session.served.close()
        assert free.text == exact.text == hole.truth and hole.truth.endswith("\n")
        assert free.kept == exact.kept == len(tokens.encode(hole.truth.removesuffix("\n"))) == exact.forwards

    def test_a_silent_one_fails(self, silent: Asked) -> None:
        (run, *_) = silent("humaneval", sets=["RandomSpanLight"], limit=4)["runs"]
        assert run["pass"]["share"] == 0 and run["tokens_per_forward"] == 0

    def test_the_oracle_is_asked_as_these_weights_decode(self, knowing: Asked) -> None:
        session = knowing.session([], sets=["SingleLine"], limit=1)
        session.served.engine.modes = Modes.of(canvas_trained=False, editing_trained=False, overrides={})
        try:
            runs = asyncio.run(ask(session, ["humaneval"]))["humaneval"]["runs"]
        finally:
            session.served.close()
        assert [run["mode"] for run in runs if run["oracle"]] == ["causal"]

    @pytest.mark.parametrize(
        ("middle", "passes"),
        [
            ("    return a + b\n", True),
            ("    return a - b\n", False),
            ("    import os; os._exit(0)\n", False),
            ("    while True: pass\n", False),
            ("    with open('left', 'w') as f: f.write('x')\n    return a + b\n", False),
            ("    return len(bytearray(4 << 30)) and a + b\n", False),
            ("    import os; assert 'HOME' not in os.environ; return a + b\n", True),
        ],
    )
    def test_an_answer_passes_by_coming_to_the_tests_end_within_its_limits(
        self, middle: str, passes: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox, "SECONDS", 2)
        task = sandbox.Task("t", "add", "def add(a, b):\n", "", "", "def check(f):\n    assert f(1, 2) == 3\n")
        assert task.passes(middle) == passes


class TestRepair:
    def test_is_asked_about_wrong_and_about_right_code(self, knowing: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("training.evaluate.repair.held_out", lambda _: SOURCES)
        result = knowing("repair", limit=40)
        assert result["exact"]["n"] == 40 and len(result["kinds"]) > 3
        assert result["exact"]["share"] > 0.4 and result["left_alone"]["share"] > 0.9

    def test_a_case_is_whole_lines_of_a_statement_with_the_bug_among_them(self) -> None:
        found = cases(held_out(), 60)
        assert found == cases(held_out(), 60)
        assert len(found) > 50
        for case in found:
            text = case.source.text
            assert text[: case.start].endswith("\n") and text[case.end] == "\n"
            assert case.start <= case.bug.start and case.bug.end <= case.end
            assert case.bug.applied(text) != text
            snapshot = Snapshot.open("a", 0, case.source.language, text)
            assert snapshot.line_of(case.end) - snapshot.line_of(case.start) < 12


class TestKept:
    """Answers to held-out lines on disk."""

    def test_a_run_goes_on_from_what_another_one_answered(self, knowing: Asked, silent: Asked, tmp_path: Path) -> None:
        asked, path = places(SOURCES, 12, 0), tmp_path / "answers.jsonl"
        assert knowing("infilling", asked[:5], kept=Kept(path, "a"))["exact"]["python"]["share"] == 1
        both = silent("infilling", asked, kept=Kept(path, "a"))["exact"]["python"]
        assert (both["n"], both["share"]) == (len(asked), round(5 / len(asked), 4))
        assert silent("infilling", asked[:5], kept=Kept(path, "other weights"))["exact"]["python"]["share"] == 0

    def test_backwards_the_answers_stand_where_they_belong(self, knowing: Asked, silent: Asked, tmp_path: Path) -> None:
        asked, path = places(SOURCES, 12, 0), tmp_path / "answers.jsonl"
        knowing("infilling", asked[8:], kept=Kept(path, "a"), backwards=True)
        assert json.loads(path.read_text().splitlines()[0])["key"].endswith(f" {asked[-1].at}")
        session = silent.session(asked, kept=Kept(path, "a"), backwards=True)
        try:
            found = asyncio.run(session.lines())
        finally:
            session.served.close()
        assert [bool(answer.text) for answer in found] == [False] * 8 + [True] * (len(asked) - 8)

    def test_a_line_that_is_being_written_is_left_for_later(self, tmp_path: Path) -> None:
        path = tmp_path / "answers.jsonl"
        Kept(path, "a").put("one", Share(1, 2))
        line = path.read_text()
        reader = Kept(path, "a")
        path.write_text(line + line.replace("one", "two")[:20])
        assert (reader.get("one"), reader.get("two")) == ({"hits": 1, "n": 2}, None)
        path.write_text(line + line.replace("one", "two"))
        assert reader.get("two") == {"hits": 1, "n": 2}


class TestCalibration:
    def test_sees_a_model_that_is_right_and_unsure(self, tokens: Tokenizer) -> None:
        asked = places(SOURCES, 40, 0)
        result = Asked(tokens, [SOURCES[0].text], p=0.7)("calibration", asked)
        assert result["n"] >= 35 and result["right"] > 0.8
        assert result["error_raw"] > 0.5
        assert result["error"] is None  # one package: nothing to measure the fit on
        wrong = Asked(tokens, ["", *[place.prefix[-200:] + "nothing" for place in asked]])("calibration", asked)
        assert wrong["n"] >= 35 and wrong["right"] == 0
        assert Asked(tokens, [], knows=False)("calibration", asked[:5])["n"] == 0

    def test_a_text_that_is_given_is_as_sure_as_it_is_itself(
        self, silent: Asked, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the model is surest of stands below already and is trimmed away."""

        async def both(_: FillRequest) -> FillResult:
            return FillResult(
                (Filled("return x", -0.1, 0.9, finished=True), Filled("y = 2", -3.0, 0.05, finished=True))
            )

        session = silent.session(
            [Place(Source("p", "p.py", "python", "def f(x):\n    y = 2\n    return x\n"), 14, "indentation")]
        )
        monkeypatch.setattr(session.served.filler, "fill", both)
        try:
            (answer,) = asyncio.run(session.lines())
        finally:
            session.served.close()
        assert (answer.raw, answer.text, answer.p) == ("return x", "y = 2", 0.05)

    def test_its_error_is_the_distance_of_confidence_and_truth(self) -> None:
        p = np.repeat([0.2, 0.8], 500)
        right = np.concatenate([np.arange(500) % 5 == 0, np.arange(500) % 5 != 0])
        assert calibrating.calibration_error(p, right, bins=2) == pytest.approx(0, abs=1e-9)
        assert calibrating.calibration_error(p, np.zeros(1000, bool), bins=2) == pytest.approx(0.5)

    def test_the_fit_finds_what_made_the_answers(self) -> None:
        rng = np.random.default_rng(0)
        p = rng.uniform(0.01, 1, 20_000)
        right = rng.random(20_000) < calibrating.applied(Beta(0.7, 0.4, 0.3), p)
        found = calibrating.fit(p, right)
        assert (found.a, found.b, found.c) == pytest.approx((0.7, 0.4, 0.3), abs=0.1)
        assert calibrating.calibration_error(calibrating.applied(found, p), right) < 0.02

    def test_the_fit_never_falls(self) -> None:
        rng = np.random.default_rng(1)
        p = rng.uniform(0.01, 0.99, 5_000)
        found = calibrating.fit(p, rng.random(5_000) > p)
        assert (found.a, found.b) == (0, 0) and 0.4 < found(0.5) < 0.6

    def test_the_parameters_go_into_the_config_and_nothing_else_changes(self, tmp_path: Path) -> None:
        for path in EMBEDDED.iterdir():
            if path.suffix == ".json":
                shutil.copy(path, tmp_path)
            else:
                (tmp_path / path.name).symlink_to(path)
        before = Checkpoint.open(tmp_path)
        calibrating.write_parameters(before, {"parameters": asdict(Beta(0.5, 0.0, -0.25))})
        after = Checkpoint.open(tmp_path)
        assert after.config.calibration == {"a": 0.5, "b": 0.0, "c": -0.25}
        assert {**asdict(after.config), "calibration": None} == {**asdict(before.config), "calibration": None}
        after.verify()


def test_the_frontier_asks_every_setting_about_the_same_tasks_and_is_drawn(tokens: Tokenizer, tmp_path: Path) -> None:
    tasks = sandbox.read_tasks("SingleLine", 2)
    knowing = Asked(tokens, [task.prompt + task.canonical_solution + task.suffix for task in tasks])
    found = knowing("frontier", limit=2)
    names = [point["name"] for point in found["points"]]
    assert names[:3] == ["causal", "quality", "speedy"] and len(set(names)) == len(names) >= 12
    assert all(point["pass"] == Share(2, 2).as_json() for point in found["points"])
    frontier.draw(found, tmp_path / "a.svg")
    frontier.draw(found, tmp_path / "b.svg")
    picture = (tmp_path / "a.svg").read_text()
    assert all(name in picture for name in names)
    assert picture == (tmp_path / "b.svg").read_text()


class TestCommand:
    """What is kept of a run on disk."""

    @staticmethod
    def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
        """The command line over a question that is answered and one that fails."""

        async def answered(_: Session) -> dict[str, Any]:
            return {"n": 7}

        async def broken(_: Session) -> dict[str, Any]:
            raise OSError("the power went")

        monkeypatch.setattr(command, "QUESTIONS", {"first": answered, "second": broken})
        monkeypatch.setattr("sys.argv", ["evaluate", *words])
        command.main()

    def test_what_was_answered_is_kept_when_a_later_question_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(OSError, match="the power went"):
            self.run(monkeypatch, "first", "second", "--out", str(tmp_path / "found.json"))
        assert json.loads((tmp_path / "found.json").read_text())["first"]["n"] == 7

    def test_figures_say_how_they_were_asked(self, silent: Asked) -> None:
        found = silent("infilling", places(SOURCES, 5, 0), limit=5, threads=3)
        assert (found["limit"], found["threads"]) == (5, 3)

    def test_a_quick_look_writes_only_where_it_is_told_to(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(command.baseline, "OUT", tmp_path)
        self.run(monkeypatch, "first", "--limit", "2")
        assert not list(tmp_path.iterdir())
        self.run(monkeypatch, "first")
        assert [path.name for path in tmp_path.iterdir()] == ["evaluation.json"]


class TestShares:
    def test_an_interval_holds_the_share_and_narrows(self) -> None:
        for hits, n in ((0, 5), (5, 5), (3, 10), (300, 1000)):
            low, high = Share(hits, n).interval
            assert 0 <= low <= hits / n <= high <= 1
        assert Share(500, 1000).interval == pytest.approx((0.469, 0.531), abs=1e-3)
        assert Share(0, 10).interval[1] == pytest.approx(0.278, abs=1e-3)
        assert spelled(Share(1, 4).as_json()) == "25.0 % (4.6–69.9, n 4)"


class TestCard:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        shutil.copy(EMBEDDED / "config.json", tmp_path)
        (tmp_path / card.CARD).write_text(f"# model\n\n{card.BEGIN}\nold\n{card.END}\n\nafter\n")
        return tmp_path

    @staticmethod
    def checkpoint(folder: Path) -> Checkpoint:
        return Checkpoint(folder, Checkpoint.open().config)

    @staticmethod
    def run(mode: str, hits: int, name: str = "SingleLine", oracle: bool = False) -> dict[str, Any]:
        share = Share(hits, 100).as_json()
        return {
            "set": name, "mode": mode, "oracle": oracle, "pass": share, "exact": share, "suffix_said_again": share,
            "tokens_per_forward": 3.1, "forwards": 4.0, "context_forwards": 2.0, "ms_median": 120.0,
        }  # fmt: skip

    def test_every_row_of_the_table_is_there_measured_or_not(self) -> None:
        empty = card.table({}).split("\n")
        assert len(empty) == 2 + 16
        assert all("not measured" in row for row in empty[2:])

    def test_what_is_shown_and_how_much_of_it_is_right(self) -> None:
        shares = {"shown": Share(50, 200), "right": Share(30, 50), "brought": Share(300, 4000)}
        table = card.table({"shown": {"error": 0.02} | {name: share.as_json() for name, share in shares.items()}})
        assert "25.0 % (" in table and "; right 60.0 % (" in table and "7.5 % of all missing characters" in table
        assert "| calibration error of what an editor shows | 0.02 (n 50) |" in table

    def test_the_rows_say_what_was_measured(self) -> None:
        runs = [
            self.run("speedy", 40),
            self.run("quality", 42),
            self.run("causal", 41),
            self.run("causal", 47, oracle=True),
        ]
        text = card.table({"humaneval": {"runs": runs}})
        assert "pass@1, free length, `speedy` | 40.0 % (30.9–49.8, n 100) | ≥ 40 % |" in text
        assert "+6.0 points (both `causal`: oracle 47.0 %" in text
        assert "-2.0 points (40.0 % beside 42.0 %)" in text
        assert "+1.0 points (42.0 % beside 41.0 %)" in text

    def test_what_was_asked_with_a_limit_is_said(self) -> None:
        share = Share(1, 2).as_json()
        repaired = {"exact": share, "left_alone": share, "kinds": {}, "threads": 2}
        assert "--limit" not in card.table({"weights": "a", "repair": repaired | {"limit": 0}})
        assert ", by `--limit`: repair 1,056." in card.table({"weights": "a", "repair": repaired | {"limit": 1056}})
        several = {"runs": [self.run("speedy", 40, "MultiLine")], "limit": 300}
        single = {"runs": [self.run("speedy", 40)], "limit": 0}
        both = card.joined({"weights": "a", "humaneval": several}, {"humaneval": single})
        assert ", by `--limit`: humaneval 300." in card.table(both)
        again = single | {"runs": both["humaneval"]["runs"]}
        assert "--limit" not in card.table(card.joined(both, {"humaneval": again}))

    def test_new_figures_go_between_the_marks_beside_the_old_ones(self, folder: Path) -> None:
        checkpoint = self.checkpoint(folder)
        card.update(checkpoint, {"humaneval": {"runs": [self.run("speedy", 40)]}})
        card.update(checkpoint, {"humaneval": {"runs": [self.run("speedy", 50), self.run("speedy", 20, "MultiLine")]}})
        text = (folder / card.CARD).read_text()
        assert text.startswith(f"# model\n\n{card.BEGIN}\n|") and text.endswith(f"\n{card.END}\n\nafter\n")
        assert "old" not in text and "50.0 %" in text and "40.0 % (" not in text and "20.0 %" in text
        known = json.loads((folder / card.FIGURES).read_text())
        assert len(known["humaneval"]["runs"]) == 2 and known["weights"] == card.identity(checkpoint)

    def test_figures_of_other_weights_are_not_kept(self, folder: Path) -> None:
        (folder / card.FIGURES).write_text(json.dumps({"weights": "others", "repair": {}}))
        card.update(self.checkpoint(folder), {"humaneval": {"runs": [self.run("speedy", 40)]}})
        assert "repair" not in json.loads((folder / card.FIGURES).read_text())

    def test_figures_of_earlier_runs_are_put_together(self, folder: Path, tmp_path: Path) -> None:
        checkpoint = self.checkpoint(folder)
        for name, run in (("a", self.run("speedy", 40)), ("b", self.run("quality", 42))):
            found = card.gathered(checkpoint, []) | {"humaneval": {"runs": [run]}}
            card.save(found, tmp_path / name)
        both = card.gathered(checkpoint, [tmp_path / "a", tmp_path / "b"])
        assert [run["mode"] for run in both["humaneval"]["runs"]] == ["speedy", "quality"]
        (tmp_path / "c").write_text(json.dumps({"weights": "others"}))
        with pytest.raises(ValueError, match="are of other weights"):
            card.gathered(checkpoint, [tmp_path / "c"])
        with pytest.raises(ValueError, match="holds no figures"):
            card.gathered(checkpoint, [tmp_path / "nowhere"])

    def test_a_card_without_marks_is_one_sentence(self, folder: Path) -> None:
        (folder / card.CARD).write_text("# model\n")
        with pytest.raises(ValueError, match="no place for the figures; put the lines"):
            card.update(self.checkpoint(folder), {})
        assert not (folder / card.FIGURES).exists()

    def test_the_embedded_models_card_says_what_its_figures_say(self) -> None:
        known = json.loads((EMBEDDED / card.FIGURES).read_text(encoding="utf-8"))
        text = (EMBEDDED / card.CARD).read_text(encoding="utf-8")
        assert text.count(card.BEGIN) == text.count(card.END) == 1
        assert known["weights"] == card.identity(Checkpoint.open())
        assert text.split(card.BEGIN)[1].split(card.END)[0].strip() == card.table(known)
        assert set(known) - {"weights"} <= set(QUESTIONS)
