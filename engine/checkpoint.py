"""What a model folder contains: `config.json`, `tokenizer.json`, weights. Read without loading any of the weights.

Ours is described here; folders as other makers release them in `released`.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from engine.canvas import ControlIds
from engine.mode import Modes

FORMAT_VERSION = 1
PROMPT_FORMAT = 1
EMBEDDED = Path(__file__).parent / "weights" / "redraft-135m"
"""The model that comes with the package."""

REMEDY = "Install redraft again, or name another model folder."


class CheckpointError(ValueError):
    """A model folder that cannot be used: one sentence that says why, and what to do."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of the folder besides `config.json`: its size in bytes and its sha256 in hex."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """`config.json`.

    architecture: which module of `engine/models` the weights belong to. prompt: how prefix and suffix reach the model
    (`infill/prompt.py`): streams, in-place, suffix-first or chat; ours is streams. context: positions run from 0 to
    this, exclusive. quantization: "none" (float32), or the name of the scheme the weights were exported with.
    canvas_trained, editing_trained: False restricts decoding to `causal`, to filling. middle_trained: whether weights
    know, left to right, where a middle ends (EOM). modes: overrides of decoding thresholds, mode name -> field of
    `Mode` -> value. calibration: the numbers that turn a joint probability into a confidence (a, b and c of beta
    calibration), or None. files: everything else in the folder that the model needs, by name.
    """

    name: str
    architecture: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    mlp: int
    vocab: int
    rope_theta: float
    norm_eps: float
    context: int
    control: ControlIds
    format_version: int = FORMAT_VERSION
    prompt_format: int = PROMPT_FORMAT
    prompt: str = "streams"
    quantization: str = "none"
    middle_trained: bool = False
    canvas_trained: bool = False
    editing_trained: bool = False
    modes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    calibration: Mapping[str, float] | None = None
    files: Mapping[str, File] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A model folder whose files are all there, in their full size."""

    folder: Path
    config: ModelConfig

    @classmethod
    def open(cls, folder: Path | str = EMBEDDED) -> Checkpoint:
        """Read `config.json` and look at every file's size. Raises CheckpointError with one sentence and a remedy."""
        folder = Path(folder)
        config = _read_config(folder)
        for name, file in config.files.items():
            path = folder / name
            if not path.is_file():
                raise CheckpointError(f"The model in {folder} lacks its file {name}. {REMEDY}")
            size = path.stat().st_size
            if size != file.bytes:
                raise CheckpointError(
                    f"The model file {path} is damaged: {size} bytes instead of {file.bytes}. {REMEDY}"
                )
        return cls(folder, config)

    def verify(self) -> None:
        """Read every file that has one and compare its sha256: about half a second. Raises CheckpointError."""
        for name, file in self.config.files.items():
            if file.sha256 and digest(self.folder / name) != file.sha256:
                raise CheckpointError(f"The model file {self.folder / name} is damaged: wrong checksum. {REMEDY}")

    def path(self, *names: str) -> Path:
        """A file the model cannot do without, under the first of these names that it has. Raises CheckpointError when
        `config.json` names none of them."""
        found = next((name for name in names if name in self.config.files), None)
        if found is None:
            raise CheckpointError(f"The model in {self.folder} has no {names[0]}. {REMEDY}")
        return self.folder / found


def embedded() -> dict[str, Path]:
    """The folders of the models that come with the package, by name."""
    return {folder.name: folder for folder in sorted(EMBEDDED.parent.iterdir()) if folder.is_dir()}


def write_config(folder: Path, config: ModelConfig) -> None:
    """Write `config.json` beside the weights; `files` must list them already."""
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n", encoding="utf-8")


def describe(path: Path) -> File:
    """The entry of `ModelConfig.files` for a file as it is."""
    return File(path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    """sha256 of a file in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_config(folder: Path) -> ModelConfig:
    path = folder / "config.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"No model in {folder}: config.json is missing. {REMEDY}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}). {REMEDY}") from None
    if not isinstance(raw, dict):
        raise CheckpointError(f"{path} is not a model description. {REMEDY}")
    from engine import released  # which builds on what is defined here

    if released.is_released(raw):
        return released.read(folder, raw)
    for key, known in (("format_version", FORMAT_VERSION), ("prompt_format", PROMPT_FORMAT)):
        if raw.get(key) != known:
            raise CheckpointError(
                f"The model in {folder} has {key} {raw.get(key)!r}; this version of redraft reads {known}. {REMEDY}"
            )
    try:
        return _config_from(raw)
    except (TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a valid model description ({error}). {REMEDY}") from None


def _config_from(raw: Mapping[str, Any]) -> ModelConfig:
    numbers = {f.name: f.type for f in fields(ModelConfig) if f.type in {"int", "float", "str", "bool"}}
    for name, kind in numbers.items():
        if name in raw and type(raw[name]).__name__ not in (kind, "int" if kind == "float" else kind):
            raise TypeError(f"{name} must be {kind}, not {raw[name]!r}")
        if kind == "int" and raw.get(name, 1) < 1:
            raise ValueError(f"{name} is {raw[name]}")
    if "control" not in raw:
        raise ValueError("control is missing")
    control = ControlIds(**raw["control"])
    files = {name: File(**file) for name, file in raw.get("files", {}).items()}
    if any(Path(name).name != name for name in files):
        raise ValueError("its files must lie in the folder itself")
    calibration = raw.get("calibration")
    if calibration is not None and not (
        isinstance(calibration, dict)
        and set(calibration) == {"a", "b", "c"}
        and all(type(value) in (int, float) and math.isfinite(value) for value in calibration.values())
    ):
        raise ValueError(f"calibration must be the numbers a, b and c, not {calibration!r}")
    Modes.of(canvas_trained=True, editing_trained=True, overrides=raw.get("modes", {}))
    if raw.get("prompt", "streams") != "streams":
        raise ValueError(f"prompt must be streams, not {raw['prompt']!r}")
    return ModelConfig(**{**raw, "control": control, "files": files})
