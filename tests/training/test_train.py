"""The loop at toy size: it learns, it stops and goes on where it was, and it does not swallow broken numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.backends.torch import TorchForward
from engine.checkpoint import EMBEDDED, Checkpoint
from engine.models.compact import CompactModel
from engine.tokenizer import Tokenizer
from tests.fakes import CONTROL, tiny_config, tiny_model
from training import attention
from training.batches import Laid, Mix, Term
from training.drafts import open_rows, redrafted
from training.feed import Documents, Feed
from training.forward import Forward, load_model
from training.gate import functions
from training.probe import timed
from training.recipe import RECIPES, Recipe, Stage
from training.run import Run, Saver, write_model
from training.samples import Document, Sampling
from training.shards import Source, write_shards
from training.train import ended, main, train

TINY = Recipe(
    "tiny",
    (Stage(0.5, Sampling(sites=2, cuts=2)), Stage(1.0, Sampling(sites=2, cuts=2, buggy=0.5), Mix(edits=0.5))),
    steps=6, rows=320, groups=48, sequences=2, micro=1, peak=3e-3, average=0.4, averaged=2,
)  # fmt: skip


def short_files() -> list[Document]:
    """Functions of the standard library, each as a file: the vocabulary is wide, so every row costs."""
    return [Document(path, "python", code) for path, code in functions()]


def model(tokens: Tokenizer) -> CompactModel:
    found = tiny_model(tokens.size).train()
    with torch.no_grad():
        found.embed.mul_(0.1)
    return found


def feed(tokens: Tokenizer, recipe: Recipe = TINY, first: int = 0) -> Feed:
    return Feed(Documents(short_files()), tokens, CONTROL, recipe, first)


@pytest.fixture
def start(tokens: Tokenizer, tmp_path: Path) -> Checkpoint:
    folder = tmp_path / "start"
    write_model(folder, tiny_config(tokens.size), model(tokens), EMBEDDED / "tokenizer.json")
    return Checkpoint.open(folder)


def go(run: Run, tokens: Tokenizer, save: Saver | None = None) -> list[dict[str, float]]:
    fed = feed(tokens, run.recipe, run.sequences)
    forward = Forward(run.model, run.recipe, "cpu")
    return train(run, forward, fed.loader(0), fed.progress, tiny_config(tokens.size), save, quiet=True)


def test_the_loss_falls(tokens: Tokenizer) -> None:
    recipe = replace(TINY, steps=16, average=0.0)
    history = go(Run.begin(model(tokens), recipe, None), tokens)
    assert len(history) == 16
    early, late = (np.mean([h["clean"] for h in part]) for part in (history[:4], history[-4:]))
    assert late < early - 0.2


def test_a_sequence_depends_on_its_number_alone(tokens: Tokenizer) -> None:
    one, two = feed(tokens), feed(tokens, first=7)
    stage = TINY.stages[0]
    a, b = one.sequence(9, stage), two.sequence(9, stage)
    assert all(np.array_equal(a.arrays[name], b.arrays[name]) for name in a.arrays)
    assert not np.array_equal(a.arrays["ids"], one.sequence(10, stage).arrays["ids"])


def test_workers_make_the_same_sequences(tokens: Tokenizer) -> None:
    """In batches of several too: a resumed run would repeat some and leave others out."""
    recipe = replace(TINY, sequences=4, micro=2)
    alone, shared = feed(tokens, recipe).loader(0), feed(tokens, recipe).loader(2)
    for _ in range(4):
        for one, other in zip(next(alone), next(shared), strict=True):
            assert np.array_equal(one.arrays["ids"], other.arrays["ids"])


def test_sequences_are_well_filled(tokens: Tokenizer) -> None:
    recipe = replace(TINY, rows=1024, groups=128)
    filled = [feed(tokens, recipe).sequence(i, RECIPES["release"].stages[4]).arrays for i in range(6)]
    assert np.mean([(a["group"] < 255).mean() for a in filled]) > 0.85


def test_a_run_that_is_resumed_ends_like_one_that_was_not(tokens: Tokenizer, start: Checkpoint, tmp_path: Path) -> None:
    recipe = replace(TINY, stages=tuple(replace(stage, own_drafts=0.7) for stage in TINY.stages))
    whole = Run.begin(_sure(tokens), recipe, None)
    go(whole, tokens)

    out = tmp_path / "out"
    first = Run.begin(_sure(tokens), recipe, out)
    save = Saver(start, out, every=0.0)
    fed = feed(tokens, recipe)
    stopping = _stop_after(4, fed.loader(0), out, recipe.sequences)
    train(
        first,
        Forward(first.model, recipe, "cpu"),
        stopping,
        fed.progress,
        tiny_config(tokens.size),
        _not_last(save),
        quiet=True,
    )
    assert first.step == 4
    (out / "STOP").unlink()

    second = Run.begin(_sure(tokens), recipe, out, resume=True)
    assert second.step == 4
    go(second, tokens)
    for (name, a), (_, b) in zip(whole.model.named_parameters(), second.model.named_parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-5), name


@pytest.mark.parametrize("last", ["state.safetensors", "progress.json"])
def test_a_run_that_was_cut_off_while_it_was_saved_is_not_resumed(
    last: str, tokens: Tokenizer, start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new weights are there, what belongs to them is still the old."""
    run, save = Run.begin(model(tokens), TINY, tmp_path), Saver(start, tmp_path, every=0.0)
    run.step = 3
    save(run, False)
    run.step = 4

    def until_last(path: Path, write: Callable[[Path], object]) -> None:
        if path.name == last:
            raise KeyboardInterrupt
        write(path)

    monkeypatch.setattr("training.run.replacing", until_last)
    with pytest.raises(KeyboardInterrupt):
        save(run, False)
    with pytest.raises(ValueError, match="was cut off while it was saved and cannot be resumed; start another"):
        Run.begin(model(tokens), TINY, tmp_path, resume=True)


def test_a_resumed_run_has_all_the_seconds_that_it_is_given_now(
    tokens: Tokenizer, start: Checkpoint, tmp_path: Path
) -> None:
    """What an earlier start spent, the time for compiling included, is not taken from them."""
    run = Run.begin(model(tokens), replace(TINY, steps=1, seconds=50.0), tmp_path)
    run.step, run.seconds, run.lost = 3, 40.0, 5.0
    Saver(start, tmp_path, every=0.0)(run, False)
    again = Run.begin(model(tokens), replace(TINY, seconds=20.0), tmp_path, resume=True)
    assert again.progress == pytest.approx(40 / 60)
    again.lost += 4  # it compiles again
    again.seconds += 16
    assert again.progress == pytest.approx(1.0)


def test_more_time_makes_the_last_weights_others(tokens: Tokenizer, start: Checkpoint, tmp_path: Path) -> None:
    run = Run.begin(model(tokens), replace(TINY, seconds=50.0), tmp_path)
    run.step, run.seconds = 3, 49.0
    run._remember()
    Saver(start, tmp_path, every=0.0)(run, False)
    for seconds, kept in ((10.0, 1), (1000.0, 0)):
        again = Run.begin(model(tokens), replace(TINY, seconds=seconds), tmp_path, resume=True)
        assert (again.summed, again.sums is not None) == (kept, bool(kept)), seconds


def test_a_run_goes_on_with_the_seed_that_it_began_with(
    start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}
    for seed in (0, 7):
        out = tmp_path / f"out-{seed}"
        run = Run.begin(load_model(start, "cpu"), replace(TINY, seed=seed), out)
        run.step = 1
        Saver(start, out, every=0.0)(run, False)
        _command(start, tmp_path, monkeypatch, "--out", str(out), "--seed", "3")
        main()
        drawn[seed] = json.loads((out / "progress.json").read_text())["seed"], _losses(out)
    assert (drawn[0][0], drawn[7][0]) == (0, 7)
    assert drawn[0][1] != drawn[7][1]


@pytest.mark.parametrize("seconds", ["0", "-30"])
def test_no_time_is_said_not_trained_in(
    seconds: str, start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _command(start, tmp_path, monkeypatch, "--seconds", seconds)
    with pytest.raises(ValueError, match="no time to train in; give --seconds a number above 0"):
        main()


def _losses(out: Path) -> list[float]:
    return [json.loads(line)["clean"] for line in (out / "log.jsonl").read_text().splitlines()]


def _sure(tokens: Tokenizer) -> CompactModel:
    """A model whose own drafts are written: what it thinks likeliest passes their thresholds."""
    found = model(tokens)
    with torch.no_grad():
        found.embed.mul_(60)
    return found


def _stop_after(steps: int, sequences: Iterator[list[Laid]], out: Path, each: int) -> Iterator[list[Laid]]:
    """Creates the STOP file while the last wanted step draws its sequences."""
    for number, laid in enumerate(sequences):
        if number == steps * each - 1:
            (out / "STOP").touch()
        yield laid


def _not_last(save: Saver) -> Callable[[Run, bool], None]:
    """Saves what an interrupted run saves, without the end that cleans up."""
    return lambda run, final: None if final else save(run, False)


def test_the_end_leaves_a_model_folder_that_the_engine_opens(
    tokens: Tokenizer, start: Checkpoint, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run = Run.begin(model(tokens), TINY, out)
    go(run, tokens, Saver(start, out, every=1e9))
    checkpoint = Checkpoint.open(out)
    assert checkpoint.config.canvas_trained and checkpoint.config.editing_trained
    assert TorchForward.load(checkpoint).config.layers == 2
    assert not (out / "state.safetensors").exists() and ended(out)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, TINY.steps + 1))
    assert {"clean", "middle", "fill", "positions_s", "slots_s"} <= set(lines[0])


def test_a_checkpoint_that_does_not_fit_on_the_disk_costs_no_run(
    tokens: Tokenizer, start: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resource = pytest.importorskip("resource")
    run, soft, hard = Run.begin(model(tokens), TINY, tmp_path), *resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000_000, hard))  # weights: 6.4 MB, the optimizer: 12.7
    try:
        go(run, tokens, Saver(start, tmp_path, every=0.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert run.step == TINY.steps and ended(tmp_path)
    assert capsys.readouterr().err.count("No checkpoint at step") == TINY.steps
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob("state*"))
    assert Checkpoint.open(tmp_path).config.canvas_trained


def test_a_run_that_has_ended_is_left_as_it_is(
    start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(start, tmp_path, monkeypatch)
    main()
    learnt = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert learnt != (start.folder / "model.safetensors").read_bytes()
    (tmp_path / "out" / "STOP").touch()
    capsys.readouterr()
    main()
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == learnt
    assert "has ended and stays as it is; name another --out" in capsys.readouterr().out


def test_a_run_that_learnt_nothing_writes_nothing(tokens: Tokenizer, start: Checkpoint, tmp_path: Path) -> None:
    run = Run.begin(model(tokens), TINY, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "STOP").touch()
    go(run, tokens, Saver(start, tmp_path / "out", every=0.0))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["STOP"]


def test_where_a_run_was_told_to_stop_none_begins(
    start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _command(start, tmp_path, monkeypatch)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "STOP").touch()
    with pytest.raises(ValueError, match="remove it to train there"):
        main()


def _command(start: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """The command line of a tiny run into `out`."""
    monkeypatch.setitem(RECIPES, "trial", replace(TINY, steps=2, average=0.0))
    sources = [Source("lib", path, "python", code) for path, code in functions()]
    shards = map(str, write_shards(tmp_path / "shards", "train", sources))
    words = ["--start", str(start.folder), "--out", str(tmp_path / "out"), "--recipe", "trial", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["train", *words, "--data", *shards, *more])


def test_the_average_of_the_last_weights_takes_their_place(tokens: Tokenizer) -> None:
    run = Run.begin(model(tokens), replace(TINY, average=0.5, averaged=3), None)
    seen: list[torch.Tensor] = []
    original = run._remember

    def remember() -> None:
        original()
        seen.append(run.model.norm.detach().clone())

    run._remember = remember  # type: ignore[method-assign]
    go(run, tokens)
    assert len(seen) == 3
    assert torch.allclose(run.model.norm, torch.stack(seen).mean(0), atol=1e-6)


def test_a_broken_gradient_leaves_the_weights_alone_and_ends_the_run_when_it_stays(
    tokens: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = model(tokens)
    with torch.no_grad():
        broken.norm.fill_(float("nan"))
    monkeypatch.setattr("training.train.PATIENCE", 3)
    run = Run.begin(broken, replace(TINY, steps=100), None)
    before = broken.layers[0].qkv.detach().clone()
    with pytest.raises(RuntimeError, match="no number"):
        go(run, tokens)
    assert torch.equal(broken.layers[0].qkv, before)


def test_the_end_of_a_middle_is_set_apart_once(tokens: Tokenizer) -> None:
    """At the mean, where conversion leaves it, [EOM] is one of several rows that a frozen head cannot part."""
    compact = model(tokens)
    with torch.no_grad():
        compact.embed[CONTROL.eom] = compact.embed.mean(0)
    before = compact.embed.detach().clone()
    Run.begin(compact, TINY, None)
    typical = (before - before.mean(0)).norm(dim=1).median()
    assert (compact.embed[CONTROL.eom] - before[CONTROL.eom]).norm() > typical / 2
    others = torch.arange(len(before)) != CONTROL.eom
    assert torch.equal(compact.embed[others], before[others])
    learned = compact.embed.detach().clone()
    Run.begin(compact, TINY, None)
    assert torch.equal(compact.embed, learned)


def test_of_a_frozen_embedding_the_control_rows_alone_learn(tokens: Tokenizer) -> None:
    recipe = replace(TINY, frozen=1, answers=True, steps=3)
    run = Run.begin(model(tokens), recipe, None)
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    go(run, tokens)
    rows = torch.zeros(tokens.size, dtype=torch.bool)
    rows[sorted(CONTROL.never_text)] = True
    embed = run.model.embed.detach()
    assert torch.equal(embed[~rows], before["embed"][~rows])
    assert not torch.equal(embed[CONTROL.eom], before["embed"][CONTROL.eom])
    for name, parameter in run.model.named_parameters():
        if name == "canvas" or name.startswith("layers.0."):
            assert torch.equal(parameter, before[name]), name


def test_weights_without_a_canvas_say_what_they_can(tokens: Tokenizer, start: Checkpoint, tmp_path: Path) -> None:
    stage = replace(RECIPES["infilling"].stages[0], until=1.0)
    recipe = replace(TINY, stages=(stage,), frozen=1, answers=True, steps=2, average=0.0)
    run = Run.begin(model(tokens), recipe, tmp_path / "out")
    (entry, _) = go(run, tokens, Saver(start, tmp_path / "out", every=1e9))
    assert {"clean", "middle"} <= set(entry) and "fill" not in entry
    config = Checkpoint.open(tmp_path / "out").config
    assert config.middle_trained and not config.canvas_trained and not config.editing_trained


def test_trained_weights_have_not_the_calibration_of_those_before(start: Checkpoint) -> None:
    before = replace(start, config=replace(start.config, calibration={"a": 1.0, "b": 0.0, "c": 0.0}))
    assert Saver(before, start.folder, every=0.0)._config(TINY).calibration is None


def test_frozen_layers_stay_as_they_are_and_remembering_them_changes_nothing(tokens: Tokenizer) -> None:
    made = []
    for recurring in (False, True):
        recipe = replace(TINY, frozen=1, recurring=recurring, steps=4, average=0.0)
        run = Run.begin(model(tokens), recipe, None)
        still = run.model.layers[0].qkv.detach().clone(), run.model.embed.detach().clone()
        laid = [feed(tokens).sequence(i, TINY.stages[0]) for i in range(2)]
        train(
            run,
            Forward(run.model, recipe, "cpu"),
            iter([[one] for one in laid * 4]),
            torch.zeros(1),
            tiny_config(tokens.size),
            quiet=True,
        )
        assert torch.equal(run.model.layers[0].qkv, still[0]) and torch.equal(run.model.embed, still[1])
        made.append(run.model.layers[1].qkv.detach())
    assert torch.equal(*made)


def test_kept_layers_stay_as_they_are(tokens: Tokenizer) -> None:
    run = Run.begin(model(tokens), replace(TINY, kept=(1,), steps=2, average=0.0), None)
    before = {name: p.detach().clone() for name, p in run.model.named_parameters()}
    go(run, tokens)
    learnt = {name for name, p in run.model.named_parameters() if not torch.equal(p, before[name])}
    assert learnt == {name for name in before if not name.startswith("layers.1.")}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_run_of_every_recipe_can_be_saved_and_resumed(
    recipe: Recipe, tokens: Tokenizer, start: Checkpoint, tmp_path: Path
) -> None:
    run = Run.begin(model(tokens), recipe, tmp_path / "out")
    run.step = 3
    Saver(start, tmp_path / "out", every=0.0)(run, False)
    assert json.loads((tmp_path / "out" / "recipe.json").read_text())["name"] == recipe.name
    assert Run.begin(model(tokens), recipe, tmp_path / "out", resume=True).step == 3


@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_computes_what_the_dense_mask_computes(tokens: Tokenizer) -> None:
    laid = feed(tokens, TINY).sequence(1, TINY.stages[1])
    compact = model(tokens)
    batch = {name: torch.from_numpy(array)[None] for name, array in laid.arrays.items()}
    with torch.no_grad():
        dense = attention.hidden(compact, batch, attention.dense_mask(batch))
        flex = attention.hidden(compact, batch, attention.block_mask(batch))
        ours, _ = compact.hidden(batch["ids"], batch["positions"], batch["canvas"], attention.dense_mask(batch))
    assert torch.allclose(dense, ours, atol=1e-6)
    assert torch.allclose(dense, flex, atol=1e-4)


def test_own_drafts_are_labelled_with_what_should_stand_there(tokens: Tokenizer) -> None:
    laid = feed(tokens).sequence(2, TINY.stages[0])
    assert laid.open
    rows = open_rows(laid)
    rng = np.random.default_rng(0)
    target = laid.arrays["labels"][rows]
    perfect = redrafted(laid, (target, np.ones(len(rows), np.float32)), Mix(), CONTROL, rng)
    assert len(perfect.open) < len(laid.open)
    assert np.array_equal(perfect.arrays["labels"], laid.arrays["labels"])
    changed = rows[perfect.arrays["ids"][rows] != CONTROL.mask]
    assert len(changed) and (perfect.arrays["terms"][changed] == Term.EDIT).all()
    guess = redrafted(laid, (np.full(len(rows), 500), np.ones(len(rows), np.float32)), Mix(), CONTROL, rng)
    assert (guess.arrays["labels"][guess.arrays["ids"] == 500] != 500).mean() > 0.9


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_a_machine_is_looked_at_by_what_a_recipe_does(recipe: Recipe) -> None:
    """All that is compiled, and nothing that the recipe never does."""
    looked = timed(recipe)
    for does in (lambda stage: stage.own_drafts > 0, lambda stage: stage.weights.sharpen > 0):
        assert any(map(does, looked)) == any(map(does, recipe.stages))
    assert len(looked) == min(2, len(recipe.stages)) and all(stage.own_drafts == 1 for stage in looked[1:])


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_recipes_warm_up_and_come_down(recipe: Recipe) -> None:
    rates = [recipe.rate(p) for p in np.linspace(0, 1, 200)]
    assert rates[0] == 0 and max(rates) == pytest.approx(recipe.peak, rel=0.02)
    assert rates[-1] == pytest.approx(recipe.peak * recipe.floor, rel=0.02)
    assert recipe.stages[-1].until == 1.0
    assert [stage.until for stage in recipe.stages] == sorted(stage.until for stage in recipe.stages)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_slots_that_stand_right_are_taught_to_stay(recipe: Recipe) -> None:
    """`speedy` looks at a written canvas once more; the first gate failed where such slots weighed nothing."""
    for stage in recipe.stages:
        if stage.mix.sizes:
            assert stage.mix.keep >= 0.1 and stage.mix.keep * stage.weights.edit >= 0.1 * stage.weights.fill
