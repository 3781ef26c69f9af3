"""The figures in a model's folder: `evaluation.json`, and the table of its card `README.md`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.checkpoint import Checkpoint
from training.evaluate import frontier
from training.evaluate.share import spelled

BEGIN, END = "<!-- evaluation -->", "<!-- /evaluation -->"
FIGURES, CARD, PICTURE = "evaluation.json", "README.md", "frontier.svg"
NOT_YET = "not measured"
SINGLE = "HumanEval single-line, development half (even-numbered problems), pass@1, free length, `speedy`"
SAID_AGAIN = "suffix said again by `fill` before trimming, whose search of lines leaves out what stands below"


def identity(checkpoint: Checkpoint) -> str:
    """A name for these very weights: figures of others are not kept beside theirs."""
    digests = "".join(file.sha256 for _, file in sorted(checkpoint.config.files.items()))
    return hashlib.sha256(digests.encode()).hexdigest()[:16]


def update(checkpoint: Checkpoint, found: dict[str, Any]) -> None:
    """Put new figures beside those that the folder has for the same weights; write card and picture.

    Raises ValueError for a folder whose card lacks the marks.
    """
    path, card = checkpoint.folder / FIGURES, checkpoint.folder / CARD
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if known.get("weights") != identity(checkpoint):
        known = {"weights": identity(checkpoint)}
    known = joined(known, found)
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if BEGIN not in text or END not in text:
        raise ValueError(f"{card} has no place for the figures; put the lines {BEGIN} and {END} into it.")
    save(known, path)
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    card.write_text(f"{before}{BEGIN}\n{table(known)}\n{END}{after}", encoding="utf-8")
    (checkpoint.folder / PICTURE).unlink(missing_ok=True)
    if "frontier" in known:
        frontier.draw(known["frontier"], checkpoint.folder / PICTURE)


def gathered(checkpoint: Checkpoint, paths: Sequence[Path]) -> dict[str, Any]:
    """Figures of earlier runs on these weights. Raises ValueError for those of others."""
    found: dict[str, Any] = {"weights": identity(checkpoint)}
    for path in paths:
        try:
            earlier = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} holds no figures ({error}); name what --out has written.") from None
        if earlier.get("weights") != found["weights"]:
            raise ValueError(f"The figures in {path} are of other weights; ask the questions again.")
        found = joined(found, earlier)
    return found


def joined(known: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """New figures in place of older ones; a HumanEval set asked alone leaves the others."""
    both = known | found
    if "humaneval" in known and "humaneval" in found:
        before, now = known["humaneval"], found["humaneval"]
        runs = {_asked(run): run for run in (*before["runs"], *now["runs"])}
        both["humaneval"] = now | {"runs": list(runs.values())}
        if len(runs) > len(now["runs"]):  # some are older ones, which may have been limited
            both["humaneval"]["limit"] = min(filter(None, (before.get("limit"), now.get("limit"))), default=0)
    return both


def _asked(run: dict[str, Any]) -> tuple[str, str, bool]:
    return run["set"], run["mode"], run["oracle"]


def table(known: dict[str, Any]) -> str:
    """Every row of the table, measured or not, and the tables behind it."""
    rows = [f"| {name} | {measured} | {first} | {goal} |" for name, measured, first, goal in _rows(known)]
    parts = [["| | measured | first shipped model | goal |", "|---|---|---|---|", *rows]]
    if limited := [f"{name} {block['limit']:,}" for name, block in _questions(known) if block.get("limit")]:
        parts.append([f"Of less than `make eval` asks, by `--limit`: {', '.join(limited)}."])
    if "humaneval" in known:
        parts.append(_runs(known["humaneval"]))
    if "infilling" in known:
        parts.append(_languages(known["infilling"]))
    if "repair" in known:
        parts.append(_kinds(known["repair"]))
    if "writing" in known:
        parts.append(_written(known["writing"], "lines typed again", "pieces, key by key"))
    if "beside" in known:
        parts.append(_written(known["beside"], "the same with other files of the package open", "pieces, key by key"))
    if "within" in known:
        uncalled = spelled(known["within"]["uncalled"])
        told = f" Where nothing was missing behind them something was proposed at {uncalled}."
        parts.append(_written(known["within"], "words within lines typed again", "places, key by key", told))
    if "frontier" in known:
        head = ["| setting | pass@1 | a line | tokens a forward |", "|---|---|---|---|"]
        parts.append([*head, *frontier.table(known["frontier"])])
        parts.append([f"![Time a line against pass@1]({PICTURE})"])
    return "\n\n".join("\n".join(part) for part in parts)


def _questions(known: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, block) for name, block in known.items() if isinstance(block, dict)]


def _rows(known: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    runs = {(run["set"], run["mode"], run["oracle"]): run for run in known.get("humaneval", {}).get("runs", ())}
    single, multi, span = (runs.get((name, "speedy", False)) for name in ("SingleLine", "MultiLine", "RandomSpanLight"))
    held, free, repaired = known.get("infilling"), known.get("ends"), known.get("repair")
    return [
        (SINGLE, _share(single, "pass"), "≥ 40 %", "≥ 60 %"),
        ("gap to oracle length", _gap(runs), "≤ 8 points", "≤ 3 points"),
        ("multi-line (sample)", _share(multi, "pass"), "report", "≥ 30 %"),
        ("random-span-light", _share(span, "pass"), "report", "≥ 45 %"),
        ("`speedy` beside `quality`", _beside(runs, "speedy", "quality"), "within 3 points", "within 1"),
        ("`quality` beside `causal`, same weights", _beside(runs, "quality", "causal"), "no worse", "better"),
        ("tokens per forward, `speedy`, single-line", _speed(single), "≥ 2.5", "≥ 4"),
        ("tokens per forward, `speedy`, multi-line", _speed(multi), "≥ 4", "≥ 6"),
        ("EOM where a statement ends and the suffix does not connect", _ends(free), "report", "≥ 80 %"),
        ("held-out packages: exact match of the rest of the line, Python", _exact(held), "report", "≥ 45 %"),
        ("repair: one real-kind bug in a held-out function", _share(repaired, "exact"), "≥ 35 % exact", "≥ 60 %"),
        ("repair: clean code left alone", _share(repaired, "left_alone"), "≥ 95 %", "≥ 99 %"),
        ("calibration error of a line's confidence", _calibrated(known.get("calibration")), "≤ 0.08", "≤ 0.03"),
        ("calibration error of what an editor shows", _shown_error(known.get("shown")), "≤ 0.08", "≤ 0.03"),
        ("places where it shows something, and right of these", _shown(known.get("shown")), "report", "report"),
        (SAID_AGAIN, _share(free, "suffix_said_again"), "≤ 3 %", "≤ 0.5 %"),
    ]  # fmt: skip


def _share(block: dict[str, Any] | None, key: str) -> str:
    return spelled(block[key]) if block else NOT_YET


def _gap(runs: dict[Any, Any]) -> str:
    """One text of the told length beside one of a free length, decoded alike."""
    oracle = next((run for (name, _, told), run in runs.items() if told and name == "SingleLine"), None)
    free = runs.get(("SingleLine", oracle["mode"], False)) if oracle else None
    if not oracle or not free:
        return NOT_YET
    if oracle["pass"]["n"] != free["pass"]["n"]:
        return f"oracle {spelled(oracle['pass'])}; the free length was measured on other tasks"
    points = 100 * (oracle["pass"]["share"] - free["pass"]["share"])
    return f"{points:+.1f} points (both `{free['mode']}`: oracle {spelled(oracle['pass'])})"


def _beside(runs: dict[Any, Any], one: str, other: str) -> str:
    pair = [runs.get(("SingleLine", name, False)) for name in (one, other)]
    if None in pair:
        return NOT_YET
    a, b = (100 * run["pass"]["share"] for run in pair if run is not None)
    return f"{a - b:+.1f} points ({a:.1f} % beside {b:.1f} %)"


def _speed(run: dict[str, Any] | None) -> str:
    if not run:
        return NOT_YET
    return f"{run['tokens_per_forward']} ({run['forwards']} forwards and {run['context_forwards']} for context a hole)"


def _ends(free: dict[str, Any] | None) -> str:
    if free is None:
        return NOT_YET
    found = free["ends"]
    if found is None:
        return "– (these weights know no EOM)"
    at_end, early = (100 * found[name]["share"] for name in ("at_the_end", "too_early"))
    return f"{spelled(found['right'])}; at the end {at_end:.1f} %, already halfway {early:.1f} %"


def _exact(held: dict[str, Any] | None) -> str:
    return spelled(held["exact"]["python"]) if held and "python" in held["exact"] else NOT_YET


def _calibrated(found: dict[str, Any] | None) -> str:
    if not found or not found.get("n"):
        return NOT_YET
    return (
        f"{found['error']} (n {found['n']:,}, fitted on the other half of the packages; "
        f"joint probability itself {found['error_raw']}, with a temperature {found['error_temperature']})"
    )


def _shown_error(found: dict[str, Any] | None) -> str:
    return f"{found['error']} (n {found['right']['n']:,})" if found and found["right"]["n"] else NOT_YET


def _shown(found: dict[str, Any] | None) -> str:
    if not found:
        return NOT_YET
    brought = 100 * found["brought"]["share"]
    return f"{spelled(found['shown'])}; right {spelled(found['right'])}: {brought:.1f} % of all missing characters"


def _runs(found: dict[str, Any]) -> list[str]:
    rows = [
        f"| {run['set']} | {run['mode']} | {'oracle' if run['oracle'] else 'free'} | {spelled(run['pass'])} | "
        f"{spelled(run['exact'])} | {run['tokens_per_forward']} | {run['forwards']} + {run['context_forwards']} | "
        f"{run['ms_median']:.0f} |"
        for run in found["runs"]
    ]
    head = "| HumanEval infilling | mode | length | pass@1 | exact | tokens a forward | forwards + context | ms |"
    return [head, "|---|---|---|---|---|---|---|---|", *rows]


def _languages(found: dict[str, Any]) -> list[str]:
    kinds = ("newline", "indentation", "word", "other")
    exact = found["exact"]
    rows = []
    for language in (name for name in exact if " " not in name):
        cells = [spelled(exact[f"{language} {kind}"]) if f"{language} {kind}" in exact else "–" for kind in kinds]
        rows.append(f"| {language} | {spelled(exact[language])} | {' | '.join(cells)} |")
    head = "| rest of the line, exact | all | after a newline | in indentation | inside a word | other |"
    return [head, "|---|---|---|---|---|---|", *rows]


def _written(found: dict[str, Any], what: str, pieces: str, more: str = "") -> list[str]:
    rows = [f"| {name} | {100 * share['share']:.1f} % of {share['n']:,} |" for name, share in found["saved"].items()]
    told = (
        f"Of {found['pieces']} {pieces}. A proposal stood there after "
        f"{100 * found['ghost']['share']:.1f} % of the keys. As far as they went {spelled(found['right'])} were right, "
        f"and {found['flickered']} changed or went while they were typed through.{more}"
    )
    return [f"| keys that right proposals save, {what} | |", "|---|---|", *rows, "", told]


def _kinds(found: dict[str, Any]) -> list[str]:
    rows = [f"| {kind} | {spelled(share)} |" for kind, share in found["kinds"].items()]
    return ["| repair, by kind of bug | exact |", "|---|---|", *rows]


def save(found: dict[str, Any], path: Path) -> None:
    """Figures alone, wherever they are wanted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
