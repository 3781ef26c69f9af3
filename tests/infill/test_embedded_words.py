"""The embedded weights where a tokenizer's words and the user's do not begin or end together."""

from __future__ import annotations

import pytest

from engine.checkpoint import EMBEDDED
from infill.complete import Completer
from training.serving import Served

pytestmark = pytest.mark.slow


async def filled(completer: Completer, before: str, after: str, language: str, mode: str) -> str:
    result = await completer.fill(before, after, path="src/sample", language=language, mode=mode, max_lines=1)
    return result.texts[0].text


@pytest.mark.parametrize("mode", ["causal", "speedy"])
@pytest.mark.parametrize("typed", ["r", "re", "ret", "retu", "retur"])
async def test_a_word_that_has_begun_goes_on(completer: Completer, typed: str, mode: str) -> None:
    before = f"def double(number):\n    result = 2 * number\n    {typed}"
    found = await filled(completer, before, "\n\n\nprint(double(3))\n", "python", mode)
    assert typed + found == "return result"


async def test_a_letter_more_says_the_same_for_less(completer: Completer) -> None:
    """What the model was asked a letter ago is remembered."""
    forgetful = Served.open(EMBEDDED, "onnx", 2, remembered=0).completer
    costs = []
    for typed in ("r", "re", "ret", "retu", "retur"):
        before = f"def triple(number):\n    result = 3 * number\n    {typed}"
        request = {"path": "src/sample", "language": "python", "mode": "causal", "max_lines": 1}
        answers = [await one.fill(before, "\n\n\nprint(triple(3))\n", **request) for one in (completer, forgetful)]  # type: ignore[arg-type]
        assert len({answer.texts[0].text for answer in answers}) == 1
        costs.append([answer.report.forwards for answer in answers])
    forgetful.close()
    remembered, asked_anew = map(sum, zip(*costs, strict=True))
    assert costs[0][0] == costs[0][1] and remembered <= asked_anew / 2


@pytest.mark.parametrize("mode", ["causal", "speedy"])
async def test_a_line_begins_at_the_margin_after_a_blank_one(completer: Completer, mode: str) -> None:
    before = "static int first(void)\n{\n    return 1;\n}\n\nstatic int second(void)\n{\n    return 2;\n}\n\n"
    found = await filled(completer, before, "\n{\n    return 3;\n}\n", "c", mode)
    assert found.startswith("static int ")


@pytest.mark.parametrize(
    ("before", "after", "truth"),
    [
        ("values = [3, 1, 2]\nfor value in values:\n    pri", "(value)\n", "nt"),
        ("items = [1, 2]\nprint(len(", "))\n", "items"),
        ("first, second = 1, 2\nprint(first + sec", ")\n", "ond"),
    ],
)
async def test_a_text_ends_where_the_rest_of_the_line_begins(
    completer: Completer, before: str, after: str, truth: str
) -> None:
    result = await completer.fill(before, after, path="src/sample.py", language="python", mode="quality")
    assert result.texts[0].text == truth


@pytest.mark.parametrize("mode", ["causal", "speedy"])
@pytest.mark.parametrize(
    "typed",
    [
        "def berechneGesamtsummeDerBestell",
        'print("Größenänderungsübersicht',
        'print("Сохраняет текст пользователя',
        'raise ValueError("这个函数计算两个数字的总和然后返回结果',
        'print("done 🎉🎉🚀🔥👩‍👩‍👧🎉🎉',
        "x = 1" + 60 * "\n",
        "class A:\n    x = 1\n" + 30 * "        \n" + "    ",
    ],
    ids=["camel case", "German", "Russian", "Chinese", "emoji", "blank lines", "indented blank lines"],
)
async def test_a_word_of_many_tokens_is_not_written_again_in_every_way(
    completer: Completer, typed: str, mode: str
) -> None:
    """There are hundreds of ways; nothing came of it but forwards."""
    request = {"path": "src/sample.py", "language": "python", "mode": mode, "max_lines": 1, "max_tokens": 16}
    result = await completer.fill(f"import os\n\n{typed}", "\n", **request)  # type: ignore[arg-type]
    assert result.texts and result.report.forwards < 60


async def test_tokens_that_write_what_was_typed_again_do_not_count(completer: Completer) -> None:
    before = (
        "class User:\n    def getUserAuthenticationToken(self): ...\n\ndef f(user):\n    user.getUserAuthenticationTok"
    )
    request = {"path": "src/sample.py", "language": "python", "mode": "causal", "max_lines": 1, "max_tokens": 2}
    result = await completer.fill(before, "\n", **request)  # type: ignore[arg-type]
    assert result.texts[0].text == "en()" and result.report.tokens <= 2
