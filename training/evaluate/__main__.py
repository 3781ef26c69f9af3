"""The command line of `training.evaluate`; the package's own words say what there is."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import training.evaluate
from benchmarks import baseline
from benchmarks.humaneval import SETS
from engine.checkpoint import EMBEDDED, Checkpoint, CheckpointError
from training.evaluate import card
from training.evaluate.calibration import calibration, write_parameters
from training.evaluate.ends import ends
from training.evaluate.frontier import frontier
from training.evaluate.humaneval import humaneval
from training.evaluate.infilling import infilling
from training.evaluate.kept import Kept
from training.evaluate.repair import repair
from training.evaluate.session import MODES, Session
from training.evaluate.shown import shown
from training.evaluate.writing import beside, within, writing
from training.serving import Served

QUESTIONS: dict[str, Callable[[Session], Coroutine[Any, Any, dict[str, Any]]]] = {
    "humaneval": humaneval,
    "infilling": infilling,
    "ends": ends,
    "repair": repair,
    "calibration": calibration,
    "shown": shown,
    "frontier": frontier,
    "writing": writing,
    "beside": beside,
    "within": within,
}
Keep = Callable[[dict[str, Any]], None]


async def ask(session: Session, names: list[str], keep: Keep = lambda _: None) -> dict[str, Any]:
    """The figures of each question, with what they were asked with and the seconds they took. keep: is handed all so
    far after each question."""
    found: dict[str, Any] = {}
    for name in names:
        began = time.monotonic()
        found[name] = await QUESTIONS[name](session)
        seconds = round(time.monotonic() - began)
        found[name] |= {"limit": session.limit, "threads": session.threads, "seconds": seconds}
        keep(found)
    return found


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate",
        description=training.evaluate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"{', '.join(QUESTIONS)} or all")
    parser.add_argument("--model", type=Path, default=EMBEDDED, help="a model folder (default: the embedded model)")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="other held-out shards than the repository's")
    parser.add_argument("--limit", type=int, default=0, help="at most so many holes a row, for a quick look")
    parser.add_argument("--set", action="append", default=[], choices=tuple(SETS), help="these HumanEval sets alone")
    parser.add_argument("--mode", default="", choices=MODES, help="this mode alone")
    parser.add_argument("--oracle", action="store_true", help="HumanEval with the middle's length told, alone")
    parser.add_argument("--backend", default="onnx", choices=("onnx", "torch"))
    parser.add_argument("--threads", type=int, default=2, help="cores (default: 2)")
    parser.add_argument(
        "--out", type=Path, help="where the figures go (default: benchmarks/out/evaluation.json; nowhere with --limit)"
    )
    parser.add_argument(
        "--figures", type=Path, nargs="+", default=[], help="figures of earlier runs (--out) to put beside these"
    )
    parser.add_argument("--failures", type=Path, help="write every wrong answer here, one JSON object a line")
    parser.add_argument(
        "--answers", type=Path, help="keep answers to held-out lines here: a run that was stopped goes on"
    )
    parser.add_argument(
        "--backwards", action="store_true", help="from the last line on, while another run with these --answers begins"
    )
    parser.add_argument("--update", action="store_true", help="write figures, card and picture into the model's folder")
    parser.add_argument("--calibrate", action="store_true", help="write the fitted confidence into config.json")
    given = parser.parse_args()
    if unknown := set(given.questions) - {*QUESTIONS, "all"}:
        parser.error(f"there is no question {', '.join(sorted(unknown))}; ask {', '.join(QUESTIONS)} or all")
    if not given.questions and not given.update:
        parser.error(f"ask {', '.join(QUESTIONS)} or all, or --update the card")
    if given.out is None and given.questions and not given.limit:
        given.out = baseline.OUT / "evaluation.json"
    return given


def answered(given: argparse.Namespace, checkpoint: Checkpoint, keep: Keep) -> dict[str, Any]:
    """Ask the questions of a command line."""
    served = Served.open(given.model, given.backend, given.threads, calibration=lambda p: p, remembered=0)
    try:
        session = Session(
            served, given.limit, given.set, given.mode, given.oracle, given.data,
            base=baseline.base_weights(), threads=given.threads,
            kept=Kept(given.answers, card.identity(checkpoint)), backwards=given.backwards,
        )  # fmt: skip
        names = list(QUESTIONS) if "all" in given.questions else given.questions
        found = asyncio.run(ask(session, names, keep))
    finally:
        served.close()
    if given.failures:
        lines = (json.dumps(asdict(failure), ensure_ascii=False) for failure in session.failures)
        given.failures.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return found


def main() -> None:
    given = parsed()
    checkpoint = Checkpoint.open(given.model)
    earlier = card.gathered(checkpoint, given.figures)

    def keep(figures: dict[str, Any]) -> None:
        if given.out is not None:
            card.save(card.joined(earlier, figures), given.out)

    found = card.joined(earlier, answered(given, checkpoint, keep) if given.questions else {})
    print(card.table(found))
    keep(found)
    if given.update:
        card.update(checkpoint, found)
    if given.calibrate and found.get("calibration", {}).get("n"):
        write_parameters(checkpoint, found["calibration"])
    print(json.dumps(found, ensure_ascii=False))


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, ValueError) as error:
        raise SystemExit(str(error)) from None
