"""The README's picture of typing: two methods typed key by key, every right proposal taken at once, as SVG.

python -m benchmarks.typed [--out benchmarks/typed.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from benchmarks.model import add_model_arguments, open_completer
from infill.complete import Completer
from infill.document import Snapshot
from infill.edits import Edit

FILE = Path(__file__).parent / "data" / "store.py"
BEGIN, END = "def load", "\n\n    def save"
ROW, LETTER, LEFT, TOP = 24, 8.4, 20, 62


@dataclass(frozen=True, slots=True)
class Row:
    """A line up to the cursor, what was proposed there, how probable that was, and whether it was what came next."""

    line: str
    said: str
    confidence: float | None
    right: bool


async def record(completer: Completer, text: str, begin: int, end: int) -> tuple[list[Row], int]:
    """The proposals while text[begin:end], which is not there yet, is typed, and the keys that were pressed: one a
    character, a proposal or a line end with its indentation."""
    snapshot, at = Snapshot.open(FILE.as_uri(), 0, "python", text[:begin] + text[end:]), begin
    rows, keys, said = list[Row](), 0, ""
    while at < end:
        new = said if said and text.startswith(said, at) else _key(text, at)
        snapshot, keys = snapshot.edit([Edit(at, at, new)], snapshot.version + 1), keys + 1
        before, at = said.removeprefix(new) if said.startswith(new) else "", at + len(new)
        answer = await completer.complete(snapshot, at)
        said = answer.suggestions[0].text if answer.suggestions else ""
        if said and said != before:
            line = snapshot.text[:at].rpartition("\n")[2]
            rows.append(Row(line, said, answer.suggestions[0].confidence, text.startswith(said, at)))
    return rows, keys


def _key(text: str, at: int) -> str:
    """What the next key writes: a letter, or a line end with the indentation that an editor brings."""
    indented = len(text) - len(text[at + 1 :].lstrip(" "))
    return text[at:indented] if text[at] == "\n" and text[indented] != "\n" else text[at]


def svg(rows: Sequence[Row], title: str) -> str:
    """A row a proposal: the line that was there, and what was proposed behind it."""
    width = max(720.0, LEFT + LETTER * max((len(row.line + row.said) for row in rows), default=0) + 120)
    height = TOP + ROW * len(rows) + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
        f'viewBox="0 0 {width:.0f} {height}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="14">\n'
        '<rect width="100%" height="100%" rx="8" fill="#1b1f27"/>\n'
        f'<text x="{LEFT}" y="28" fill="#9aa4b5">{escape(title)}</text>\n'
        + "".join(_drawn(row, TOP + ROW * number) for number, row in enumerate(rows))
        + "</svg>\n"
    )


def _drawn(row: Row, y: int) -> str:
    taken, color = ("Tab", "#6cc08b") if row.right else ("typed on", "#8a6d6d")
    sure = "" if row.confidence is None else f"p = {row.confidence:.2f}, "
    x = LEFT + LETTER * len(row.line)
    said = escape(row.said.replace("\n", "⏎"))
    return (
        f'<text x="{LEFT}" y="{y}" fill="#e6e9ef" xml:space="preserve" textLength="{x - LEFT:.1f}">'
        f"{escape(row.line)}</text>"
        f'<text x="{x:.1f}" y="{y}" fill="{color}" xml:space="preserve"><title>{sure}{taken}</title>{said}'
        f'<tspan fill="#5b6475" font-size="11">   {taken}</tspan></text>\n'
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Type the two methods and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "typed.svg")
    add_model_arguments(parser)
    given = parser.parse_args(arguments)
    text = FILE.read_text(encoding="utf-8")
    begin, end = text.index(BEGIN), text.index(END)
    completer = open_completer(given)
    try:
        rows, keys = asyncio.run(record(completer, text, begin, end))
    finally:
        completer.close()
    told = f"{end - begin} characters in {keys} keys; {sum(row.right for row in rows)} of {len(rows)} proposals right"
    given.out.write_text(svg(rows, told), encoding="utf-8")
    print(f"{given.out}: {told}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
