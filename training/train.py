"""Train: read top to bottom.

    python -m training.train --start FOLDER --data SHARD... --out FOLDER [--recipe release] [--seconds 1500]

`--start` names a model folder in full precision (what `training.convert` or an earlier run wrote). A run that finds its
own state in `--out` goes on where it stopped, with the seed that it began with, for `--seconds` more. Creating a file
STOP in `--out` ends it early, in good order. A run that has ended is left as it is.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.attention.flex_attention import create_block_mask
from tqdm import tqdm

from engine.checkpoint import Checkpoint, CheckpointError, ModelConfig
from engine.models.compact import CompactModel, rms_norm, rotary
from engine.tokenizer import Tokenizer
from training import attention
from training.batches import Term, dense, stack
from training.convert import LINE_END
from training.drafts import open_rows, redrafted
from training.feed import Documents, Feed, Laid
from training.folder import replacing, write_folder
from training.loss import SLICE, Sums, objective, row_slice
from training.recipe import RECIPES, Recipe, Stage
from training.rounding import Rounding
from training.shards import read_shards

PATIENCE = 20
"""Updates in a row whose gradient may be no number before the run gives up."""


def main() -> None:
    options = arguments()
    if ended(options.out):
        print(f"The run in {options.out} has ended and stays as it is; name another --out for a new one.")
        return
    if (options.out / "STOP").exists():
        raise ValueError(f"There is a file STOP in {options.out}; remove it to train there.")
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    recipe = chosen(options)
    checkpoint = Checkpoint.open(options.start)
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    model = load_model(checkpoint, options.device)
    run = Run.begin(model, recipe, options.out, resume=True)
    documents = Documents(read_shards(options.data))
    feed = Feed(documents, tokenizer, checkpoint.config.control, run.recipe, first=run.sequences)
    forward = Forward(model, run.recipe, options.device, options.attention)

    save = Saver(checkpoint, options.out, every=options.save_every)
    history = train(run, forward, feed.loader(options.workers), feed.progress, checkpoint.config, save)
    print(json.dumps(history[-1] if history else {}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the compact model.")
    parser.add_argument("--start", type=Path, required=True, help="model folder to start from, full precision")
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="corpus shards (training.corpus)")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints; found state is continued")
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="release")
    parser.add_argument("--steps", type=int, help="updates (default: the recipe's)")
    parser.add_argument("--seconds", type=float, help="time budget from now on instead of a number of updates")
    parser.add_argument("--seed", type=int, help="of what is drawn from the files (default: the recipe's)")
    parser.add_argument("--micro", type=int, help="sequences of one forward (default: the recipe's)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--attention", choices=("flex", "dense"), help="default: flex on a GPU, dense elsewhere")
    parser.add_argument("--workers", type=int, default=0, help="processes that make sequences")
    parser.add_argument("--save-every", type=float, default=240, help="seconds between checkpoints")
    return parser.parse_args()


def chosen(options: argparse.Namespace) -> Recipe:
    """The recipe as the command line changes it. Raises ValueError for a budget of nothing."""
    recipe = RECIPES[options.recipe]
    if options.seconds is not None and options.seconds <= 0:
        raise ValueError(f"{options.seconds:g} seconds are no time to train in; give --seconds a number above 0.")
    if options.seconds or options.steps:
        recipe = replace(recipe, seconds=options.seconds, steps=options.steps or recipe.steps)
    if options.micro:
        recipe = replace(recipe, micro=options.micro, sequences=max(recipe.sequences, options.micro))
    return recipe if options.seed is None else replace(recipe, seed=options.seed)


def ended(out: Path) -> bool:
    """Whether a run came to its end in this folder."""
    progress = out / "progress.json"
    return progress.is_file() and bool(json.loads(progress.read_text(encoding="utf-8"))["ended"])


def load_model(checkpoint: Checkpoint, device: str) -> CompactModel:
    """The module with a folder's full-precision weights; float32 whatever the device, autocast does the rest."""
    model = CompactModel(checkpoint.config)
    model.load_state_dict(load_file(checkpoint.path("model.safetensors")), assign=True)
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    model.to(device)
    return model


def set_apart(model: CompactModel) -> None:
    """[EOM] starts where the base ends a line, with a row of its own, unless it has been trained.

    Conversion leaves it at the mean of the embedding, like the rows that are never right, and so does what is restored
    from an export: a head that is frozen cannot part them, one that is not loses time over it.
    """
    eom, embed = model.config.control.eom, model.embed.detach()
    mean = embed.mean(0)
    typical = (embed - mean).norm(dim=1).median()
    if (embed[eom] - mean).norm() < typical / 2:
        noise = torch.randn(embed.shape[1], generator=torch.Generator().manual_seed(0)).to(embed)
        embed[eom] = embed[LINE_END] + noise / noise.norm() * typical


# ---- the loop


def train(
    run: Run,
    forward: Forward,
    sequences: Iterator[list[Laid]],
    shared_progress: Tensor,
    config: ModelConfig,
    save: Callable[[Run, bool], None] | None = None,
    *,
    quiet: bool = False,
) -> list[dict[str, float]]:
    """Run to the end of the recipe, the STOP file or too many broken gradients; returns what was logged."""
    recipe, history = run.recipe, []
    rounding = Rounding(run.model)
    bar = tqdm(total=100, initial=round(100 * run.progress, 1), unit="%", disable=quiet, bar_format=BAR)
    broken, mark = 0, time.monotonic()
    while run.progress < 1 and not (save is not None and run.stopped()):
        began, stage = time.monotonic(), recipe.stage(run.progress)
        shared_progress.fill_(run.progress)
        rng = np.random.default_rng([recipe.seed, run.step])
        with rounding() if stage.rounded else nullcontext():
            sums = [
                one_micro(forward, next(sequences), stage, config, rng) for _ in range(recipe.sequences // recipe.micro)
            ]
        norm = float(torch.nn.utils.clip_grad_norm_(run.trained, recipe.clip))
        broken = 0 if np.isfinite(norm) else broken + 1
        if broken > PATIENCE:
            raise RuntimeError(
                f"The gradient was no number {broken} times in a row at step {run.step}; lower the rate."
            )
        run.update(skip=bool(broken))
        entry = run.log(sums, norm, time.monotonic() - began)
        history.append(entry)
        bar.set_postfix_str(_postfix(entry))
        bar.update(round(100 * min(run.progress, 1), 1) - bar.n)
        if save is not None:
            save(run, False)
        mark = run.passed(mark, first=len(history) == 1)
    bar.close()
    run.settle()
    if save is not None and run.step:
        save(run, True)
    return history


BAR = "{l_bar}{bar}| {elapsed}<{remaining} {postfix}"


def one_micro(
    forward: Forward, laid: list[Laid], stage: Stage, config: ModelConfig, rng: np.random.Generator
) -> tuple[Sums, int]:
    """Forward and backward of a few sequences; with the model's own drafts in place of masks when it is their turn."""
    if stage.own_drafts and rng.random() < stage.own_drafts:
        drafts = forward.best(laid)
        laid = [redrafted(one, best, stage.mix, config.control, rng) for one, best in zip(laid, drafts, strict=True)]
    batch = forward.batch(laid)
    counts = np.array(stage.weights.shares) > 0
    asked = np.flatnonzero(
        np.stack([(one.arrays["weights"] > 0) & counts[one.arrays["terms"]] for one in laid]).reshape(-1)
    )
    rows = torch.from_numpy(forward.padded(asked)).to(forward.device)
    hidden = forward(batch)
    weights = batch["weights"].flatten()[rows] * (torch.arange(len(rows), device=rows.device) < len(asked))
    loss, sums = objective(
        hidden.flatten(0, 1)[rows],
        forward.model.embed,
        batch["labels"].flatten()[rows],
        weights,
        batch["terms"].flatten()[rows],
        stage.weights,
        forward.slice,
        forward.answers,
    )
    (loss * forward.recipe.micro / forward.recipe.sequences).backward()
    return sums, sum(len(one.arrays["ids"]) for one in laid)


class Forward:
    """The model over whole sequences on one device: which attention, which precision, what is compiled."""

    def __init__(self, model: CompactModel, recipe: Recipe, device: str, kind: str | None = None) -> None:
        self.model, self.recipe, self.device = model, recipe, torch.device(device)
        gpu = self.device.type == "cuda"
        self._flex = (kind or ("flex" if gpu else "dense")) == "flex"
        self._layer: Any = torch.compile(attention.flex_layer, dynamic=False) if gpu else attention.flex_layer
        self.slice: Any = torch.compile(row_slice, dynamic=False) if gpu else None
        self._make = torch.compile(create_block_mask) if gpu else create_block_mask
        self._dense = torch.compile(dense, dynamic=False) if gpu else dense
        self._known: dict[bytes, Tensor] = {}
        rows = sorted(model.config.control.never_text)
        self.answers = torch.tensor(rows, device=self.device) if recipe.frozen and recipe.answers else None

    def batch(self, laid: Sequence[Laid]) -> dict[str, Tensor]:
        """Arrays of these sequences on the device."""
        arrays = stack([one.arrays for one in laid])
        return {name: torch.from_numpy(array).to(self.device, non_blocking=True) for name, array in arrays.items()}

    def padded(self, rows: np.ndarray) -> np.ndarray:
        """Row numbers, on a GPU in whole slices of the head: one shape is compiled."""
        return np.pad(rows, (0, -len(rows) % SLICE)) if self.device.type == "cuda" else rows

    def __call__(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Last hidden states (N, T, hidden)."""
        mask = attention.block_mask(batch, self._make, self._dense) if self._flex else attention.dense_mask(batch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            if self.recipe.frozen:
                return self._upper(batch, mask)
            return attention.hidden(self.model, batch, mask, self._layer)

    def _upper(self, batch: Mapping[str, Tensor], mask: Any) -> Tensor:
        """The trained layers over what the frozen ones below make of the batch; that is kept where batches recur."""
        model, frozen = self.model, self.recipe.frozen
        rotation = rotary(batch["positions"], model.config)
        key = b"".join(batch[name].numpy().tobytes() for name in ("ids", "positions")) if self.recipe.recurring else b""
        x = self._known.get(key)
        if x is None:
            with torch.no_grad():
                x = attention.through(
                    list(model.layers)[:frozen], attention.embedded(model, batch), rotation, mask, self._layer
                )
        if key:
            self._known[key] = x
        x = attention.through(list(model.layers)[frozen:], x, rotation, mask, self._layer)
        return rms_norm(x, model.norm, model.config.norm_eps)

    @torch.no_grad()
    def best(self, laid: Sequence[Laid]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The most probable token and its probability in each row of each sequence's fully masked canvases."""
        answers = []
        for hidden, one in zip(self(self.batch(laid)), laid, strict=True):
            rows = torch.from_numpy(open_rows(one)).to(self.device)
            p, token = self.model.logits(hidden[rows].to(self.model.embed.dtype)).softmax(-1).max(-1)
            answers.append((token.cpu().numpy(), p.float().cpu().numpy()))
        return answers


# ---- the state of a run


@dataclass
class Run:
    """Everything that changes: weights, optimizer, how far it is.

    recipe: its `seconds` are those of the whole run, with what earlier starts spent. seconds: spent, but for the first
    step after a start, which compiles: `lost` counts that one, so that it costs no part of the curriculum. sums,
    summed: running sum of the last weights and of how many.
    """

    model: CompactModel
    recipe: Recipe
    out: Path | None
    trained: list[Tensor]
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    lost: float = 0.0
    sums: dict[str, Tensor] | None = None
    summed: int = 0

    @classmethod
    def begin(cls, model: CompactModel, recipe: Recipe, out: Path | None, *, resume: bool = False) -> Run:
        """A fresh optimizer, or the state that an interrupted run of the same recipe left in `out`."""
        set_apart(model)
        held = [f"layers.{i}." for i in (*range(recipe.frozen), *recipe.kept)] + ["canvas"] * bool(recipe.frozen)
        held += ["embed"] * (bool(recipe.frozen) and not recipe.answers)
        named = dict(model.named_parameters())
        for name, parameter in named.items():
            parameter.requires_grad_(not name.startswith(tuple(held)))
        trained = {name: p for name, p in named.items() if p.requires_grad}
        matrices = [p for name, p in trained.items() if p.ndim == 2 and name != "embed"]
        others = [p for name, p in trained.items() if p.ndim != 2 or name == "embed"]
        groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        fused = next(iter(named.values())).is_cuda
        optimizer = torch.optim.AdamW(groups, lr=recipe.peak, betas=recipe.betas, fused=fused)
        run = cls(model, recipe, out, list(trained.values()), optimizer)
        if resume and out is not None and (out / "progress.json").is_file():
            run._resume(out)
        return run

    @property
    def sequences(self) -> int:
        """Sequences that the updates so far have used."""
        return self.step * self.recipe.sequences

    @property
    def progress(self) -> float:
        """The share of the run that is over."""
        if self.recipe.seconds:
            return self.seconds / max(1.0, self.recipe.seconds - self.lost)
        return self.step / self.recipe.steps

    def passed(self, since: float, *, first: bool) -> float:
        """Count the time since a moment; returns now."""
        now = time.monotonic()
        if first:
            self.lost += now - since
        else:
            self.seconds += now - since
        return now

    def stopped(self) -> bool:
        return self.out is not None and (self.out / "STOP").exists()

    def update(self, *, skip: bool) -> None:
        """One step of the optimizer, left out when the gradient is no number; then the average, in the last part."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.progress)
        if not skip:
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        moment = 1 - self.recipe.average * (1 - (self.summed + 1) / self.recipe.averaged)
        if self.recipe.average and self.progress >= moment - 1e-9:
            self._remember()

    def _remember(self) -> None:
        with torch.no_grad():
            weights = {name: p.detach().clone() for name, p in self.model.named_parameters() if p.requires_grad}
            if self.sums is not None:
                for name, total in self.sums.items():
                    weights[name] += total
        self.sums, self.summed = weights, self.summed + 1

    def settle(self) -> None:
        """The average of the last weights takes their place."""
        if self.sums is None or self.summed < 2:
            return
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                if name in self.sums:
                    parameter.copy_(self.sums[name] / self.summed)
        self.sums, self.summed = None, 0

    def log(self, sums: list[tuple[Sums, int]], norm: float, seconds: float) -> dict[str, float]:
        """One entry: per term loss and share of right answers, speed, rate; appended to `log.jsonl`."""
        loss = torch.stack([one.loss for one, _ in sums]).mean(0).tolist()
        right = torch.stack([one.right for one, _ in sums]).mean(0).tolist()
        asked = torch.stack([one.asked for one, _ in sums]).sum(0).tolist()
        positions = sum(count for _, count in sums)
        slots = asked[Term.FILL] + asked[Term.EDIT]
        entry = {"step": self.step, "progress": round(self.progress, 5), "rate": self.recipe.rate(self.progress)}
        entry |= {term.name.lower(): round(loss[term], 4) for term in Term if asked[term]}
        entry |= {f"{term.name.lower()}_right": round(right[term], 4) for term in Term if asked[term]}
        entry |= {
            "positions_s": round(positions / seconds, 1),
            "slots_s": round(slots / seconds, 1),
            "norm": round(norm, 3),
        }
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        return entry

    def state(self) -> dict[str, Tensor]:
        """The optimizer's moments and the running sum, by name."""
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.model.named_parameters():
            for key in ("exp_avg", "exp_avg_sq"):
                if key in self.optimizer.state.get(parameter, {}):
                    tensors[f"{key}/{name}"] = self.optimizer.state[parameter][key]
        tensors |= {f"sum/{name}": total for name, total in (self.sums or {}).items()}
        return tensors

    def _resume(self, out: Path) -> None:
        kept = json.loads((out / "progress.json").read_text(encoding="utf-8"))
        if kept["recipe"] != self.recipe.name:
            raise ValueError(f"{out} holds a run of the recipe {kept['recipe']}; name another --out for this one.")
        if {_step(out / name) for name in ("model.safetensors", "state.safetensors")} != {kept["step"]}:
            raise ValueError(
                f"The run in {out} was cut off while it was saved and cannot be resumed; "
                f"start another from its weights: --start {out}, and a new --out."
            )
        self.step, self.seconds, self.lost = kept["step"], kept["seconds"], kept["lost"]
        self.summed = kept["summed"]
        more = self.recipe.seconds
        whole = self.seconds + self.lost + more if more else None
        self.recipe = replace(self.recipe, seed=kept["seed"], seconds=whole)
        device = self.trained[0].device
        tensors = load_file(out / "state.safetensors", device=str(device))
        weights = load_file(out / "model.safetensors", device=str(device))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                parameter.copy_(weights[name])
                if f"exp_avg/{name}" in tensors:
                    self.optimizer.state[parameter] = {
                        "step": torch.tensor(float(self.step), device=device if parameter.is_cuda else "cpu"),
                        "exp_avg": tensors[f"exp_avg/{name}"],
                        "exp_avg_sq": tensors[f"exp_avg_sq/{name}"],
                    }
        self.sums = {name[4:]: total for name, total in tensors.items() if name.startswith("sum/")} or None
        if self.progress < 1 - self.recipe.average - 1e-9:  # more time makes the last weights others
            self.sums, self.summed = None, 0


@dataclass
class Saver:
    """Writes checkpoints: a model folder in full precision, and what resuming needs beside it, or that the run has
    ended."""

    start: Checkpoint
    out: Path
    every: float
    last: float = 0.0

    def __call__(self, run: Run, final: bool) -> None:
        spent = run.seconds + run.lost
        if not final and spent - self.last < self.every:
            return
        self.last = spent
        self.out.mkdir(parents=True, exist_ok=True)
        write_model(self.out, self._config(run.recipe), run.model, self.start.path("tokenizer.json"), run.step)
        if not final:
            step = {"step": str(run.step)}
            replacing(self.out / "state.safetensors", lambda path: save_file(run.state(), path, step))
        kept = {"recipe": run.recipe.name, "seed": run.recipe.seed, "step": run.step, "summed": run.summed}
        kept |= {"seconds": run.seconds, "lost": run.lost, "ended": final}
        replacing(self.out / "progress.json", lambda path: path.write_text(json.dumps(kept), encoding="utf-8"))
        (self.out / "recipe.json").write_text(json.dumps(asdict(run.recipe), indent=2), encoding="utf-8")
        if final:
            (self.out / "state.safetensors").unlink(missing_ok=True)

    def _config(self, recipe: Recipe) -> ModelConfig:
        """What weights of this recipe can do; what their confidence is worth is to be measured anew."""
        was = self.start.config
        canvas = was.canvas_trained or any(stage.mix.sizes for stage in recipe.stages)
        edits = canvas and any(stage.mix.edits or stage.sampling.buggy for stage in recipe.stages)
        editing = edits or was.editing_trained
        return replace(was, middle_trained=True, canvas_trained=canvas, editing_trained=editing, calibration=None)


def write_model(folder: Path, config: ModelConfig, model: CompactModel, tokenizer: Path, step: int = 0) -> None:
    """A model's folder in full precision. step: of the run, kept with the weights."""
    weights = {name: p.detach().float().contiguous().cpu().numpy() for name, p in model.state_dict().items()}
    write_folder(folder, config, weights, tokenizer, {"step": str(step)})


def _step(path: Path) -> int:
    """The step of a run that tensors on disk are of; -1 for none."""
    if not path.is_file():
        return -1
    with safe_open(path, "pt") as tensors:
        return int((tensors.metadata() or {}).get("step", -1))


def _postfix(entry: Mapping[str, float]) -> str:
    parts = [f"{name} {entry[name]:.2f}" for name in ("clean", "middle", "fill", "edit") if name in entry]
    return " ".join([*parts, f"{entry['positions_s']:.0f} pos/s", f"{entry['slots_s']:.0f} slots/s"])


if __name__ == "__main__":
    try:
        main()
    except (CheckpointError, ValueError) as error:
        raise SystemExit(str(error)) from None
