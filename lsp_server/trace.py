"""`complete --trace`: one page that shows how a completion came to be. No script, no outside request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from infill.complete import Completion
from infill.document import Snapshot
from infill.filler import Slot, Step
from lsp_server.picture import slot_text, telling

AROUND = 600
"""Code points of the file shown on each side of the cursor, at most; whole lines, if the next one ends within them."""

STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
pre, .slots { font: 13px/1.7 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
pre { border: 1px solid #8886; border-radius: 6px; padding: .8rem; }
mark { background: #2e9e4f33; color: inherit; border-radius: 3px; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem; }
tr { border-top: 1px solid #8883; } td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.slot { border-radius: 3px; margin-right: 1px; border-bottom: 3px solid transparent; }
.mask { color: #8888; } .frozen { opacity: .55; } .filled { background: #2e9e4f33; }
.edited { background: #d9a40055; } .inserted { background: #1e88e544; }
.p9 { border-bottom-color: #2e9e4f; } .p7 { border-bottom-color: #9bb53c; }
.p5 { border-bottom-color: #d9a400; } .p0 { border-bottom-color: #d9480f; }
"""


def page(snapshot: Snapshot, cursor: int, completion: Completion, steps: Sequence[Step]) -> str:
    """HTML: the code with the suggestion in it, the figures, then every step with its slots and probabilities.

    The code is left out where nothing was asked, because the file may be one to be left alone.
    """
    report = completion.report
    figures = {
        "mode": report.mode,
        "tokens of all texts": report.tokens,
        "forwards": report.forwards,
        "context tokens encoded": report.context_tokens,
        "time": f"{report.ms:.0f} ms",
        "note": report.note,
        "answered by": report.by,
        "silent because": completion.reason,
    }
    told = " · ".join(f"{name}: <b>{escape(str(value))}</b>" for name, value in figures.items() if value != "")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>redraft trace: {escape(snapshot.name)}</title>\n<style>{STYLE}</style></head><body>\n"
        f"<h1>{escape(snapshot.short_path)}</h1>\n<p>{told}</p>\n"
        f"<pre>{_code(snapshot, cursor, completion) if steps or report.by else ''}</pre>\n"
        f"<p>{_legend()}</p>\n<table><thead><tr><th>step</th><th>ms</th><th>candidate</th><th>canvas</th></tr></thead><tbody>\n"
        f"{''.join(_row(number, step) for number, step in telling(steps))}</tbody></table>\n</body></html>\n"
    )


def _code(snapshot: Snapshot, cursor: int, completion: Completion) -> str:
    best = completion.suggestions[0] if completion.suggestions else None
    start, end = (best.start, best.end) if best else (cursor, cursor)
    before, after = snapshot.lf(max(0, start - AROUND), start), snapshot.lf(end, end + AROUND)
    if start > AROUND:
        before = before.partition("\n")[2] or before
    if end + AROUND < len(snapshot.text):
        after = after.rpartition("\n")[0] or after
    return f"{escape(before)}<mark>{escape(best.text) if best else ''}</mark>{escape(after)}"


def _legend() -> str:
    states = ("mask", "draft", "filled", "edited", "inserted", "frozen")
    kinds = " ".join(f'<span class="slot {state}">{state}</span>' for state in states)
    marks = " ".join(
        f'<span class="slot {name}">{text}</span>'
        for name, text in (("p9", "p ≥ 0.9"), ("p7", "≥ 0.7"), ("p5", "≥ 0.5"), ("p0", "below"))
    )
    return f"slots: {kinds} · probability: {marks}"


def _row(number: int, step: Step) -> str:
    slots = "".join(_slot(slot) for slot in step.slots) or "<i>reading the context</i>"
    candidate = {"token": "likeliest", "remembered": "likeliest, remembered"}.get(step.kind, step.candidate + 1)
    return (
        f'<tr><td class="n">{number}</td><td class="n">{step.ms:.0f}</td><td class="n">{candidate}</td>'
        f'<td class="slots">{slots}</td></tr>\n'
    )


def _slot(slot: Slot) -> str:
    level = next(name for name, least in (("p9", 0.9), ("p7", 0.7), ("p5", 0.5), ("p0", -1.0)) if slot.prob >= least)
    shown = "" if slot.state in ("mask", "frozen") else f" {level}"
    return (
        f'<span class="slot {escape(slot.state)}{shown}" title="p = {slot.prob:.3f}">{escape(slot_text(slot))}</span>'
    )
