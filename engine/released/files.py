"""Which files a released folder holds: weights, whole or in shards, and a tokenizer. None of them is read here."""

from __future__ import annotations

import json
from pathlib import Path

from engine.checkpoint import CheckpointError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZERS = (("tokenizer.json",), ("vocab.json", "merges.txt", "tokenizer_config.json"))
"""The files of a tokenizer, as `engine/tokenizer.py` reads them."""
POINTER = b"version https://git-lfs.github.com/spec/"
REMEDY = "Name another folder, or get the checkpoint again."


def needed(folder: Path) -> list[str]:
    """The names of the tokenizer's and the weights' files. Raises CheckpointError with one sentence."""
    tokenizer = next((each for each in TOKENIZERS if all((folder / name).is_file() for name in each)), None)
    if tokenizer is None:
        raise CheckpointError(f"The model in {folder} lacks its tokenizer.json. {REMEDY}")
    names = [*tokenizer, *shards(folder)]
    for name in names:
        _refuse_pointer(folder / name)
    return names


def shards(folder: Path) -> list[str]:
    """The names of the weight files; a whole one is preferred, as transformers does. Raises CheckpointError when there
    are none, or one is missing."""
    index = folder / INDEX
    if (folder / WEIGHTS).is_file():
        return [WEIGHTS]
    if not index.is_file():
        raise CheckpointError(_without_weights(folder))
    _refuse_pointer(index)
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{index} cannot be read ({error}). {REMEDY}") from None
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index} names a file outside the folder ({name!r}). {REMEDY}")
        if not (folder / name).is_file():
            raise CheckpointError(f"The model in {folder} lacks its shard {name}. {REMEDY}")
    return names


def _without_weights(folder: Path) -> str:
    """What there is in place of weights, in one sentence."""
    shard, pickled = (
        next((path.name for path in sorted(folder.glob(pattern))), None) for pattern in ("*.safetensors", "*.bin")
    )
    if shard is not None:
        return f"The weights in {folder} are in shards ({shard}) without their {INDEX}; get that file, too."
    if pickled is not None:
        return (
            f"The weights in {folder} are pickled ({pickled}), which can run code when it is read, so redraft does "
            "not; get the checkpoint as safetensors."
        )
    return f"The model in {folder} has no weights ({WEIGHTS}). {REMEDY}"


def _refuse_pointer(path: Path) -> None:
    """Raises CheckpointError for the few lines that stand in a clone for a file which Git LFS keeps elsewhere."""
    with path.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            raise CheckpointError(
                f"{path} is not the file itself but its Git LFS pointer; install git-lfs and run `git lfs pull` there."
            )
