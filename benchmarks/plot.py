"""The figures of one run as one picture: keystroke latency, time a token, memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot


def draw(found: Mapping[str, Any], folder: Path) -> Path:
    """Write `bench.svg` with a panel for each part that was measured, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    panels = [panel for panel, needs in _PANELS.items() if needs in found]
    figure, axes = pyplot.subplots(1, max(1, len(panels)), figsize=(5 * max(1, len(panels)), 3.6), squeeze=False)
    for panel, axis in zip(panels, axes[0], strict=False):
        panel(axis, found)
    figure.tight_layout()
    path = folder / "bench.svg"
    figure.savefig(path)
    pyplot.close(figure)
    return path


def _keystrokes(axis: Any, found: Mapping[str, Any]) -> None:
    spent = sorted(found["keystroke_ms"])
    axis.plot(spent, [(i + 1) / len(spent) for i in range(len(spent))])
    axis.set(title="keystroke to ghost text", xlabel="ms", ylabel="share of keystrokes", ylim=(0, 1))
    axis.grid(alpha=0.3)


def _tokens(axis: Any, found: Mapping[str, Any]) -> None:
    rows = {"bare session": "bare_token_ms", "causal": "causal_token_ms", "llama.cpp": "llama_cpp_token_ms"}
    names = [name for name, key in rows.items() if key in found]
    axis.bar(names, [found[rows[name]] for name in names])
    axis.set(title="one token, left to right", ylabel="ms (median)")


def _memory(axis: Any, found: Mapping[str, Any]) -> None:
    seen = found["rss_mb"]
    axis.plot([found["completions"] * i / max(1, len(seen) - 1) for i in range(len(seen))], seen)
    axis.set(title="resident memory of the server", xlabel="completions", ylabel="MB", ylim=(0, None))
    axis.grid(alpha=0.3)


_PANELS = {_keystrokes: "keystroke_ms", _tokens: "causal_token_ms", _memory: "rss_mb"}
