"""Each family against its own published code, on tiny checkpoints; and against itself: cached, batched, in shards.

`reference/figures.npz` holds what the published modeling code says (`reference/make.py` wrote it); nothing of that code
is here. What was made of a Llama or a Qwen by another mask alone is compared with transformers' class of it under that
mask. LLaDA2.2's modeling code is not public: its router is compared with the equations of its report, written down
below in numpy, and the rest of it is LLaDA2's.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from safetensors.torch import load_file

from engine import (
    QUALITY,
    SPEEDY,
    Canvas,
    Context,
    Draft,
    Engine,
    Generation,
    Mode,
    Modes,
    Priority,
    Step,
    Stream,
    Task,
    Vocabulary,
    backends,
    block_denoiser,
    decode,
    released,
)
from engine.backends.torch import TorchForward
from engine.block_denoiser import BlockDenoiser
from engine.canvas import ControlIds
from engine.checkpoint import Checkpoint, CheckpointError
from engine.forward import HIDDEN, Output, Rows
from engine.full_denoiser import FullDenoiser
from engine.released.config import ReleasedConfig
from engine.released.files import INDEX, REMEDY
from engine.released.stable_diffcoder import SYSTEM as SEED_SYSTEM
from engine.released.tiny_a2d import SYSTEM
from engine.run import CHUNK, Clock
from engine.tokenizer import Tokenizer
from tests.engine import tiny
from tests.engine.reference.make import (
    GENERATED,
    HOLES,
    LEFT,
    MASKS,
    MODES,
    PROMPT,
    RIGHT,
    ROWS,
    SEEDS,
    TOKENS,
    tokens,
)
from tests.fakes import Counting, drive, scored

FIGURES = np.load(Path(__file__).parent / "reference" / "figures.npz")
BLOCK = 32
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'4d7a' * 16}\nsize 12345\n"
EVERY = np.arange(tiny.ROWS, dtype=np.int64)
VOCABULARY = Vocabulary(np.zeros(tiny.ROWS, np.int64), frozenset(range(256, tiny.ROWS)))
TOLERANCE = 2e-4
"""Float32 sums in another order. A token that shows by mistake moves logits by whole units."""


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("families")
    return {name: tiny.make(root / name, config) for name, config in tiny.FAMILIES.items()}


def opened(folder: Path, dtype: str = "auto") -> TorchForward:
    return TorchForward.load(Checkpoint.open(folder), dtype=dtype)


def blocks_of(forward: TorchForward, cache: int = 1 << 20) -> BlockDenoiser:
    assert isinstance(forward.config, ReleasedConfig)
    config = forward.config
    return BlockDenoiser(forward, config.control, config.block, cache, shifted=config.shifted)


def whole(forward: TorchForward, ids: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log-probabilities of `asked` rows from one forward over everything, no cache: (rows, vocabulary)."""
    config = forward.config
    assert isinstance(config, ReleasedConfig)
    block = np.arange(len(ids)) // (config.block or len(ids))
    bias = np.where(block[:, None] >= block[None], np.float32(0), HIDDEN)
    rows = Rows(
        ids, np.arange(len(ids)), np.zeros(len(ids), np.bool_), bias, asked, np.tile(EVERY, (len(asked), 1)), block
    )
    return np.asarray(forward(rows, forward.new_kv(0)).target_logprobs, np.float64)


def before(forward: TorchForward) -> int:
    """How many rows before a token it is said."""
    assert isinstance(forward.config, ReleasedConfig)
    return int(forward.config.shifted)


# ---- equal to the published code


@pytest.mark.parametrize("family", ["llada2", "llada", "llada-moe", "dream"])
def test_logits_are_those_of_the_published_code(folders: dict[str, Path], family: str) -> None:
    theirs = torch.from_numpy(FIGURES[f"{family}/logits"]).double().log_softmax(dim=-1).numpy()
    ours = whole(opened(folders[family]), tokens(0, TOKENS), ROWS)
    assert np.abs(ours - theirs).max() < TOLERANCE
    assert theirs.max(axis=1).min() < np.log(0.9) and theirs.max() > np.log(0.5)  # neither flat nor all the same


MADE_FROM = {
    "a2d-qwen2": transformers.Qwen2ForCausalLM,
    "a2d-qwen3": transformers.Qwen3ForCausalLM,
    "bd3lm": transformers.Qwen3ForCausalLM,
    "coda": transformers.Qwen3ForCausalLM,
    "fast-dllm": transformers.Qwen2ForCausalLM,
    "open-dcoder": transformers.Qwen2ForCausalLM,
    "sdar": transformers.Qwen3ForCausalLM,
    "sdar-moe": transformers.Qwen3MoeForCausalLM,
    "stable-diffcoder": transformers.LlamaForCausalLM,
}
"""Family -> transformers' class of the weights that it was made from."""
BLOCKS = {"bd3lm": 32, "fast-dllm": 32, "sdar": 4, "sdar-moe": 4, "stable-diffcoder": 4}
"""Tokens of the blocks of those in which not every token sees every other."""
IN_PLACE = [family for family in MADE_FROM if family not in BLOCKS]
SHIFTED = {"coda", "fast-dllm", "open-dcoder"}
"""Those that say of a token in the row before it."""


def made_from(folder: Path, family: str) -> Any:
    """That class over the weights of a folder."""
    given = {key: value for key, value in tiny.FAMILIES[family].items() if key not in ("architectures", "model_type")}
    config = MADE_FROM[family].config_class(**given, attn_implementation="eager")
    transformers.utils.logging.disable_progress_bar()
    return MADE_FROM[family].from_pretrained(folder, config=config, dtype=torch.float32).eval()


def seen_by(model: Any, ids: NDArray[np.int64], block: int) -> NDArray[np.float64]:
    """Log-probabilities (rows, vocabulary) where a token sees the blocks up to its own; block 0: all tokens."""
    of = torch.arange(len(ids)) // (block or len(ids))
    mask = torch.where(of[:, None] >= of[None], 0.0, torch.finfo(torch.float32).min)[None, None]
    with torch.inference_mode():
        said = model(input_ids=torch.from_numpy(ids)[None], attention_mask=mask).logits[0]
    return said.double().log_softmax(dim=-1).numpy()


@pytest.mark.parametrize("family", MADE_FROM)
def test_logits_are_those_of_transformers_class_under_the_familys_mask(folders: dict[str, Path], family: str) -> None:
    forward, ids = opened(folders[family]), tokens(0, TOKENS)
    model = made_from(folders[family], family)
    theirs = seen_by(model, ids, BLOCKS.get(family, 0))
    assert np.abs(whole(forward, ids, np.arange(TOKENS)) - theirs).max() < TOLERANCE
    assert theirs.max(axis=1).min() < np.log(0.9) and theirs.max() > np.log(0.5)
    assert np.abs(seen_by(model, ids, 1) - theirs).max() > 1  # as a plain Qwen sees


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("family", ["llada2", "llada", "llada-moe", "dream", "a2d-qwen2", "bd3lm", "sdar-moe"])
def test_a_release_in_half_precision_says_what_its_float32_says_but_for_rounding(
    tmp_path: Path, family: str, dtype: str
) -> None:
    config = tiny.FAMILIES[family]
    rounded, exact = (opened(tiny.make(tmp_path / one, config, sharp=1.0, dtype=one)) for one in (dtype, "float32"))
    assert rounded.new_kv(1).dtype is getattr(torch, dtype)
    ours, theirs = (np.exp(whole(one, tokens(0, TOKENS), ROWS)) for one in (rounded, exact))
    assert np.median(np.abs(ours - theirs).max(axis=1)) < 0.05  # a rounded row may be sent to another expert


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_int8_weights_say_nearly_the_same(tmp_path: Path, family: str) -> None:
    folder = tiny.make(tmp_path, tiny.FAMILIES[family], sharp=1.0)
    small, exact = opened(folder, "int8"), opened(folder)
    ours, theirs = (np.exp(whole(one, tokens(0, TOKENS), ROWS)) for one in (small, exact))
    assert np.median(np.abs(ours - theirs).max(axis=1)) < 0.05
    held = {one.weight.dtype for name, one in small._model.named_modules() if name.endswith(("qkv", "down"))}  # type: ignore[union-attr]
    assert held == {torch.int8}


@pytest.mark.parametrize("family", ["llada2", "llada-moe"])
def test_int8_weights_reach_as_far_as_the_float16_that_they_were(tmp_path: Path, family: str) -> None:
    """Inner activations of some hundreds, as large models have them: the same function, written in other numbers."""
    folder = tiny.make(tmp_path, tiny.FAMILIES[family], sharp=1.0, dtype="float16")
    weights = load_file(folder / "model.safetensors")
    for name, weight in weights.items():
        weight *= (
            200.0 if "up_proj" in name else 1 / 200 if name.endswith(("down_proj.weight", "0.ff_out.weight")) else 1
        )
    tiny.write(folder, weights)
    small, exact = opened(folder, "int8"), opened(folder)
    ours, theirs = (np.exp(whole(one, tokens(0, TOKENS), ROWS)) for one in (small, exact))
    assert np.median(np.abs(ours - theirs).max(axis=1)) < 0.05


def test_block_routing_is_that_of_the_report(folders: dict[str, Path]) -> None:
    """g_j = the maximum of s_ij over a block's tokens; the best C experts; each token's best within them."""
    from engine.models.llada2 import Llada2

    model = opened(folders["llada2.2"])._model
    assert isinstance(model, Llada2)
    mlp = model.layers[1].mlp
    experts = mlp.experts
    dice = np.random.default_rng(3)
    x, blocks = dice.normal(size=(40, 64)).astype(np.float32), np.repeat([0, 1, 2], [13, 20, 7])
    chosen, weights = model.route(mlp, torch.from_numpy(x), torch.from_numpy(blocks))
    scores = 1 / (1 + np.exp(-(x.astype(np.float64) @ mlp.gate.numpy().T.astype(np.float64))))
    wanted = scores + mlp.bias.numpy()
    narrowed = 0
    for block in range(3):
        pool = np.argsort(-wanted[blocks == block].max(axis=0))[: experts.capacity]
        for row in np.flatnonzero(blocks == block):
            best = sorted(pool, key=lambda expert, row=row: -wanted[row, expert])[: experts.per_token]
            narrowed += set(best) != set(np.argsort(-wanted[row])[: experts.per_token])
            assert set(chosen[row].tolist()) == set(best)
            share = scores[row, best] / scores[row, best].sum() * experts.scale
            got = dict(zip(chosen[row].tolist(), weights[row].tolist(), strict=True))
            assert np.allclose([got[expert] for expert in best], share, atol=1e-5)
    assert narrowed > 10  # the pool decided, not the token alone


# ---- decoding


class Watched:
    """A denoiser that notes the canvases it was asked about."""

    def __init__(self, denoiser: BlockDenoiser) -> None:
        self._denoiser, self.control, self.asked = denoiser, denoiser.control, list[Draft]()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._denoiser, name)

    def predict(self, lease: Any, drafts: list[Draft]) -> Any:
        self.asked += drafts
        return self._denoiser.predict(lease, drafts)


def decoded(
    denoiser: Any, modes: Modes, prompt: NDArray[np.int64], mode: str, count: int
) -> tuple[list[Step], Generation]:
    task = Task(
        Context((Stream("prompt", tuple(prompt.tolist()), 0),), len(prompt)),
        (Canvas.masks(8, tiny.MASK),),
        mode=mode,
        max_tokens=count,
    )
    return drive(decode.decode(denoiser, task, modes, VOCABULARY, Clock(), time.monotonic()))


def test_decoding_is_the_published_one_token_for_token(tmp_path: Path) -> None:
    """`generate` of LLaDA2.1's code over everything, uncached, against ours with its cache: every token of every case.
    It has no loop breaker, so no case may need one; the next test has those that do."""
    happened: Counter[str] = Counter()
    for seed in SEEDS:
        forward = opened(tiny.make(tmp_path / str(seed), tiny.LLADA2, seed))
        for mode, (fill, edit) in MODES.items():
            base = replace(QUALITY, fill_threshold=fill, edit_threshold=edit, block=BLOCK, sure=2.0)
            denoiser = Watched(blocks_of(forward))
            steps, generation = decoded(denoiser, Modes(base, base), tokens(seed, PROMPT), "quality", GENERATED)
            theirs = FIGURES[f"llada2/{mode}/{seed}"].tolist()
            (said,) = generation.candidates
            assert list(said.ids) == theirs, (seed, mode)
            assert not loops(steps)
            for step in steps:
                kinds = Counter(change.kind for change in step.changes)
                happened["multi-fill"] += kinds["filled"] > 1
                happened["edit"] += kinds["edited"] > 0
                happened["no-qualifier"] += any(c.kind == "filled" and c.prob <= fill for c in step.changes)
    assert min(happened[kind] for kind in ("multi-fill", "edit", "no-qualifier")) > 10, happened


def denoised(folder: Path, family: str, ids: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """What the samplers of dLLM, Open-dLLM, CoDA (one token a step: threshold 1), SDAR, Stable-DiffCoder and Fast-dLLM
    do, uncached: of the first block with masks those that are surer than the threshold, or the surest, get their
    likeliest tokens. In Fast-dLLM a block's first token comes before all others, then 8 after 8."""
    model, block = made_from(folder, family), BLOCKS.get(family, 0)
    ids, size = ids.copy(), block or len(ids)
    for stop in range(size, len(ids) + 1, size):
        while (masks := np.flatnonzero(ids[:stop] == tiny.MASK)).size:
            if family == "fast-dllm":
                masks = masks[:1] if masks[0] % block == 0 else masks[masks // 8 == masks[0] // 8]
            said = seen_by(model, ids[:stop], block)[masks - (family in SHIFTED)]
            chosen = said.max(axis=1) > np.log(threshold)
            chosen[said.max(axis=1).argmax()] = True
            ids[masks[chosen]] = said[chosen].argmax(axis=1)
    return ids


@pytest.mark.parametrize(
    ("family", "threshold"),
    [
        ("bd3lm", 1.0),
        ("sdar", 0.85),
        ("sdar", 0.5),
        ("sdar-moe", 0.85),
        ("stable-diffcoder", 1.0),
        ("stable-diffcoder", 0.95),
        ("fast-dllm", 1.0),
        ("fast-dllm", 0.9),
        ("fast-dllm", 0.5),
    ],
)
@pytest.mark.parametrize("length", [PROMPT, 2 * BLOCK])
def test_blocks_are_denoised_by_the_makers_rule_token_for_token(
    tmp_path: Path, family: str, threshold: float, length: int
) -> None:
    """Ours with its cache; over a prompt that ends within a block, and one that ends with it. The modes are those that
    its `config.json` gets, but for the threshold."""
    several, count = 0, (length // BLOCK + 2) * BLOCK - length
    for seed in SEEDS:
        folder = tiny.make(tmp_path / str(seed), tiny.FAMILIES[family], seed)
        forward, prompt = opened(folder), tokens(seed, length)
        config = forward.config
        modes = Modes.of(canvas_trained=True, editing_trained=config.editing_trained, overrides=config.modes)
        base = replace(modes.quality, fill_threshold=threshold)
        steps, generation = decoded(blocks_of(forward), Modes(base, base), prompt, "quality", count)
        theirs = denoised(folder, family, np.concatenate([prompt, np.full(count, tiny.MASK)]), threshold)
        assert list(generation.candidates[0].ids) == theirs[length:].tolist(), seed
        several += sum(len(step.changes) > 1 for step in steps)
    assert several > 10 or threshold == 1


@pytest.mark.parametrize("family", IN_PLACE)
def test_a_hole_is_filled_by_the_makers_rule_token_for_token(tmp_path: Path, family: str) -> None:
    mode = Mode("quality", fill_threshold=1, edit_threshold=None, indel=False, lengths=(MASKS,))
    for seed in SEEDS:
        folder = tiny.make(tmp_path / str(seed), tiny.FAMILIES[family], seed)
        forward, text = opened(folder), tokens(seed, LEFT + RIGHT)
        task = in_place(seed, MASKS, mode="quality")
        run = decode.decode(backends.denoiser(forward), task, Modes(mode, mode), VOCABULARY, Clock(), time.monotonic())
        _, generation = drive(run)
        masked = np.concatenate([text[:LEFT], np.full(MASKS, tiny.MASK), text[LEFT:]])
        theirs = denoised(folder, family, masked, 1)
        assert list(generation.candidates[0].ids) == theirs[LEFT : LEFT + MASKS].tolist(), seed


def loops(steps: list[Step]) -> bool:
    """Whether a state came back, so that slots were frozen to end the cycle."""
    return any(step.canvas is not None and bool(step.canvas.frozen.any()) for step in steps)


def test_a_canvas_that_goes_round_in_circles_is_ended(tmp_path: Path) -> None:
    """One slot is left of the block, and the model always wants another token in it."""
    broken = 0
    for seed in range(8):
        forward = opened(tiny.make(tmp_path / str(seed), tiny.LLADA2, seed))
        base = replace(SPEEDY, block=BLOCK, max_post_steps=60)
        steps, _ = decoded(blocks_of(forward), Modes(base, base), tokens(seed, 2 * BLOCK - 1), "speedy", 1)
        broken += loops(steps) and len(steps) < 60
    assert broken > 2


def test_insert_and_delete_happen_and_every_canvas_ends(tmp_path: Path) -> None:
    happened: Counter[str] = Counter()
    for seed in range(4):
        forward = opened(tiny.make(tmp_path / str(seed), tiny.LLADA22, seed))
        base = replace(SPEEDY, block=BLOCK)
        steps, generation = decoded(blocks_of(forward), Modes(base, base), tokens(seed, PROMPT), "speedy", GENERATED)
        assert generation.cost.forwards <= 3 * (BLOCK + base.max_post_steps + 1)
        for candidate in generation.candidates:
            assert not set(candidate.ids) & set(range(256, tiny.ROWS))
        for step in steps:
            happened += Counter(change.kind for change in step.changes)
    assert min(happened[kind] for kind in ("inserted", "deleted", "filled", "edited")) > 5, happened


def test_an_earlier_block_is_edited_once_a_newer_one_stands(tmp_path: Path) -> None:
    """Multi-block editing: the canvas after a finished block takes it back as drafts, and sees both."""
    forward = opened(tiny.make(tmp_path, tiny.LLADA2))
    base = replace(SPEEDY, block=BLOCK, revisit_blocks=1, edit_threshold=0.3)
    denoiser = Watched(blocks_of(forward))
    steps, generation = decoded(denoiser, Modes(base, base), tokens(1, 48), "speedy", 70)
    sizes = [len(draft.canvas) for draft in denoiser.asked]
    assert sizes[0] == 16 and max(sizes) == 2 * BLOCK
    assert all((48 + len(draft.committed) + len(draft.canvas)) % BLOCK == 0 for draft in denoiser.asked)
    revised = [step for step in steps if step.canvas is not None and len(step.canvas) > BLOCK]
    assert any(change.kind == "edited" and change.slot < 16 for step in revised for change in step.changes)
    assert len(generation.candidates[0].ids) == 70


# ---- cached = uncached, batch = alone


def canvas_of(dice: np.random.Generator, size: int) -> Canvas:
    """Masks and tokens, some of them frozen; never all."""
    ids = np.where(dice.random(size) < 0.5, tiny.MASK, dice.integers(0, 256, size))
    frozen = np.flatnonzero((dice.random(size) < 0.2) & (ids != tiny.MASK))
    return Canvas.of(ids.tolist(), frozen[: size - 1].tolist())


def agrees(said: Any, expected: NDArray[np.float64], canvas: Canvas) -> None:
    live = ~canvas.frozen
    best = np.take_along_axis(expected, said.ids, axis=1)
    assert np.abs(np.log(said.probs[live]) - best[live]).max() < TOLERANCE
    assert (said.ids[live, 0] == expected[live].argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("dtype", "wrong", "told"),
    [
        ("float16", 60000.0, "not finite in float16; choose --dtype bfloat16 or --dtype float32.$"),
        ("float32", np.inf, "not finite in float32; get the checkpoint again.$"),
    ],
)
def test_numbers_that_are_not_finite_fail_their_own_request_alone(
    tmp_path: Path, dtype: str, wrong: float, told: str
) -> None:
    """A few tokens' hidden states are very large in every large model; here it is that of token 200."""
    name = "model.word_embeddings.weight"
    folder = tiny.make(tmp_path, tiny.LLADA2, dtype=dtype)
    weights = load_file(folder / "model.safetensors")
    weights[name][200] *= wrong / weights[name][200].abs().max()
    tiny.write(folder, weights)
    modes = Modes.of(canvas_trained=True, editing_trained=True, overrides={})
    engine = Engine(blocks_of(opened(folder)), modes, VOCABULARY)
    good = np.random.default_rng(0).integers(0, 190, 70).tolist()

    def said(prompt: list[int]) -> Generation:
        context = Context((Stream("prompt", tuple(prompt), 0),), len(prompt))
        task = Task(context, (Canvas.masks(8, tiny.MASK),), max_tokens=8)
        return engine.generate(task, Priority.TYPING).result(60)

    before = said(good)
    with pytest.raises(ValueError, match=told):
        said([*good[:40], 200, *good[:29]])
    after = said(good)
    engine.close()
    assert [one.ids for one in after.candidates] == [one.ids for one in before.candidates]
    assert np.isfinite([one.probs for one in after.candidates]).all()


@pytest.mark.parametrize("family", ["llada2", "llada2.2", *BLOCKS])
def test_a_cached_forward_says_what_one_over_everything_says(folders: dict[str, Path], family: str) -> None:
    """After random keystrokes, pastes and jumps; with drafts of several blocks; beside other drafts and alone."""
    forward, dice = opened(folders[family]), np.random.default_rng(5)
    denoiser = blocks_of(forward)
    block = denoiser.block
    text = dice.integers(0, 256, 150).tolist()
    encoded, asked = 0, 0
    for turn in range(14):
        match turn % 4:
            case 0:
                text += dice.integers(0, 256, int(dice.integers(1, 40))).tolist()
            case 1:
                text = text[: -int(dice.integers(1, 20))]
            case 2:
                at = int(dice.integers(0, len(text)))
                text = [*text[:at], *dice.integers(0, 256, 3).tolist(), *text[at:]]
        lease = denoiser.open(Context((Stream("prompt", tuple(text), 0),), len(text)))
        encoded, asked = encoded + lease.pending, asked + len(text)
        while lease.pending > 64:
            denoiser.prefill(lease, 64)
        for _ in range(2):
            common = dice.integers(0, 256, int(dice.integers(0, 70)))
            drafts = []
            for _ in range(int(dice.integers(1, 4))):
                committed = (*common, *dice.integers(0, 256, int(dice.integers(0, 3))))
                drafts.append(Draft(committed, canvas_of(dice, block - (len(text) + len(committed)) % block)))
            for draft, said in zip(drafts, denoiser.predict(lease, drafts), strict=True):
                ids = np.array([*text, *draft.committed, *draft.canvas.ids])
                rows = np.arange(len(ids) - len(draft.canvas), len(ids)) - before(forward)
                agrees(said, whole(forward, ids, rows), draft.canvas)
        lease.close()
    assert encoded < asked / 2  # something was cached


def test_two_jobs_in_turns_do_not_disturb_each_other(folders: dict[str, Path]) -> None:
    """Each forward shows another job's prompt and middle; evicted prompts are encoded again."""
    forward, dice = opened(folders["llada2"]), np.random.default_rng(8)
    denoiser = blocks_of(forward, cache=1)
    shared = dice.integers(0, 256, 70).tolist()
    texts = [[*shared, *dice.integers(0, 256, 41).tolist()], [*shared[:40], *dice.integers(0, 256, 64).tolist()]]
    leases = [denoiser.open(Context((Stream("prompt", tuple(text), 0),), len(text))) for text in texts]
    for turn in range(8):
        text, lease = texts[turn % 2], leases[turn % 2]
        committed = tuple(dice.integers(0, 256, 20 * (turn // 2)).tolist())
        canvas = canvas_of(dice, BLOCK - (len(text) + len(committed)) % BLOCK)
        (said,) = denoiser.predict(lease, [Draft(committed, canvas)])
        ids = np.array([*text, *committed, *canvas.ids])
        agrees(said, whole(forward, ids, np.arange(len(ids) - len(canvas), len(ids))), canvas)
    for lease in leases:
        lease.close()


def test_blocks_on_one_canvas_see_each_other(folders: dict[str, Path]) -> None:
    """Where a canvas holds more than a block (a draft, or blocks taken back), what is open is one block."""
    forward, dice = opened(folders["llada2"]), np.random.default_rng(9)
    text, canvas = dice.integers(0, 256, 80), canvas_of(dice, 48)
    denoiser = blocks_of(forward)
    lease = denoiser.open(Context((Stream("prompt", tuple(text.tolist()), 0),), 80))
    (said,) = denoiser.predict(lease, [Draft((), canvas)])
    ids = np.array([*text, *canvas.ids])
    block = np.minimum(np.arange(128) // BLOCK, 2)
    bias = np.where(block[:, None] >= block[None], np.float32(0), HIDDEN)
    asked = np.arange(80, 128)
    rows = Rows(ids, np.arange(128), np.zeros(128, np.bool_), bias, asked, np.tile(EVERY, (48, 1)))
    agrees(said, np.asarray(forward(rows, forward.new_kv(0)).target_logprobs, np.float64), canvas)


@pytest.mark.parametrize("length", [0, 2 * BLOCK])
def test_a_blocks_first_token_is_said_in_the_last_row_of_the_block_before(
    folders: dict[str, Path], length: int
) -> None:
    """Where rows are shifted. That row is the prompt's or the middle's, of this forward or of an earlier one; the first
    token of all says itself."""
    forward, dice = opened(folders["fast-dllm"]), np.random.default_rng(5)
    denoiser, text = blocks_of(forward), dice.integers(0, 256, length)
    lease = denoiser.open(Context((Stream("prompt", tuple(text.tolist()), 0),), length))
    middles = [(), tuple(dice.integers(0, 256, BLOCK).tolist()), tuple(dice.integers(0, 256, 2 * BLOCK).tolist())]
    drafts = [Draft(middle, canvas_of(dice, BLOCK)) for middle in middles]
    for _ in range(2):
        for draft, said in zip(drafts, denoiser.predict(lease, drafts), strict=True):
            ids = np.array([*text, *draft.committed, *draft.canvas.ids])
            rows = np.arange(len(ids) - BLOCK, len(ids)) - 1
            agrees(said, whole(forward, ids, rows.clip(0)), draft.canvas)
    lease.close()


@pytest.mark.parametrize("family", ["llada", "llada-moe", "dream", *IN_PLACE])
def test_in_place_sees_both_sides_and_drafts_do_not_see_each_other(folders: dict[str, Path], family: str) -> None:
    forward, dice = opened(folders[family]), np.random.default_rng(6)
    denoiser = backends.denoiser(forward)
    assert isinstance(denoiser, FullDenoiser)
    left, right = dice.integers(0, 256, 30), dice.integers(0, 256, 20)
    lease = denoiser.open(Context((Stream("left", tuple(left), 0), Stream("right", tuple(right), 30)), 30))
    assert lease.pending == 0
    drafts = [Draft(tuple(dice.integers(0, 256, n)), canvas_of(dice, 8)) for n in (0, 5)]
    said = denoiser.predict(lease, drafts)
    for draft, prediction in zip(drafts, said, strict=True):
        ids = np.array([*left, *draft.committed, *draft.canvas.ids, *right])
        first = len(left) + len(draft.committed) - before(forward)
        agrees(prediction, whole(forward, ids, np.arange(first, first + 8)), draft.canvas)
    other = denoiser.open(Context((Stream("left", tuple(left), 0), Stream("right", (1, 2, 3), 30)), 30))
    assert not np.allclose(denoiser.predict(other, drafts)[0].probs, said[0].probs)


def in_place(seed: int, masks: int, **options: Any) -> Task:
    text = tokens(seed, LEFT + RIGHT).tolist()
    streams = Stream("left", tuple(text[:LEFT]), 0), Stream("right", tuple(text[LEFT:]), LEFT)
    return Task(Context(streams, LEFT), (Canvas.masks(masks, tiny.MASK),), max_tokens=masks, **options)


def test_a_hole_is_filled_as_dreamons_sampler_fills_it(tmp_path: Path) -> None:
    """The surest token a step, and an end deletes its slot. The sampler was told to put nothing in, and has no use for
    it here."""
    mode = Mode("quality", fill_threshold=1 - 1e-7, edit_threshold=None, lengths=(MASKS,))
    sizes = []
    for seed in HOLES:
        forward = opened(tiny.make(tmp_path / str(seed), tiny.DREAMON, seed))
        task = in_place(seed, MASKS, mode="quality")
        run = decode.decode(backends.denoiser(forward), task, Modes(mode, mode), VOCABULARY, Clock(), time.monotonic())
        _, generation = drive(run)
        theirs = FIGURES[f"dreamon/{seed}"].tolist()
        assert list(generation.candidates[0].ids) == theirs, seed
        sizes.append(len(theirs))
    assert min(sizes) < MASKS - 8 and len({*sizes}) > 4


def test_a_text_that_follows_begins_where_the_canvas_has_ended(folders: dict[str, Path]) -> None:
    denoiser = backends.denoiser(opened(folders["dreamon"]))
    begun, left = [tiny.MASK, 7, tiny.MASK, 90], Stream("left", tuple(tokens(0, LEFT).tolist()), 0)
    for right in ((), (Stream("right", tuple(tokens(1, RIGHT).tolist()), LEFT),)):
        lease = denoiser.open(Context((left, *right), LEFT))
        short, long = (
            denoiser.predict(lease, [Draft((), Canvas.of(ids))])[0] for ids in (begun, [*begun, tiny.EOS, tiny.EOS])
        )
        assert np.allclose(short.probs, long.probs[: len(begun)], atol=1e-5) == bool(right)
        assert not right or (long.ids[len(begun) :, 0].tolist(), long.probs[-1, 0]) == ([tiny.EOS] * 2, 1)


def test_dreamon_opens_a_hole_wider(tmp_path: Path) -> None:
    """By the modes that its `config.json` gets; every canvas ends, and no control token stands in a text."""
    happened: Counter[str] = Counter()
    for seed in range(4):
        folder = tiny.make(tmp_path / str(seed), tiny.DREAMON, seed, sharp=8.0)
        weights = load_file(folder / "model.safetensors")
        weights["lm_head.weight"][tiny.INSERT] = 2 * weights["lm_head.weight"][0]
        tiny.write(folder, weights)
        forward = opened(folder)
        config = forward.config
        modes = Modes.of(canvas_trained=True, editing_trained=config.editing_trained, overrides=config.modes)
        task = in_place(seed, 32, mode="speedy")
        run = decode.decode(backends.denoiser(forward), task, modes, VOCABULARY, Clock(), time.monotonic())
        steps, generation = drive(run)
        assert len(steps) <= 64 + modes.speedy.max_post_steps + 1
        assert not set(generation.candidates[0].ids) & set(range(256, tiny.ROWS))
        for step in steps:
            happened += Counter(change.kind for change in step.changes)
    assert min(happened[kind] for kind in ("inserted", "deleted", "filled")) > 5, happened
    assert not happened["edited"]


class Slow(Counting):
    """Forwards that take a while."""

    def __call__(self, rows: Rows, past: Any) -> Output:
        time.sleep(0.05)
        return super().__call__(rows, past)


@pytest.mark.parametrize("mode", ["quality", "causal"])
def test_where_drafts_share_no_forward_a_step_is_one_all_the_same(folders: dict[str, Path], mode: str) -> None:
    """So a cancellation waits for one at most, a deadline is looked at after each, and each is counted."""
    slow = Slow(opened(folders["llada"]))
    context = Context((Stream("left", tuple(tokens(0, 30).tolist()), 0),), 30)

    def run(deadline: float | None) -> tuple[int, Generation]:
        """The most forwards of a step, and what came of them all."""
        slow.rows.clear()
        canvas = Canvas.masks(8, tiny.MASK)
        task = Task(context, (canvas,), mode=mode, alternatives=6, max_tokens=8, deadline=deadline)
        denoiser = FullDenoiser(slow, slow.config.control)
        steps = decode.decode(denoiser, task, Modes(), VOCABULARY, Clock(), time.monotonic())
        most = 0
        while True:
            before = len(slow.rows)
            try:
                next(steps)
            except StopIteration as end:
                return most, end.value
            most = max(most, len(slow.rows) - before)

    most, generation = run(None)
    assert most == 1 and generation.cost.forwards == len(slow.rows) > 6
    assert len(generation.candidates) > 1
    _, late = run(0.12)
    assert len(slow.rows) <= 3 and late.candidates


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_scores_are_those_of_writing_from_left_to_right(folders: dict[str, Path], family: str) -> None:
    forward, dice = opened(folders[family]), np.random.default_rng(7)
    denoiser = backends.denoiser(forward, 512)
    text, middles = dice.integers(0, 256, 45), [tuple(dice.integers(0, 256, n).tolist()) for n in (3, 0, 21)]
    lease = denoiser.open(Context((Stream("left", tuple(text.tolist()), 0),), 45))
    block = forward.config.block  # type: ignore[attr-defined]
    for middle, scores in zip(middles, scored(denoiser, lease, middles), strict=True):
        assert len(scores) == len(middle)
        for n in range(len(middle)):
            masks = block - (45 + n) % block if block else len(middle) - n
            ids = np.array([*text, *middle[:n], *[tiny.MASK] * masks])
            expected = whole(forward, ids, np.array([45 + n - before(forward)]))[0, middle[n]]
            assert abs(scores[n] - expected) < TOLERANCE
    (said,) = denoiser.next_token(lease, [middles[0]])
    among = np.array([5, 9, 200])
    (narrow,) = denoiser.next_token(lease, [middles[0]], [among])
    assert set(narrow.ids[0]) == set(among)
    assert narrow.probs.sum() < 1 and narrow.probs.max() <= said.probs.max()
    lease.close()


@pytest.mark.parametrize(
    ("quick", "rows"), [(0.0, [CHUNK] * 20), (np.inf, [CHUNK, 2 * CHUNK, 4 * CHUNK, 8 * CHUNK, 5 * CHUNK])]
)
def test_a_forward_that_scores_is_short_unless_forwards_are_quick(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch, quick: float, rows: list[int]
) -> None:
    """Forty tokens, a block of rows each: somebody may cancel, and a key waits for the forward under way."""
    monkeypatch.setattr(block_denoiser, "QUICK", quick)
    counting, dice = Counting(opened(folders["llada2"])), np.random.default_rng(7)
    denoiser = BlockDenoiser(counting, counting.config.control, BLOCK)
    text, middles = dice.integers(0, 256, 2 * BLOCK), [tuple(dice.integers(0, 256, 20).tolist()) for _ in range(2)]
    lease = denoiser.open(Context((Stream("prompt", tuple(text.tolist()), 0),), len(text)))
    denoiser.prefill(lease, len(text))
    counting.rows.clear()
    scored(denoiser, lease, middles)
    assert counting.rows == rows


# ---- sharded = whole


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_shards_hold_what_the_whole_file_holds(tmp_path: Path, folders: dict[str, Path], family: str) -> None:
    sharded = opened(tiny.make(tmp_path, tiny.FAMILIES[family], shards=3))._model
    together = opened(folders[family])._model
    assert sharded is not None and together is not None
    pairs = list(zip(sharded.named_parameters(), together.named_parameters(), strict=True))
    assert all(torch.equal(ours, theirs) for (_, ours), (_, theirs) in pairs)
    given = load_file(folders[family] / "model.safetensors")
    assert sum(one.numel() for _, one in together.named_parameters()) == sum(one.numel() for one in given.values())


@pytest.mark.parametrize(
    ("family", "wrong", "told"),
    [
        ("llada2", {"block_size": 0}, "block_size is 0, not a whole number from 1 "),
        ("llada2", {"block_size": -1}, "block_size is -1, not a whole number from 1 "),
        ("llada2", {"mask_token_id": -1}, "mask_token_id is -1, not a whole number from 0 "),
        ("llada2", {"num_shared_experts": -1}, "num_shared_experts is -1, not a whole number"),
        (
            "llada2",
            {"num_hidden_layers": 2**31 - 1},
            "num_hidden_layers is 2147483647, not a whole number from 0 to 1000",
        ),
        ("llada", {"n_layers": 10**6}, "n_layers is 1000000, not a whole number from 0 to 1000"),
        ("llada2", {"vocab_size": 10**19}, "vocab_size is 10000000000000000000, not a whole number"),
        ("llada2", {"rope_theta": 0}, "rope_theta is 0, not a number from 1 on"),
        ("llada2", {"rope_theta": -5.0}, "rope_theta is -5.0, not a number from 1 on"),
        ("llada2", {"rope_theta": np.inf}, "rope_theta is inf, not a number from 1 on"),
        ("llada2", {"routed_scaling_factor": np.nan}, "routed_scaling_factor is nan, not a number"),
        ("llada2", {"rms_norm_eps": -1.0}, "rms_norm_eps is -1.0, not a number from 0 on"),
        ("llada2", {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "rope_scaling is {'rope_type': 'yarn'"),
        ("llada-moe", {"num_key_value_heads": 2.0}, "num_key_value_heads is 2.0, not a whole number"),
        ("llada-moe", {"partial_rotary_factor": "x"}, "partial_rotary_factor is 'x', not a number"),
        ("llada-moe", {"moe_layer_freq": 5}, "moe_layer_freq is 5, not a list of num_hidden_layers (3) entries"),
        (
            "llada2",
            {"max_position_embeddings": 2048},
            "it has 2048 positions, and what is asked about long files needs",
        ),
        ("llada", {"rope_theta": 0.0}, "rope_theta is 0.0, not a number from 1 on"),
        ("dream", {"block_size": 32}, "block_size is 32, and redraft has only None"),
        ("coda", {"attention_bias": True}, "attention_bias is True, and redraft has only False"),
        ("coda", {"rope_scaling": {"factor": 8.0}}, "rope_scaling is {'factor': 8.0}, and redraft has none"),
        ("fast-dllm", {"attention_bias": False}, "attention_bias is False, and redraft has only True"),
        ("fast-dllm", {"bd_size": 0}, "bd_size is 0, not a whole number from 1 "),
        ("fast-dllm", {"redraft": {"prompt": "in-place"}}, "does not see what stands right of the canvas"),
        ("fast-dllm", {"redraft": {"modes": {"speedy": {"parts": [8]}}}}, "modes may set "),
        ("stable-diffcoder", {"mlp_bias": True}, "mlp_bias is True, and redraft has only False"),
        ("stable-diffcoder", {"block_size": -4}, "block_size is -4, not a whole number from 1 "),
        ("stable-diffcoder", {"vocab_size": None}, "it has no 'vocab_size'"),
        ("dreamon", {"expand_token_id": "x"}, "expand_token_id is 'x', not a whole number"),
        ("open-dcoder", {"mask_token_id": None}, 'if it is Open-dCoder, whose release leaves that out, add "mask_tok'),
        ("a2d-qwen2", {"attention_bias": False}, "attention_bias is False, and redraft has only True"),
        ("a2d-qwen3", {"block_size": None}, "nor its folder's name (mdlm, bd3lm) says whether it sees all of a text"),
        ("a2d-qwen3", {"use_sliding_window": True}, "use_sliding_window is True, and redraft has only False"),
        ("bd3lm", {"redraft": {"prompt": "in-place"}}, "its attention does not see what stands right of the canvas"),
        ("sdar", {"block_size": 2**31 - 1}, "its blocks of 2147483647 tokens are longer than any text"),
        ("sdar", {"attention_bias": True}, "attention_bias is True, and redraft has only False"),
        ("sdar", {"rope_theta": None}, "it has no 'rope_theta'"),
        (
            "sdar",
            {"rope_theta": None, "rope_parameters": {"rope_theta": 1e6, "rope_type": "yarn"}},
            "rope_parameters is",
        ),
        ("sdar-moe", {"mlp_only_layers": [0]}, "mlp_only_layers is [0], and redraft has only []"),
        ("sdar-moe", {"num_experts_per_tok": 9}, "9 of 8 experts cannot be chosen"),
    ],
)
def test_a_config_that_contradicts_itself_is_refused(
    tmp_path: Path, family: str, wrong: dict[str, Any], told: str
) -> None:
    folder = tiny.make(tmp_path / "model", tiny.FAMILIES[family])
    (folder / "config.json").write_text(json.dumps(tiny.FAMILIES[family] | wrong))
    with pytest.raises(CheckpointError, match=re.escape(told)) as caught:
        Checkpoint.open(folder)
    assert str(caught.value).startswith(str(folder)) and str(caught.value).endswith(REMEDY)


@pytest.mark.parametrize("family", ["llada2", "llada-moe"])
@pytest.mark.parametrize("scaling", [None, {"rope_type": "default"}, {"type": "default"}])
def test_a_config_may_say_that_its_positions_are_not_scaled(tmp_path: Path, family: str, scaling: object) -> None:
    config = Checkpoint.open(tiny.make(tmp_path, tiny.FAMILIES[family] | {"rope_scaling": scaling})).config
    assert config.rope_theta == tiny.FAMILIES[family]["rope_theta"]


def test_what_transformers_5_writes_of_the_rotations_is_read(tmp_path: Path) -> None:
    told = {"rope_theta": None, "rope_parameters": {"rope_theta": 5e5, "rope_type": "default"}}
    assert Checkpoint.open(tiny.make(tmp_path, tiny.SDAR | told)).config.rope_theta == 5e5


@pytest.mark.parametrize(
    ("family", "path", "block"),
    [
        ("a2d-qwen2", "Qwen2.5-Coder-0.5B-Instruct-diffusion-mdlm-v0.1", 0),
        ("a2d-qwen3", "models--dllm-hub--Qwen3-0.6B-diffusion-bd3lm-v0.1/snapshots/0f3b", 32),
        ("a2d-qwen3", "bd3lm/mdlm", 0),
        ("sdar", "SDAR-1.7B-Chat", 4),
        ("sdar", "SDAR-1.7B-Chat-b32", 32),
        ("sdar-moe", "models--JetLM--SDAR-30B-A3B-Chat-b8/snapshots/0f3b", 8),
    ],
)
def test_the_folders_name_says_what_config_json_does_not(tmp_path: Path, family: str, path: str, block: int) -> None:
    """Releases of one `config.json`, told apart by their names, also in a hub's cache."""
    config = Checkpoint.open(tiny.make(tmp_path / path, tiny.FAMILIES[family] | {"block_size": None})).config
    assert isinstance(config, ReleasedConfig) and config.block == block
    assert config.prompt == ("chat" if block else "in-place")
    assert {mode["block"] for mode in config.modes.values() if block} == ({block} if block else set())


def test_an_answer_of_sdar_ends_as_its_chat_form_says() -> None:
    """`config.json` names the end of a document."""
    told = {"vocab_size": 151936, "mask_token_id": 151669, "eos_token_id": 151643}
    assert released.read_config(tiny.SDAR | told, "SDAR").control == ControlIds.only(151669, 151645)


def test_a_head_that_is_tied_and_stored_all_the_same_is_the_stored_one(tmp_path: Path) -> None:
    """As in releases of Tiny-A2D; there the two are equal."""
    folder = tiny.make(tmp_path, tiny.A2D_QWEN2)
    tied = whole(opened(folder), tokens(0, 8), np.arange(8))
    weights = load_file(folder / "model.safetensors")
    tiny.write(folder, weights | {"lm_head.weight": weights["model.embed_tokens.weight"].clone()})
    assert np.array_equal(whole(opened(folder), tokens(0, 8), np.arange(8)), tied)
    tiny.write(folder, weights | {"lm_head.weight": weights["model.embed_tokens.weight"].flip(0)})
    assert np.allclose(whole(opened(folder), tokens(0, 8), np.arange(8)), tied[:, ::-1], atol=TOLERANCE)


@pytest.mark.parametrize(
    "told",
    [
        {"architectures": ["StableDiffcoderForCausalLM"]},
        {
            "architectures": ["LlamaForCausalLM"],
            "auto_map": {"AutoModelForCausalLM": "modeling_seed_diffcoder.SeedDiffcoderForCausalLM"},
        },
        {"auto_map": {"AutoModelForCausalLM": "Seed/Base--modeling_stable_diffcoder.StableDiffcoderForCausalLM"}},
    ],
)
def test_stable_diffcoder_is_known_by_its_class(told: dict[str, Any]) -> None:
    """Its `model_type` is a plain Llama's, and it has been released under two names, as a class and as code."""
    given = {key: value for key, value in tiny.STABLE_DIFFCODER.items() if not key.endswith("token_id")}
    config = released.read_config(given | {"architectures": None} | told, "Stable-DiffCoder")
    assert (config.block, config.control) == (4, ControlIds.only(5, 2))


@pytest.mark.parametrize(
    "told", [{}, {"architectures": ["LlamaForCausalLM"], "auto_map": {"AutoTokenizer": [None, 3]}}, {"auto_map": [1]}]
)
def test_a_llama_that_writes_left_to_right_is_refused(tmp_path: Path, told: dict[str, Any]) -> None:
    config = {key: value for key, value in tiny.STABLE_DIFFCODER.items() if key != "architectures"} | told
    folder = tiny.make(tmp_path, tiny.STABLE_DIFFCODER)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="of the architecture 'llama', which redraft does not know"):
        Checkpoint.open(folder)


@pytest.mark.parametrize("told", ["llada", "llada_moe", "lladamoe", None])
def test_llada_moe_is_known_by_its_class(tmp_path: Path, told: str | None) -> None:
    """It is released with LLaDA's `model_type`; others who publish it write their own."""
    config = Checkpoint.open(tiny.make(tmp_path, tiny.LLADA_MOE | {"model_type": told})).config
    assert isinstance(config, ReleasedConfig) and config.experts is not None


@pytest.mark.parametrize(
    ("family", "user", "assistant"),
    [
        ("llada2", "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>", "<|role_end|><role>"),
        ("llada-moe", "<role>SYSTEM</role>detailed thinking off<|role_end|><role>HUMAN</role>", "<|role_end|><role>"),
        ("llada", "<|startoftext|><|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|><|start_header_id|>"),
        ("dream", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
        ("a2d-qwen2", SYSTEM + "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
        ("a2d-qwen3", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        ("sdar", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
        ("coda", "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"),
        (
            "fast-dllm",
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
            "<|im_end|>\n<|im_start|>assistant\n",
        ),
        (
            "stable-diffcoder",
            "<[begin▁of▁sentence]>system\n" + SEED_SYSTEM + "\n\n<[end▁of▁sentence]><[begin▁of▁sentence]>user\n",
            "<[end▁of▁sentence]><[begin▁of▁sentence]>assistant\n",
        ),
    ],
)
def test_the_chat_form_is_the_makers(folders: dict[str, Path], family: str, user: str, assistant: str) -> None:
    """Its marks are control tokens, not their letters."""
    config, tokenizer = Checkpoint.open(folders[family]).config, Tokenizer.load(folders[family] / "tokenizer.json")
    assert isinstance(config, ReleasedConfig)
    opening, answer = (tokenizer.marked(part) for part in config.chat)
    assert "".join(tokenizer.pieces(opening)) == user
    assert "".join(tokenizer.pieces(answer)).startswith(assistant)
    marks = [mark for mark in re.findall("<[^>]+>", config.chat[1]) if "think" not in mark]  # those are text in Qwen3
    assert opening[0] > 255 and len(marks) == sum(token > 255 for token in answer)


def test_a_whole_file_beside_an_index_that_was_left_over_is_read(tmp_path: Path) -> None:
    """As transformers does: the shards that the index names are gone."""
    folder = tiny.make(tmp_path, tiny.LLADA2, shards=2)
    parts = sorted(folder.glob("*.safetensors"))
    tiny.write(folder, {name: one for part in parts for name, one in load_file(part).items()})
    for part in parts:
        part.unlink()
    assert np.isfinite(whole(opened(folder), tokens(0, 8), np.arange(8))).all()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (INDEX, None, r"in shards \(model-00001-of-00002\.safetensors\) without their .*; get that file, too\.$"),
        (INDEX, "[" * 100_000, r"index\.json cannot be read \(maximum recursion depth"),
        (INDEX, POINTER, r"index\.json is not the file itself but its Git LFS pointer"),
        ("tokenizer.json", POINTER, r"tokenizer\.json is not the file itself .*; install git-lfs and run"),
        ("model-00002-of-00002.safetensors", POINTER, r"00002\.safetensors is not the file itself"),
    ],
)
def test_a_folder_that_was_not_fetched_whole_is_refused(
    tmp_path: Path, name: str, content: str | None, told: str
) -> None:
    folder = tiny.make(tmp_path, tiny.LLADA2, shards=2)
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=told):
        Checkpoint.open(folder)


def test_what_config_json_says_decides_the_modes(tmp_path: Path) -> None:
    """LLaDA2.0 is known by the last such name in its path, also in a hub's cache; a section of ours is heard last."""

    def modes(folder: Path, ours: dict[str, Any] | None = None) -> Modes:
        config = Checkpoint.open(tiny.make(folder, tiny.LLADA2 | ({"redraft": ours} if ours else {}))).config
        return Modes.of(
            canvas_trained=config.canvas_trained, editing_trained=config.editing_trained, overrides=config.modes
        )

    edits = modes(tmp_path / "LLaDA2.1-mini")
    assert (edits.speedy.edit_threshold, edits.quality.edit_threshold, edits.quality.block) == (0.0, 0.5, BLOCK)
    fills = modes(tmp_path / "models--inclusionAI--LLaDA2.0-mini" / "snapshots" / "d23215ab")
    assert (fills.speedy.edit_threshold, fills.speedy.fill_threshold, fills.speedy.block) == (None, 0.95, BLOCK)
    newer = modes(tmp_path / "LLaDA2.0 and later" / "LLaDA2.1-mini")
    assert newer.speedy.edit_threshold == 0.0
    ours = modes(tmp_path / "own", {"modes": {"speedy": {"fill_threshold": 0.8, "revisit_blocks": 1}}})
    assert (ours.speedy.fill_threshold, ours.speedy.revisit_blocks, ours.quality.revisit_blocks) == (0.8, 1, 0)


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path) -> None:
    """Releases bring modeling code and name it in `auto_map`; it stays a file."""
    folder = tiny.make(tmp_path / "model", tiny.LLADA2)
    trap = f"open({str(tmp_path / 'ran')!r}, 'w').write('x')\n"
    for name in ("modeling_llada2_moe.py", "configuration_llada2_moe.py", "__init__.py", "torch.py"):
        (folder / name).write_text(trap)
    assert json.loads((folder / "config.json").read_text())["auto_map"]
    output = whole(opened(folder), tokens(0, 8), np.arange(8))
    assert np.isfinite(output).all()
    assert not (tmp_path / "ran").exists()
