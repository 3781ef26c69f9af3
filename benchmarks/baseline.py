"""`causal` beside its two yardsticks: a bare session's one-token forward, and llama.cpp on the same base weights.

Everything is measured in turns on the same prompts and cores in one run; only the ratios mean something.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.sample import sample
from infill.complete import Completer
from infill.filler import Step

HERE = Path(__file__).parent
OUT = HERE / "out"
LLAMA = "node-llama-cpp@3"
MOST_TOKENS = 32
ROUNDS, CALLS = 3, 40


@dataclass(slots=True)
class Causal:
    """Milliseconds left to right: of each token but the first, and of each whole line once its context was read.

    texts: the lines themselves; llama.cpp's only.
    """

    per_token: list[float] = field(default_factory=list)
    per_line: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def add(self, other: Causal) -> None:
        """Another round's times."""
        self.per_token += other.per_token
        self.per_line += other.per_line


def base_weights() -> Path | None:
    """The base model's GGUF, where `training.convert` has fetched it."""
    return next(iter(sorted((HERE.parent / ".base").glob("*.gguf"))), None)


def prompts() -> list[tuple[str, str]]:
    """(prefix, suffix): places of a real file where a line of code has begun."""
    lines = sample().split("\n")
    places = [i for i, line in enumerate(lines) if len(line.strip()) > 20 and not line.strip().startswith(("#", '"'))]
    chosen = places[len(places) // 4 :: max(1, len(places) // 16)][:8]
    return [
        (
            "\n".join(lines[max(0, at - 30) : at]) + "\n" + lines[at][: -len(lines[at].strip()) // 2],
            "\n" + "\n".join(lines[at + 1 : at + 10]),
        )
        for at in chosen
    ]


async def causal(completer: Completer) -> Causal:
    """Fill the rest of each line, left to right."""
    found = Causal()
    for prefix, suffix in prompts():
        steps: list[Step] = []
        await completer.fill(
            prefix, suffix, path="sample.py", language="python", mode="causal",
            max_tokens=MOST_TOKENS, max_lines=1, on_step=steps.append,
        )  # fmt: skip
        times = [step.ms for step in steps if step.kind == "token"]
        gaps = [after - before for before, after in itertools.pairwise(times)]
        found.per_token += gaps
        found.per_line.append(sum(gaps))
    return found


def bare(call: Callable[[], object]) -> float:
    """Median milliseconds of one call, the first quarter of them not counted."""
    spent = []
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        spent.append(1000 * (time.perf_counter() - began))
    return median(spent[CALLS // 4 :])


def llama(model: Path | None, threads: int, asked: Sequence[str], most: int = MOST_TOKENS) -> Causal | None:
    """llama.cpp after these prefixes, up to the end of the first line that is not blank; None, loudly, when npm or the
    base weights are missing."""
    if model is None or not model.is_file() or shutil.which("npm") is None or shutil.which("node") is None:
        print("SKIPPED llama.cpp: it needs npm and the base weights (python -m training.convert fetches them).")
        return None
    home = OUT / "llama"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "node_modules" / "node-llama-cpp").is_dir():
        print("installing node-llama-cpp (once) ...", flush=True)
        (home / "package.json").write_text('{"private": true, "type": "module"}\n')
        # No scripts: they would compile or download; the prebuilt binaries are packages of their own.
        installed = subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", LLAMA],
            cwd=home, check=False,
        )  # fmt: skip
        if installed.returncode:
            print("SKIPPED llama.cpp: npm could not install node-llama-cpp.")
            return None
    shutil.copy(HERE / "llama.mjs", home / "llama.mjs")
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(asked), file)
        file.flush()
        command = ["node", "llama.mjs", str(model.resolve()), file.name, str(threads), str(most)]
        ran = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=3600)
    if ran.returncode:
        print(f"SKIPPED llama.cpp: {ran.stderr.strip()[-200:]}")
        return None
    timed: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return Causal(timed["perToken"], timed["perLine"], timed["texts"])


async def side_by_side(
    completer: Completer, one_token: Callable[[], object], weights: Path | None, threads: int
) -> dict[str, Any]:
    """Medians over a few rounds in which the three take turns, so that the machine's moods hit all of them.

    one_token: a bare session's forward of one token over 512 cached ones.
    """
    bare_ms: list[float] = []
    ours, theirs = Causal(), Causal()
    for _ in range(ROUNDS):
        bare_ms.append(bare(one_token))
        ours.add(await causal(completer))
        other = llama(weights, threads, [prefix for prefix, _ in prompts()])
        if other is None:
            weights = None
        else:
            theirs.add(other)
    found = {"bare_token_ms": round(median(bare_ms), 1), **_medians("causal", ours)}
    found["causal_over_bare"] = round(median(ours.per_token) / median(bare_ms), 3)
    return found | (_medians("llama_cpp", theirs) if theirs.per_token else {})


def _medians(name: str, timed: Causal) -> dict[str, float]:
    return {
        f"{name}_token_ms": round(median(timed.per_token), 1),
        f"{name}_line_ms": round(median(timed.per_line), 1),
    }
