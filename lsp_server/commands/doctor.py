"""Say what is there, how fast it is and what is wrong.

Exit status 1, with a remedy, when something keeps redraft from completing code.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import platform
import shutil
import statistics
import sys
import time
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version

from infill.complete import Completer, Completion, Preferences
from infill.document import Snapshot
from infill.edits import Edit
from infill.filler import FillError, FillReport, Step
from infill.local import LocalFiller
from lsp_server import compose, terminal
from lsp_server.commands.serve import PORT
from lsp_server.compose import SCRIPTED, Choice
from lsp_server.errors import UserError
from lsp_server.remote import open_remote

SAMPLE = '''def mean(values):
    """The arithmetic mean of a list of numbers."""
    total = 0
    for value in values:
        total +='''
RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "torch")
EDITORS = {
    "nvim": "Neovim: editor-configs/neovim",
    "hx": "Helix: editor-configs/README.md",
    "emacs": "Emacs: editor-configs/README.md",
    "code": "VS Code: editor-configs/vscode",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(given: argparse.Namespace, choice: Choice) -> int:
    """Print what was found, then measure."""
    _say("redraft", f"{_version('redraft')} on Python {platform.python_version()}, {platform.platform(terse=True)}")
    _say(
        "runtimes", ", ".join(f"{name} {_version(name)}" for name in RUNTIMES if _version(name) != "missing") or "none"
    )
    if quarrel := _quarrel():
        _say("PROBLEM", quarrel)
        return 1
    _say("cores", f"{compose.physical_cores()} of {os.cpu_count()} logical; the model may use {choice.cores}")
    try:
        scripted = choice.model.startswith(SCRIPTED)
        if not scripted:
            _describe(choice)
        started, found = time.perf_counter(), list[str]()
        with terminal.waiting("loading the model"):
            filler = compose.open_local(choice, found.append)
        _say("loaded in", f"{time.perf_counter() - started:.1f} s")
        _say("runs on", ", ".join(found) or "a script")
        with closing(filler):
            asyncio.run(_measure(filler, given.mode or "speedy"))
        _say("remote", _remote(choice))
    except UserError as error:
        _say("PROBLEM", str(error))
        return 1
    editors = [hint for program, hint in EDITORS.items() if shutil.which(program)]
    _say("editors", "; ".join(editors) or "none found on PATH; every editor that starts `redraft lsp` will do")
    _say("http", f"`redraft serve` answers llama.vim, Continue and others on http://127.0.0.1:{PORT}/")
    return 0


def _quarrel() -> str:
    """What is wrong with the runtimes, if anything. onnxruntime and onnxruntime-gpu are two distributions of one
    package: the one installed last overwrites the other, and removing either breaks both."""
    if "missing" in (_version("onnxruntime"), _version("onnxruntime-gpu")):
        return ""
    return (
        "onnxruntime and onnxruntime-gpu are both installed and share one folder; run pip uninstall -y onnxruntime "
        "onnxruntime-gpu, then pip install the one you want."
    )


def _describe(choice: Choice) -> None:
    checkpoint = choice.checkpoint()
    try:
        checkpoint.verify()
    except ValueError as error:
        raise UserError(str(error)) from None
    config = checkpoint.config
    size = sum(file.bytes for file in config.files.values())
    _say("model", f"{config.name}, {size / 1e6:.0f} MB, {config.quantization}, in {checkpoint.folder}")
    able = (
        "drafts and edits" if config.editing_trained else "drafts" if config.canvas_trained else "writes left to right"
    )
    _say(
        "weights", f"{able}" + ("" if config.canvas_trained else "; its canvas is not trained, so every mode is causal")
    )


async def _measure(filler: LocalFiller, mode: str) -> None:
    """Complete a sample, and again when a blank was typed: what a new file costs, and a keystroke."""
    completer, sample = Completer(filler), _sample()
    completion, steps = await _complete(completer, sample, mode)
    if not completion.suggestions:
        raise UserError(f"the model had nothing to say about the sample ({completion.reason}); try another --model.")
    _say("new file", _cost(completion.report))
    _say_step(steps, filler)
    typed = sample.edit([Edit(len(SAMPLE), len(SAMPLE), " ")], 1)
    completion, _ = await _complete(completer, typed, mode)
    _say("next key", _cost(completion.report))


def _remote(choice: Choice) -> str:
    """How the remote does, if there is one: it is asked about the same sample, without the model here."""
    filler = open_remote(choice)
    if filler is None:
        return "none; no other machine is asked"
    try:
        completion, _ = asyncio.run(_complete(Completer(filler), _sample(), Preferences().mode))
    except FillError as error:
        raise UserError(f"{error}; meanwhile the model on this machine answers.") from None
    finally:
        filler.close()
    remote, key = filler.remote, "with a key" if filler.remote.key else "without a key"
    what = "an answer" if completion.suggestions else f"an answer that is not shown ({completion.reason})"
    return f"{remote.url} ({remote.kind}, {key}): {what} in {completion.report.ms:.0f} ms"


def _sample() -> Snapshot:
    return Snapshot.open("untitled:sample.py", 0, "python", SAMPLE)


async def _complete(completer: Completer, snapshot: Snapshot, mode: str) -> tuple[Completion, list[Step]]:
    """What is proposed at the end of a text, however long it takes, and the steps to it."""
    steps: list[Step] = []
    preferences = Preferences(mode=mode, deadline=None)
    completion = await completer.complete(
        snapshot, len(snapshot.text), preferences=preferences, invoked=True, on_step=steps.append
    )
    return completion, steps


def _cost(report: FillReport) -> str:
    return f"{report.ms:.0f} ms: {report.context_tokens} context tokens, {report.forwards} forwards"


def _say_step(steps: list[Step], filler: LocalFiller) -> None:
    times = [after.ms - before.ms for before, after in itertools.pairwise(steps) if after.kind != "prefill"]
    if not times:
        return
    step = statistics.median(times)
    fit = 1000 * (Preferences().deadline or 0) / max(step, 0.01)
    auto = filler.engine.modes.within(fit).name
    _say("a step", f"{step:.1f} ms (median); {fit:.0f} fit the usual deadline, so `auto` means {auto}")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "missing"


def _say(what: str, told: str) -> None:
    print(f"{what + ':':<12} {told}")
    sys.stdout.flush()
