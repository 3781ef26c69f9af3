"""Write the reference figures: what the families' own published modeling code says on tiny checkpoints.

That code is nobody's dependency and not part of this repository. Whoever wants to make the figures anew fetches it
(ZHZisZZ/dllm at ca17675 carries verbatim copies, DreamLM/DreamOn at 8a0a549 its sampler) and runs, in an environment
with torch, omegaconf and transformers 4.57:

    python -m tests.engine.reference.make --code FOLDER

FOLDER holds modeling_llada.py, modeling_lladamoe.py, modeling_llada21_moe.py, modeling_dream.py, their configuration
files, Dream's generation_utils.py, DreamOn's eval/generator.py and an empty __init__.py. Two lines must be changed for
a processor: `generate` makes its block-causal mask in bfloat16, which torch refuses beside float32 weights, and
LLaDAModelLM names the device "cuda". What is written: tokens and logits.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from tests.engine import tiny

HERE = Path(__file__).parent
TOKENS, PROMPT, GENERATED = 75, 41, 55
ROWS = np.array([0, 1, 30, 31, 32, 33, 60, 63, 64, 70, 74])
"""Of which the logits are kept: first and last of blocks, and between."""
SEEDS = range(4)
HOLES = range(8)
LEFT, MASKS, RIGHT = 23, 24, 17
"""Tokens around a hole that is filled in place, and its masks to begin with."""
MODES = {"quality": (0.7, 0.5), "speedy": (0.5, 0.0), "careful": (0.95, 0.9)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--code", type=Path, required=True)
    sys.path.insert(0, str(parser.parse_args().code.parent))
    package = parser.parse_args().code.name
    torch.set_num_threads(1)
    figures: dict[str, Any] = {}
    for family, (module, config_module, model_class, config_class) in {
        "llada2": ("modeling_llada21_moe", "configuration_llada21_moe", "LLaDA2MoeModelLM", "LLaDA2MoeConfig"),
        "llada": ("modeling_llada", "configuration_llada", "LLaDAModelLM", "LLaDAConfig"),
        "llada-moe": ("modeling_lladamoe", "configuration_lladamoe", "LLaDAMoEModelLM", "LLaDAMoEConfig"),
        "dream": ("modeling_dream", "configuration_dream", "DreamModel", "DreamConfig"),
    }.items():
        made = getattr(importlib.import_module(f"{package}.{module}"), model_class)
        config = getattr(importlib.import_module(f"{package}.{config_module}"), config_class)
        figures[f"{family}/logits"] = logits(loaded(made, config, family, 0), family)
        if family == "llada2":
            for seed in SEEDS:
                model = loaded(made, config, family, seed)
                for mode, thresholds in MODES.items():
                    print(family, mode, seed, flush=True)
                    figures[f"{family}/{mode}/{seed}"] = generated(model, seed, *thresholds)
        if family == "dream":
            sampler = importlib.import_module(f"{package}.generator").MDMGenerator
            for seed in HOLES:
                figures[f"dreamon/{seed}"] = filled(sampler, loaded(made, config, "dreamon", seed), seed)
    np.savez_compressed(HERE / "figures.npz", **figures)
    print({name: array.shape for name, array in figures.items()})


def tokens(seed: int, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.default_rng(1000 + seed).integers(0, 256, count)


def loaded(model_class: Any, config_class: Any, family: str, seed: int) -> Any:
    given = tiny.FAMILIES[family]
    config = config_class(**{key: value for key, value in given.items() if key not in ("architectures", "auto_map")})
    config._attn_implementation = "eager" if family in ("llada", "dream", "dreamon") else "sdpa"
    if family == "llada":
        config.flash_attention = False
    model = model_class(config)
    weights = dict(tiny.tensors(given, seed, 4.0))
    missing, strange = model.load_state_dict(weights, strict=False)
    assert not strange and not missing, (missing, strange)
    return model.eval()


@torch.no_grad()
def logits(model: Any, family: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    ids = torch.from_numpy(tokens(0, TOKENS))[None]
    if family != "llada2":
        return model(input_ids=ids).logits[0].float().numpy()[ROWS]
    block = torch.arange(TOKENS) // 32
    mask = torch.where(block[:, None] >= block[None], 0.0, -torch.inf)[None, None]
    return model(input_ids=ids, attention_mask=mask).logits[0].float().numpy()[ROWS]


@torch.no_grad()
def generated(model: Any, seed: int, fill: float, edit: float) -> np.ndarray[Any, np.dtype[np.int16]]:
    said = model.generate(
        inputs=torch.from_numpy(tokens(seed, PROMPT))[None],
        block_length=32,
        gen_length=GENERATED,
        threshold=fill,
        editing_threshold=edit,
        max_post_steps=16,
        eos_id=tiny.EOS,
        mask_id=tiny.MASK,
    )
    return said[0].numpy().astype(np.int16)


@torch.no_grad()
def filled(sampler: Any, model: Any, seed: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """A hole filled by DreamOn's sampler: the surest token a step, an end deletes its mask, nothing is put in."""
    ids = SimpleNamespace(mask_id=tiny.MASK, expand_id=tiny.INSERT, eos_id=tiny.EOS)
    config = SimpleNamespace(
        pad_to_max_len=False, max_tokens=None, max_prompt_len=None, max_gen_len=0, min_gen_len=MASKS, temperature=0.0,
        alg_temp=0.0, top_p=None, top_k=None, steps=2 * MASKS, eps=1e-3, alg="maskgit_plus", delete_eos_token=True,
        pad_eos_to_right=False, batch_size=1, device="cpu", show_progress=False, dtype="fp32",
    )  # fmt: skip
    text = tokens(seed, LEFT + RIGHT).tolist()
    sampling = sampler(config, model, ids)
    sampling.max_tokens, sampling.max_gen_len = LEFT + MASKS + RIGHT, MASKS
    row, length = sampling.batch_generate_with_expand_as_token(
        torch.tensor([[*text[:LEFT], *[tiny.MASK] * MASKS, *text[LEFT:]]])
    )
    return row[0, LEFT : LEFT + length].numpy().astype(np.int16)


if __name__ == "__main__":
    main()
