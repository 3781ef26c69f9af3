"""What holds for each family of large models, as a table; and how fast a shape runs, with random weights.

    python -m benchmarks.families [--update README.md]
    python -m benchmarks.families --time llada2.1-mini --device cuda [--dtype int8] [--bandwidth 4.3]

The table is made from the tests: a cell says yes when every test behind it passed in this run. Times are of forwards
over 2,000 cached tokens with 1 and 8 canvases of a block, beside the floor set by the bytes that must move; the weights
are random and made on the device, so no checkpoint is needed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine import Canvas, Context, Draft, Stream, backends, released

ROOT = Path(__file__).parent.parent
BEGIN, END = "<!-- families -->", "<!-- /families -->"
FAMILIES = {
    "llada2": "LLaDA2.0, LLaDA2.1 (mini, flash)",
    "llada2.2": "LLaDA2.2 (flash)",
    "llada": "LLaDA 1.0, 1.5 (8B)",
    "llada-moe": "LLaDA-MoE (7B-A1B)",
    "dream": "Dream, Dream-Coder, DiffuCoder (7B)",
    "dreamon": "DreamOn (7B)",
    "open-dcoder": "Open-dCoder (0.5B)",
    "coda": "CoDA (1.7B)",
    "a2d": "Tiny-A2D, MDLM (Qwen2.5-Coder-0.5B, Qwen3-0.6B)",
    "bd3lm": "Tiny-A2D, BD3LM (Qwen2.5-Coder-0.5B, Qwen3-0.6B)",
    "sdar": "SDAR (1.7B, 4B, 8B)",
    "sdar-moe": "SDAR (30B-A3B)",
    "stable-diffcoder": "Stable-DiffCoder (8B)",
    "fast-dllm": "Fast-dLLM v2 (1.5B, 7B)",
    "gemma": "DiffusionGemma (26B-A4B)",
}
BLOCK_BY_BLOCK = ("llada2", "llada2.2", "bd3lm", "sdar", "sdar-moe", "stable-diffcoder", "fast-dllm")
BY_ANOTHER_MASK = ("open-dcoder", "coda", "a2d", "bd3lm", "sdar", "sdar-moe", "stable-diffcoder", "fast-dllm")
SUITES = ("tests/engine/test_families.py", "tests/engine/test_gemma.py", "tests/lsp_server/test_large_models.py")
COLUMNS = {
    "loads": {
        **dict.fromkeys(FAMILIES, "test_shards_hold_what_the_whole_file_holds"),
        "gemma": "test_gemma_loads_the_released_layout",
    },
    "equal to its reference": {
        **dict.fromkeys(FAMILIES, "test_logits_are_those_of_the_published_code"),
        "llada2.2": "test_block_routing_is_that_of_the_report",
        "dreamon": "test_a_hole_is_filled_as_dreamons_sampler_fills_it",
        **dict.fromkeys(BY_ANOTHER_MASK, "test_logits_are_those_of_transformers_class_under_the_familys_mask"),
        "gemma": "test_gemma_writes_what_transformers_own_sampler_writes",
    },
    "infills": {
        **dict.fromkeys(FAMILIES, "test_complete_with_a_released_folder"),
        "gemma": "test_gemma_completes_through_the_command_line",
    },
    "edits": {
        "llada2": "test_decoding_is_the_published_one_token_for_token",
        "llada2.2": "test_insert_and_delete_happen_and_every_canvas_ends",
        "dreamon": "test_dreamon_opens_a_hole_wider",
    },
    "cached exactly": dict.fromkeys(BLOCK_BY_BLOCK, "test_a_cached_forward_says_what_one_over_everything_says"),
}
"""Column -> family -> the test behind the cell. A cell without one is something the family has not."""
NOTES = {
    ("llada2.2", "equal to its reference"): "router only: its modeling code is not public",
    **{(family, "edits"): "fills only" for family in FAMILIES if not family.startswith("llada2")},
    **{(family, "cached exactly"): "nothing is cached" for family in FAMILIES if family not in BLOCK_BY_BLOCK},
    ("dreamon", "edits"): "INSERT and DELETE alone",
    ("gemma", "edits"): "its own sampler",
    ("gemma", "cached exactly"): "nothing is kept between answers",
}
MINI = {
    "model_type": "llada2_moe", "vocab_size": 157184, "hidden_size": 2048, "intermediate_size": 5120,
    "num_hidden_layers": 20, "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 256,
    "num_experts_per_tok": 8, "num_shared_experts": 1, "moe_intermediate_size": 512, "n_group": 8, "topk_group": 4,
    "routed_scaling_factor": 2.5, "first_k_dense_replace": 1, "partial_rotary_factor": 0.5, "rope_theta": 600000,
    "rms_norm_eps": 1e-6, "max_position_embeddings": 32768, "use_qk_norm": True,
}  # fmt: skip
HALF_A_BILLION = {
    "model_type": "a2d-qwen2", "vocab_size": 151936, "hidden_size": 896, "intermediate_size": 4864,
    "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2, "rope_theta": 1e6,
    "rms_norm_eps": 1e-6, "max_position_embeddings": 32768, "tie_word_embeddings": True, "block_size": 32,
}  # fmt: skip
SHAPES = {
    "llada2.1-mini": MINI,
    "bd3lm-0.5b": HALF_A_BILLION,
    "tiny": MINI | {"vocab_size": 157184, "hidden_size": 64, "num_hidden_layers": 3, "intermediate_size": 96,
                    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "num_experts": 16,
                    "moe_intermediate_size": 32},
}  # fmt: skip
CACHED, BLOCK, WARM, TIMES = 2000, 32, 3, 20


def table() -> str:
    """Run the tests behind the cells, and say what passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        program = [sys.executable, "-m", "pytest", "-q", *SUITES, f"--junit-xml={report}"]
        subprocess.run(program, cwd=ROOT, check=False, stdout=sys.stderr)
        cases = [
            (case.get("name", ""), len(case) == 0) for case in ElementTree.parse(report).iter("testcase")
        ]  # a case with children failed or was skipped
    head = ["family", *COLUMNS, "on a GPU"]
    rows = [
        [title, *(cell(family, column, cases) for column in COLUMNS), "not measured"]
        for family, title in FAMILIES.items()
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def cell(family: str, column: str, cases: list[tuple[str, bool]]) -> str:
    """Yes when the test passed in every case of this family; no when it did not, or did not run."""
    test, note = COLUMNS[column].get(family), NOTES.get((family, column), "")
    if test is None:
        return note
    ran = [passed for name, passed in cases if of_family(name, test, family)]
    said = "yes" if ran and all(ran) else "no"
    return f"{said} ({note})" if note and said == "yes" else said


def of_family(name: str, test: str, family: str) -> bool:
    """Whether a case is of this test and family: `test`, `test[family]` or `test[family-more]`."""
    head, bracket, parameters = name.partition("[")
    others = [other for other in FAMILIES if len(other) > len(family) and other.startswith(family)]
    mine = parameters.startswith(family) and not any(parameters.startswith(other) for other in others)
    return head == test and (not bracket or mine)


def times(shape: str, device: str, dtype: str, bandwidth: float) -> dict[str, Any]:
    """Forwards a second with 1 and 8 canvases. bandwidth: of the device's memory, TB/s, for the floor."""
    from engine.backends.torch import TorchForward

    config = released.read_config(SHAPES[shape], shape)
    forward = TorchForward.random(config, device, dtype)
    denoiser, dice = backends.denoiser(forward, CACHED), np.random.default_rng(0)
    prompt = tuple(dice.integers(0, 150000, CACHED).tolist())
    lease = denoiser.open(Context((Stream("prompt", prompt, 0),), CACHED))
    while lease.pending:
        denoiser.prefill(lease, 512)
    moved = forward.bytes_read_at_most()
    found: dict[str, Any] = {"shape": shape, "device": forward.runs_on, "dtype": dtype, "cached": CACHED}
    for canvases in (1, 8):
        drafts = [Draft((), Canvas.masks(BLOCK - CACHED % BLOCK, config.control.mask)) for _ in range(canvases)]
        took = []
        for turn in range(WARM + TIMES):
            started = time.perf_counter()
            denoiser.predict(lease, drafts)
            if turn >= WARM:
                took.append(time.perf_counter() - started)
        floor = moved / (bandwidth * 1e12)
        found[f"canvases {canvases}"] = {
            "ms a forward": round(1000 * median(took), 2),
            "forwards a second": round(1 / median(took), 1),
            "floor ms": round(1000 * floor, 2),
            "share of the floor": round(floor / median(took), 3),
        }
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", metavar="PAGE", help="renew the table in this file")
    parser.add_argument("--time", choices=SHAPES, help="time a shape with random weights instead")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="bfloat16", choices=("float32", "bfloat16", "float16", "int8"))
    parser.add_argument("--bandwidth", type=float, default=4.3, help="TB/s of the device's memory (default: an H200's)")
    given = parser.parse_args()
    if given.time:
        print(json.dumps(times(given.time, given.device, given.dtype, given.bandwidth)))
        return 0
    made = table()
    print(made)
    if given.update:
        page = Path(given.update).read_text(encoding="utf-8")
        head, begin, rest = page.partition(BEGIN)
        _, end, tail = rest.partition(END)
        Path(given.update).write_text(f"{head}{begin}\n{made}\n{end}{tail}", encoding="utf-8", newline="\n")
    return int(" no " in made or " no|" in made)


if __name__ == "__main__":
    sys.exit(main())
