"""Forward times of the embedded model beside a bare session of the same graph, and what of the machine they use.

    python -m benchmarks.forward [--model FOLDER] [--threads N] [--times N]

The bare session is `InferenceSession.run` with numpy feeds and the head on one row. All of it is timed in turns within
one run, so that a busy machine slows both alike; the last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper

from engine import backends
from engine.backends.onnx import GRAPH, open_session
from engine.checkpoint import EMBEDDED, Checkpoint, ModelConfig
from engine.cores import usable_cores
from engine.forward import HIDDEN, Forward, Rows

if TYPE_CHECKING:
    import onnxruntime


@dataclass(frozen=True, slots=True)
class Case:
    """rows: of the forward. cached: cached slots. asked: rows with a head. hidden: slots that no row sees."""

    rows: int
    cached: int
    asked: int
    hidden: int = 0

    @property
    def name(self) -> str:
        return f"{self.rows} rows, {self.cached} cached" + (f", {self.hidden} hidden" if self.hidden else "")


CASES = (
    Case(1, 512, 1),
    Case(8, 512, 8),
    Case(16, 512, 16),
    Case(32, 512, 32),
    Case(1, 1280, 1),
    Case(16, 1280, 16),
    Case(8, 1280, 8),
    Case(8, 1280, 8, hidden=640),
    Case(64, 512, 1),
    Case(512, 0, 1),
)
TURN = 5
"""Forwards of one kind in a row."""


def measure(checkpoint: Checkpoint, threads: int, times: int) -> dict[str, Any]:
    """Median milliseconds of every case, ours and bare, and the machine's own rates."""
    forward = backends.load(checkpoint, "onnx", threads)
    session = bare_session(checkpoint, threads)
    machine = rates(threads)
    found = []
    for case in CASES:
        count = times if case.rows < 64 else max(2, times // 8)
        ours, bare = in_turns(calls(forward, session, case), count)
        work = operations(checkpoint.config, case)
        found.append(
            {
                "rows": case.rows,
                "cached": case.cached,
                "ms": round(ours * 1e3, 1),
                "bare_ms": round(bare * 1e3, 1),
                "int8_share": round(work / ours / machine["int8_gops"] / 1e9, 3),
                "fp32_share": round(work / ours / machine["fp32_gflops"] / 1e9, 3),
                "bandwidth_share": round(traffic(checkpoint, case) / ours / machine["copy_gb_s"] / 1e9, 3),
            }
        )
    forward.close()
    return {"threads": threads, "load": round(os.getloadavg()[0], 1), **machine, "forwards": found}


def bare_session(checkpoint: Checkpoint, threads: int) -> onnxruntime.InferenceSession:
    """The graph and nothing of ours around it."""
    return open_session(str(checkpoint.path(GRAPH)), threads)


def calls(
    forward: Forward, session: onnxruntime.InferenceSession, case: Case
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The same rows through our backend and through the session alone."""
    rng = np.random.default_rng(0)
    bias = np.zeros((case.rows, case.cached + case.rows), np.float32)
    bias[:, case.cached :] = np.where(np.tri(case.rows, dtype=bool), 0, HIDDEN)
    bias[:, : case.hidden] = HIDDEN
    rows = Rows(
        rng.integers(100, forward.config.vocab, case.rows),
        np.arange(case.rows) + case.cached,
        np.zeros(case.rows, bool),
        bias,
        np.arange(case.rows - case.asked, case.rows),
        np.zeros((case.asked, 0), np.int64),
    )
    past = forward.new_kv(case.cached)
    past[...] = rng.standard_normal(past.shape)
    feeds = {
        "ids": rows.ids,
        "positions": rows.positions,
        "canvas": rows.canvas.astype(np.float32),
        "bias": bias,
        "head_rows": rows.head_rows[-1:],
        "targets": rows.targets[-1:],
    }
    for layer, (keys, values) in enumerate(past):
        feeds |= {f"past_k_{layer}": keys, f"past_v_{layer}": values}
    return lambda: forward(rows, past), lambda: session.run(None, feeds)


def in_turns(both: tuple[Callable[[], object], Callable[[], object]], times: int) -> tuple[float, float]:
    """Median seconds of each. A turn is several calls: the threads of one session still wait for work, and its weights
    lie in the cache, when the other one's first call begins."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(-(-times // TURN)):
        for call, seconds in zip(both, spent, strict=True):
            for _ in range(TURN):
                started = time.perf_counter()
                call()
                seconds.append(time.perf_counter() - started)
    return median(spent[0]), median(spent[1])


def operations(c: ModelConfig, case: Case) -> float:
    """Multiplications and additions of a forward."""
    kept = (2 * c.heads + 2 * c.kv_heads) * c.head_dim * c.hidden
    layer = kept + 3 * c.hidden * c.mlp + 2 * c.heads * c.head_dim * (case.cached + case.rows)
    return 2.0 * (case.rows * c.layers * layer + case.asked * c.vocab * c.hidden)


def traffic(checkpoint: Checkpoint, case: Case) -> float:
    """Bytes that a forward must read at least: the weights once and the cached keys and values."""
    c = checkpoint.config
    weights = sum(file.bytes for name, file in c.files.items() if name.startswith("weights"))
    return weights + 4.0 * c.layers * 2 * c.kv_heads * c.head_dim * case.cached


def rates(threads: int) -> dict[str, float]:
    """What the machine reaches now: large products in float32 and in 8-bit integers, and reading while copying."""
    rng, size = np.random.default_rng(0), 1024
    a = rng.standard_normal((size, size)).astype(np.float32)
    bytes_ = rng.integers(0, 64, (size, size))
    big = np.ones(1 << 26, np.uint8)
    work = 2.0 * size**3
    fp32 = _session("MatMul", TensorProto.FLOAT, TensorProto.FLOAT, TensorProto.FLOAT, a, threads)
    int8 = _session(
        "MatMulInteger", TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32, bytes_.astype(np.int8), threads
    )
    u8 = bytes_.astype(np.uint8)
    return {
        "fp32_gflops": round(work / _best(lambda: fp32.run(None, {"a": a})) / 1e9, 1),
        "int8_gops": round(work / _best(lambda: int8.run(None, {"a": u8})) / 1e9, 1),
        "copy_gb_s": round(2 * big.nbytes / _best(lambda: big.copy()) / 1e9, 1),
    }


def _session(kind: str, left: int, right: int, out: int, weight: Any, threads: int) -> onnxruntime.InferenceSession:
    """One product with a constant right side."""
    graph = helper.make_graph(
        [helper.make_node(kind, ["a", "b"], ["c"])],
        kind,
        [helper.make_tensor_value_info("a", left, ["m", "k"])],
        [helper.make_tensor_value_info("c", out, ["m", "n"])],
        [helper.make_tensor("b", right, weight.shape, weight.tobytes(), raw=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    return open_session(model.SerializeToString(), threads)


def _best(call: Callable[[], object]) -> float:
    """Seconds of the quickest of twelve calls: a rate is what the machine can do."""
    seconds = []
    for _ in range(12):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def table(found: dict[str, Any]) -> str:
    lines = [f"{'forward':<32}{'ms':>8}{'bare ms':>10}{'int8':>8}{'fp32':>8}{'memory':>9}"]
    for case, row in zip(CASES, found["forwards"], strict=True):
        shares = "".join(f"{row[key]:>{width}.0%}" for key, width in SHARES)
        lines.append(f"{case.name:<32}{row['ms']:>8}{row['bare_ms']:>10}{shares}")
    lines.append(
        f"shares of what this machine reached: {found['int8_gops']} Gop/s in 8-bit and {found['fp32_gflops']} Gflop/s "
        f"in float32 products, {found['copy_gb_s']} GB/s; {found['threads']} threads, load {found['load']}"
    )
    return "\n".join(lines)


SHARES = (("int8_share", 8), ("fp32_share", 8), ("bandwidth_share", 9))


def main() -> None:
    parser = argparse.ArgumentParser(description="Forward times of a model beside a bare session of the same graph.")
    parser.add_argument("--model", default=str(EMBEDDED), help="model folder")
    parser.add_argument("--threads", type=int, default=min(usable_cores(), 8))
    parser.add_argument("--times", type=int, default=25, help="forwards per case; an eighth of it for the cold context")
    given = parser.parse_args()
    found = measure(Checkpoint.open(given.model), given.threads, given.times)
    print(table(found))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
