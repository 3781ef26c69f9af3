"""The composition root: the one place that picks a model, a backend and a number of cores, and puts them together.

Only here, in `scripted` and in `settings` does this package know the engine, and only inside functions: importing it
is cheap.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from lsp_server.errors import UserError
from lsp_server.remote import open_remote
from lsp_server.scripted import open_scripted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.checkpoint import Checkpoint
    from infill.complete import Completer
    from infill.filler import Filler
    from infill.local import LocalFiller
    from lsp_server.settings import Settings

SCRIPTED = "scripted:"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user wants to run.

    model: a folder, the name of an embedded model, `scripted:FILE`, or empty for the embedded one. backend: onnx,
    torch, or auto or empty for what the model needs. device: as the backend names it, or auto or empty for the
    processor. threads: cores, 0 for the default. dtype: what the weights of a large model are held as; auto or empty
    for how they are stored. remote_url: a server that is asked before the model of this process, or empty for none;
    remote_kind, remote_model, remote_proxy: as `redraft.remote` says.
    """

    model: str = ""
    backend: str = ""
    device: str = ""
    threads: int = 0
    dtype: str = ""
    remote_url: str = ""
    remote_kind: str = ""
    remote_model: str = ""
    remote_proxy: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Choice:
        """What the settings name."""
        remote = (settings.remote_url, settings.remote_kind, settings.remote_model, settings.remote_proxy)
        return cls(settings.model, settings.backend, settings.device, settings.threads, settings.dtype, *remote)

    @property
    def folder(self) -> Path:
        """Where the model lies. Raises UserError for a name or folder that does not exist."""
        from engine.checkpoint import EMBEDDED, embedded

        if not self.model:
            return EMBEDDED
        if named := embedded().get(self.model):
            return named
        try:
            folder = Path(self.model).expanduser()
        except RuntimeError:  # `~name` of nobody
            folder = Path(self.model)
        if not folder.is_dir():
            names = ", ".join(embedded())
            raise UserError(f"there is no model folder {self.model}; name one, or an embedded model ({names}).")
        return folder

    def checkpoint(self) -> Checkpoint:
        """The model's description, without its weights. Raises UserError when it cannot be used."""
        from engine.checkpoint import Checkpoint

        try:
            return Checkpoint.open(self.folder)
        except (ValueError, OSError) as error:
            raise UserError(f"{error}") from None

    @property
    def on(self) -> str:
        """The device, in the backend's words."""
        return "cpu" if self.device in ("", "auto") else self.device

    @property
    def cores(self) -> int:
        """Cores the model may use: as asked, else one fewer than there are, 1 at least and 4 at most."""
        return self.threads or max(1, min(4, physical_cores() - 1))


@dataclass(frozen=True, slots=True)
class Description:
    """What clients are told of a model. device: what it runs on; bytes: of its files; context: the tokens it reads at
    most."""

    name: str
    device: str = "cpu"
    bytes: int = 0
    quantization: str = ""
    context: int = 0


def described(choice: Choice) -> Description:
    """What clients are told of the model, without loading its weights. Raises UserError when it cannot be used."""
    if choice.model.startswith(SCRIPTED):
        return Description(Path(choice.model.removeprefix(SCRIPTED)).stem)
    config = choice.checkpoint().config
    size = sum(file.bytes for file in config.files.values())
    return Description(config.name, choice.on, size, config.quantization, config.context)


def open_filler(choice: Choice) -> Filler:
    """The model of this process, with the remote one in front of it if there is one. Raises UserError when either
    cannot be opened."""
    remote, local = open_remote(choice), open_local(choice)
    if remote is None:
        return local
    from infill.fallback import FallbackFiller

    return FallbackFiller(remote, local)


def open_local(choice: Choice, on_loaded: Callable[[str], None] = lambda runs_on: None) -> LocalFiller:
    """Load the model and start its engine. Raises UserError when it cannot be loaded.

    on_loaded: called with what really runs the model, in the runtime's own words.
    """
    if choice.model.startswith(SCRIPTED):
        return open_scripted(choice.model.removeprefix(SCRIPTED))
    from engine import backends
    from engine.checkpoint import CheckpointError
    from engine.tokenizer import Tokenizer
    from infill.local import LocalFiller

    checkpoint = choice.checkpoint()
    backend = backends.usual(checkpoint) if choice.backend in ("", "auto") else choice.backend
    try:
        control = checkpoint.config.control
        tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json", "vocab.json"), control.never_text)
        tokenizer.check(control, checkpoint.config.vocab)
        denoiser, runs_on = backends.open_denoiser(checkpoint, backend, choice.cores, choice.on, choice.dtype or "auto")
    except ModuleNotFoundError as error:
        what = "'redraft[torch]'" if backend == "torch" else error.name
        raise UserError(f"the {backend} backend needs {error.name}; install it with pip install {what}.") from None
    except ImportError as error:  # a library of the system: onnxruntime's wheels for Windows bring no C++ runtime
        raise UserError(
            f"the {backend} backend cannot be loaded ({error}); install its package again, and on Windows Microsoft's "
            "Visual C++ Redistributable."
        ) from None
    except CheckpointError as error:
        raise UserError(str(error)) from None
    except (ValueError, RuntimeError, OSError) as error:
        raise UserError(f"the model in {checkpoint.folder} cannot be loaded: {error}") from None
    on_loaded(runs_on)
    return LocalFiller.over(checkpoint.config, denoiser, tokenizer, may_idle=on_mains)


@contextmanager
def opened(choice: Choice) -> Iterator[Completer]:
    """A completer for one command of the shell; a person at a terminal sees that the model is loading. Raises UserError
    as `open_filler` does."""
    from infill.complete import Completer
    from lsp_server import terminal

    with terminal.waiting("loading the model"):
        completer = Completer(open_filler(choice))
    with closing(completer):
        yield completer


def load_completer(settings: Settings) -> Completer:
    """What a language server's session starts with. Raises UserError, whose sentence the editor shows."""
    from infill.complete import Completer
    from infill.manners import denied

    denied("")  # compiles its patterns while nobody waits; the event loop would for those of the first file
    return Completer(open_filler(Choice.of(settings)))


def physical_cores() -> int:
    """Physical cores this process may run on; logical ones where the system does not tell them apart."""
    from engine.cores import usable_cores

    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(physical, usable_cores())


def on_mains() -> bool:
    """Whether work ahead of time drains no battery; True where the system does not say."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or battery.power_plugged is not False
