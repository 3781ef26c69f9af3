"""A folder in a released layout does what the embedded model does, end to end; one that cannot be used is refused in a
sentence, and a server then serves with the embedded model.

The weights are random but for the head, which is solved so that the model writes one text in one file.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lsprotocol.types import Position
from safetensors.torch import load_file, save_file

from engine import backends
from engine.backends.torch import TorchForward
from engine.checkpoint import Checkpoint
from engine.released.config import ReleasedConfig
from engine.tokenizer import Tokenizer
from infill import prompt
from lsp_server import cli
from tests.engine import tiny
from tests.lsp_server.conftest import Editor, ghost_text_client

Run = Callable[..., subprocess.CompletedProcess[str]]

REDRAFT = Path(sys.executable).parent / "redraft"
BEFORE, AFTER = "def add(a, b):\n    return ", "\n\n\nprint(add(1, 2))\n"
WRITES = "a + b"
HEADS = {"llada": "model.transformer.ff_out.weight"}


def taught(folder: Path, family: str, file: Path, ours: dict[str, Any] | None = None) -> Path:
    """A checkpoint that writes WRITES, then its end, between BEFORE and AFTER of `file`.

    The head is solved by least squares over the hidden states of the canvases' slots: their number is below the hidden
    size, so they can be told apart.
    """
    config = tiny.FAMILIES[family] | ({"redraft": ours} if ours else {})
    tiny.make(folder, config, sharp=1.0)
    checkpoint = Checkpoint.open(folder)
    assert isinstance(checkpoint.config, ReleasedConfig)
    tokens = Tokenizer.load(folder / "tokenizer.json", checkpoint.config.control.never_text)
    form = prompt.Form.of(checkpoint.config, tokens)
    built = prompt.build(tokens, checkpoint.config.control, BEFORE, AFTER, str(file), form=form)
    forward = TorchForward.load(checkpoint)
    left, *right = (list(stream.ids) for stream in built.context.streams)
    states, targets, written = [], list[int](), 0
    block = checkpoint.config.block
    parts = checkpoint.config.modes["speedy"].get("parts", (block,))
    for size in [64] if family == "dreamon" and not ours else [] if block else [8, 16, 32]:
        states.append(hidden(forward, left, size, right[0] if right else []))
        targets += [*WRITES.encode(), *[tiny.EOS] * size][:size]
    while block and written <= len(WRITES):  # to the end of the part of a block in which the text ends
        at = len(left) % block
        size = next(end for end in parts if end > at) - at
        states.append(hidden(forward, left, block - at, [])[:size])
        left += [*WRITES.encode(), *[tiny.EOS] * block][written : written + size]
        targets += left[-size:]
        written += size
    wanted = torch.zeros(len(targets), tiny.ROWS, dtype=torch.float64)
    wanted[torch.arange(len(targets)), targets] = 20.0
    name = HEADS.get(family, "lm_head.weight")
    weights = load_file(folder / "model.safetensors")
    weights[name] = torch.linalg.lstsq(torch.cat(states).double(), wanted).solution.T.float().contiguous()
    save_file(weights, folder / "model.safetensors")
    return folder


def hidden(forward: TorchForward, left: list[int], size: int, right: list[int]) -> torch.Tensor:
    """Last hidden states of an open canvas's slots."""
    ids = torch.tensor([*left, *[tiny.MASK] * size, *right])
    config, model = forward.config, forward._model
    assert isinstance(config, ReleasedConfig) and model is not None
    block = torch.arange(len(ids)) // (config.block or len(ids))
    bias = torch.where(block[:, None] >= block[None], 0.0, -1e9)
    with torch.inference_mode():
        found, _ = model(ids, torch.arange(len(ids)), torch.zeros(len(ids)), block, bias, forward.new_kv(0))
    first = len(left) - config.shifted
    return found[first : first + size].clone()


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    path = tmp_path / "sums.py"
    path.write_text(BEFORE + AFTER)
    return path


OTHER_FORMS = {"llada2": "suffix-first", "llada": "chat", "dreamon": "chat", "fast-dllm": "suffix-first"}
"""Of families that are asked in more than the form which they get by default."""
ASKED: dict[str, tuple[str, dict[str, Any] | None]] = {
    **{family: (family, None) for family in tiny.FAMILIES},
    **{f"{family}-{form}": (family, {"prompt": form}) for family, form in OTHER_FORMS.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize(("family", "ours"), ASKED.values(), ids=ASKED)
def test_complete_with_a_released_folder(
    capsys: pytest.CaptureFixture[str], sums: Path, tmp_path: Path, family: str, ours: dict[str, Any] | None
) -> None:
    """Through the command line's own entry; one process for all, since torch takes seconds to import."""
    model = taught(tmp_path / "model", family, sums, ours)
    assert cli.run(["complete", f"{sums}:2:12", "--model", str(model), "--json", "--steps"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    answer = json.loads(captured.out)
    assert [one["text"] for one in answer["suggestions"]] == [WRITES]
    # Drafted at once, not left to right; what is filled in place is looked at in eight lengths first.
    quick = family.startswith(("llada2", "bd3lm", "sdar", "stable", "fast")) or family == "dreamon" or ours
    assert answer["mode"] == "speedy" and answer["forwards"] <= (3 if quick else 10)
    assert answer["tokens"] >= len(WRITES)


@pytest.mark.slow
def test_gemma_completes_through_the_command_line(redraft: Run, sums: Path, tmp_path: Path) -> None:
    """Its random weights write no sense, which is cut away or not shown; that it wrote is what can be seen here."""
    model = tiny.make_gemma(tmp_path / "model", 32)
    ran = redraft("complete", "sums.py:2:12", "--model", str(model), "--json", "--steps")
    assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
    answer = json.loads(ran.stdout)
    assert answer["tokens"] > 0 and answer["forwards"] >= 1 and answer["mode"] == "speedy"
    assert any(slot["state"] == "filled" and 0 < slot["prob"] < 1 for step in answer["steps"] for slot in step["slots"])


async def test_the_server_shows_what_a_released_folder_writes(sums: Path, tmp_path: Path) -> None:
    model = taught(tmp_path / "model", "llada2", sums)
    editor = Editor()
    await editor.client.start_io(str(REDRAFT), "lsp", "--model", str(model))
    await editor.initialize(ghost_text_client(), {"deadlineMs": 0}, ready=False)
    await editor.until(lambda: editor.statuses[-1:] == ["ready"], seconds=120)
    editor.open(sums.read_text(), uri=sums.as_uri())
    (item,) = (await editor.ghost(1, 11, uri=sums.as_uri())).items
    assert item.insert_text == WRITES
    assert item.range is not None and item.range.start == Position(1, 11)
    await editor.client.shutdown_session()
    await editor.client.stop()


def test_fixes_and_fills_run_on_the_same_folder(
    sums: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fix is the same loop with the user's code as the draft; random weights propose nothing that is worth it."""
    model = taught(tmp_path / "model", "llada2", sums)
    assert cli.run(["fix", f"{sums}:2", "--model", str(model)]) == 0
    assert sums.read_text() == BEFORE + AFTER
    capsys.readouterr()
    asked = {"id": 7, "prefix": BEFORE, "suffix": AFTER, "language": "python", "path": str(sums), "mode": "speedy"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((json.dumps(asked) + "\n").encode())))
    assert cli.run(["fill", "--model", str(model)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["id"] == 7 and told["completion"] == WRITES and told["forwards"] > 0


# ---- folders that cannot be used

Spoil = Callable[[Path], object]


def edit(**changes: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        raw = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({key: value for key, value in raw.items() if value is not None}))

    return spoil


def weights(change: Callable[[dict[str, torch.Tensor]], object]) -> Spoil:
    def spoil(folder: Path) -> None:
        held = load_file(folder / "model.safetensors")
        change(held)
        tiny.write(folder, held)

    return spoil


def truncated(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


def without_a_shard(folder: Path) -> None:
    tiny.write(folder, load_file(folder / "model.safetensors"), shards=3)
    (folder / "model.safetensors").unlink()
    (folder / "model-00002-of-00003.safetensors").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def of_another_model(folder: Path) -> None:
    shutil.copy(Path(backends.__file__).parents[1] / "weights" / "redraft-135m" / "tokenizer.json", folder)


NORM = "model.layers.1.input_layernorm.weight"
FLASH = {
    "hidden_size": 4096, "intermediate_size": 9216, "num_hidden_layers": 32, "num_attention_heads": 32,
    "num_key_value_heads": 4, "head_dim": 128, "num_experts": 256, "num_experts_per_tok": 8, "n_group": 8,
    "topk_group": 4, "moe_intermediate_size": 1024, "torch_dtype": "bfloat16",
}  # fmt: skip
REFUSED: dict[str, tuple[Spoil, str]] = {
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "has no weights (model.safetensors)"),
    "no tokenizer": (lambda folder: (folder / "tokenizer.json").unlink(), "lacks its tokenizer.json"),
    "a missing shard": (without_a_shard, "lacks its shard model-00002-of-00003.safetensors"),
    "pickled weights": (pickled, "pickled (pytorch_model.bin), which can run code"),
    "a damaged shard": (truncated, "model.safetensors is damaged"),
    "a missing tensor": (weights(lambda held: held.pop(NORM)), f"lack {NORM}"),
    "a wrong shape": (weights(lambda held: held.update({NORM: torch.ones(7)})), "(7,), and config.json means (64,)"),
    "a wrong type": (weights(lambda held: held.update({NORM: torch.ones(64).long()})), f"{NORM} in"),
    "a tensor too many": (weights(lambda held: held.update(x=torch.ones(2))), "1 tensors that config.json has no"),
    "fewer layers": (edit(num_hidden_layers=2), "tensors that config.json has no place for, model.layers.2."),
    "more layers": (edit(num_hidden_layers=4), "lack model.layers.3.input_layernorm.weight"),
    "a Qwen2 that writes left to right": (
        edit(**tiny.OPEN_DCODER | {"mask_token_id": None}), "it is one that writes from left to right; if it is Open-dC"
    ),
    "an unknown architecture": (
        edit(model_type="mamba"), " which redraft does not know, and it never runs the code that a checkpoint brings "
    ),
    "no size": (edit(hidden_size=None), "it has no 'hidden_size'"),
    "a size in words": (edit(hidden_size="large"), "hidden_size is 'large', not a whole number"),
    "another activation": (edit(hidden_act="gelu"), "hidden_act is 'gelu', and redraft has only 'silu'"),
    "groups that do not divide": (edit(n_group=5), "4 of 16 experts cannot be chosen from 2 of 5 groups"),
    "a mask out of range": (edit(mask_token_id=5000), "token 5000 lies outside its vocabulary of 272"),
    "another form": (edit(redraft={"prompt": "in-place"}), "its attention does not see what stands right of the"),
    "a form of no name": (edit(redraft={"prompt": "fim"}), "must be one of in-place, suffix-first, chat"),
    "a threshold in words": (
        edit(redraft={"modes": {"speedy": {"fill_threshold": "0.9"}}}), "fill_threshold is '0.9' and must be a number"
    ),
    "a switch in words": (edit(redraft={"editing": "false"}), "editing is 'false' and must be true or false"),
    "no heads": (edit(num_attention_heads=0), "one of its sizes is 0"),
    "no name": (edit(model_type=None, architectures=3), "which redraft does not know"),
    "a mask that ends": (edit(mask_token_id=256, eos_token_id=256), "is its mask and its end"),
    "another tokenizer": (of_another_model, "do not belong together"),
    "a mask that is text": (edit(mask_token_id=65), "token 65, which config.json gives a meaning, is text"),
    "too little memory": (edit(**FLASH), "GB as bfloat16 and"),
    "a strange precision": (edit(torch_dtype="float8_e4m3fn"), "stored as 'float8_e4m3fn', which redraft"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_cannot_be_used_is_one_sentence_and_a_status(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sums: Path, case: str
) -> None:
    folder = tiny.make(tmp_path / "model", tiny.LLADA2)
    spoil, told = REFUSED[case]
    spoil(folder)
    status = cli.run(["complete", f"{sums}:2:12", "--model", str(folder)])
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert status == 1 and captured.out == ""
    assert len(lines) == 1 and lines[0].startswith("redraft: ") and told in lines[0], captured.err
    assert lines[0].endswith(".")


def test_too_little_memory_names_the_number_and_the_ways_out(tmp_path: Path) -> None:
    """Nothing of the weights is looked at: the files here hold a hundred-thousandth of what config.json says."""
    folder = tiny.make(tmp_path / "model", tiny.LLADA2)
    edit(**FLASH)(folder)
    with pytest.raises(ValueError, match=r"need 20\d\.\d GB as bfloat16 and 0\.\d GB to work with") as caught:
        TorchForward.load(Checkpoint.open(folder))
    assert "a smaller model" in str(caught.value) and "int8" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--backend", "onnx"), "is no onnx graph; choose --backend torch"),
        (("--device", "nosuch"), "has no device 'nosuch' here; choose --device cpu"),
    ],
)
def test_options_that_do_not_fit(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, sums: Path, options: tuple[str, ...], told: str
) -> None:
    folder = tiny.make(tmp_path / "model", tiny.LLADA2)
    assert cli.run(["complete", f"{sums}:2:12", "--model", str(folder), *options]) == 1
    assert told in capsys.readouterr().err


def test_a_gpu_without_bfloat16_is_told_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What torch says of the device is the only thing put in its mouth: there is no such device here."""
    from engine.backends import shards

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    config = Checkpoint.open(tiny.make(tmp_path, tiny.LLADA2, dtype="bfloat16")).config
    assert isinstance(config, ReleasedConfig)
    with pytest.raises(ValueError, match="Tesla T4 has no bfloat16; choose --dtype float16 or --dtype float32"):
        shards.chosen_dtype(config, "auto", "cuda")
    assert shards.chosen_dtype(config, "float16", "cuda") == "float16"
    assert shards.chosen_dtype(config, "auto", "cpu") == "bfloat16"


async def test_a_server_whose_model_is_refused_serves_with_the_embedded_one(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "model", tiny.LLADA2)
    without_a_shard(folder)
    editor = Editor()
    await editor.client.start_io(str(REDRAFT), "lsp", "--model", str(folder))
    await editor.initialize(ghost_text_client(), {"deadlineMs": 0}, ready=False)
    await editor.until(lambda: editor.statuses[-1:] == ["ready"], seconds=120)
    (message,) = editor.messages
    assert "lacks its shard" in message.message
    assert message.message.endswith("The model that comes with redraft serves instead.")
    editor.open("import math\n\n\ndef add(a, b):\n    return a", uri="file:///w/a.py")
    assert (await editor.ghost(4, 12, uri="file:///w/a.py")).items
    await editor.client.shutdown_session()
    await editor.client.stop()
