"""The state of a training run: what changes from update to update, and how it is kept on disk."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.checkpoint import Checkpoint, ModelConfig
from engine.models.compact import CompactModel
from training.batches import Term
from training.convert import LINE_END
from training.folder import replacing, write_folder
from training.loss import Sums
from training.recipe import Recipe


def ended(out: Path) -> bool:
    """Whether a run came to its end in this folder."""
    progress = out / "progress.json"
    return progress.is_file() and bool(json.loads(progress.read_text(encoding="utf-8"))["ended"])


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
    ended. One on the way that cannot be written, as on a full disk, costs no run; the last one must be."""

    start: Checkpoint
    out: Path
    every: float
    last: float = 0.0

    def __call__(self, run: Run, final: bool) -> None:
        spent = run.seconds + run.lost
        if not final and spent - self.last < self.every:
            return
        self.last = spent
        try:
            self._write(run, final)
        except (OSError, SafetensorError) as error:
            if final:
                raise
            print(f"No checkpoint at step {run.step}: {error}", file=sys.stderr)

    def _write(self, run: Run, final: bool) -> None:
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


def set_apart(model: CompactModel) -> None:
    """Give [EOM] an embedding of its own, starting where the base ends a line, unless it has been trained.

    Conversion leaves it at the mean of the embedding, like the rows that are never right; so does restoring from an
    export. A frozen head could not tell these rows apart, and one that learns would lose time over it.
    """
    eom, embed = model.config.control.eom, model.embed.detach()
    mean = embed.mean(0)
    typical = (embed - mean).norm(dim=1).median()
    if (embed[eom] - mean).norm() < typical / 2:
        noise = torch.randn(embed.shape[1], generator=torch.Generator().manual_seed(0)).to(embed)
        embed[eom] = embed[LINE_END] + noise / noise.norm() * typical
