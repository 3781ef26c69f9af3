"""The composition root: the one place that picks a model, a backend and a number of cores, and puts them together.

Only here and in `settings` does this package know the engine, and only inside functions: importing it is cheap.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from lsp_server.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine import Canvas, Context, Prediction, ScriptedDenoiser
    from engine.checkpoint import Checkpoint
    from engine.tokenizer import Tokenizer
    from infill.complete import Completer
    from infill.filler import Filler
    from infill.local import LocalFiller
    from infill.remote import Remote, RemoteFiller
    from lsp_server.settings import Settings

SCRIPTED = "scripted:"
KEY_VARIABLE, KEYRING_SERVICE = "REDRAFT_REMOTE_KEY", "redraft"
"""Where the remote's key stands: in the environment, or in the keyring under this service and the host as user."""


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
    def cores(self) -> int:
        """Cores the model may use: as asked, else one fewer than there are, 1 at least and 4 at most."""
        return self.threads or max(1, min(4, physical_cores() - 1))


@dataclass(frozen=True, slots=True)
class Description:
    """What clients are told of a model. bytes: of its files; context: the tokens it reads at most."""

    name: str
    bytes: int = 0
    quantization: str = ""
    context: int = 0


def described(choice: Choice) -> Description:
    """The model without its weights. Raises UserError when it cannot be used."""
    if choice.model.startswith(SCRIPTED):
        return Description(Path(choice.model.removeprefix(SCRIPTED)).stem)
    config = choice.checkpoint().config
    size = sum(file.bytes for file in config.files.values())
    return Description(config.name, size, config.quantization, config.context)


def open_filler(choice: Choice) -> Filler:
    """The model of this process, and before it the remote one when there is one. Raises UserError when either cannot
    be had."""
    remote, local = open_remote(choice), open_local(choice)
    if remote is None:
        return local
    from infill.fallback import FallbackFiller

    return FallbackFiller(remote, local)


def open_local(choice: Choice, on_loaded: Callable[[str], None] = lambda runs_on: None) -> LocalFiller:
    """Load the model and start its engine. Raises UserError when it cannot be loaded.

    on_loaded: told what really runs the model, in the runtime's own words.
    """
    if choice.model.startswith(SCRIPTED):
        return _scripted(choice.model.removeprefix(SCRIPTED))
    from engine import backends
    from engine.checkpoint import CheckpointError
    from engine.tokenizer import Tokenizer
    from infill.local import LocalFiller

    checkpoint = choice.checkpoint()
    backend = backends.usual(checkpoint) if choice.backend in ("", "auto") else choice.backend
    device = "cpu" if choice.device in ("", "auto") else choice.device
    try:
        control = checkpoint.config.control
        tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json", "vocab.json"), control.never_text)
        tokenizer.check(control, checkpoint.config.vocab)
        denoiser, runs_on = backends.open_denoiser(checkpoint, backend, choice.cores, device, choice.dtype or "auto")
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


def load_completer(settings: Settings) -> Completer:
    """What a language server's session starts with. Raises UserError, whose sentence the editor shows."""
    from infill.complete import Completer

    return Completer(open_filler(Choice.of(settings)))


def physical_cores() -> int:
    """Physical cores this process may run on; logical ones where the system does not tell them apart."""
    from engine.cores import usable_cores

    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(physical, usable_cores())


def on_mains() -> bool:
    """Whether nobody's battery pays for work ahead of time; True where the system does not tell."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or battery.power_plugged is not False


# ---- a server that is asked first


def open_remote(choice: Choice) -> RemoteFiller | None:
    """A filler that will ask the chosen remote. Raises UserError when that cannot be done safely."""
    remote = remote_of(choice)
    if remote is None:
        return None
    from infill.remote import RemoteFiller

    try:
        return RemoteFiller(remote)
    except (OSError, ValueError) as error:
        raise UserError(f"{remote.host} cannot be asked ({error}); check SSL_CERT_FILE and redraft.remote.") from None


def remote_of(choice: Choice) -> Remote | None:
    """The remote that is chosen, with its key. Raises UserError when it cannot be asked safely."""
    if not choice.remote_url:
        return None
    from infill.remote import Remote

    address = urlsplit(choice.remote_url)
    key = _key(address.netloc)
    met_first = (urlsplit(choice.remote_proxy) if choice.remote_proxy else address).hostname or ""
    if key and address.scheme == "http" and not (is_loopback(address.hostname or "") and is_loopback(met_first)):
        raise UserError(
            f"the key for {address.netloc} would travel unencrypted; make redraft.remote.url an https address, or "
            "take the key away."
        )
    kind = choice.remote_kind or "completions"
    return Remote(choice.remote_url, kind, choice.remote_model, key, choice.remote_proxy)


def _key(host: str) -> str:
    """The key for a host: from the environment, else from the system's keyring where `keyring` is installed, else
    none. Raises UserError for one that cannot stand in a header, and never shows it."""
    key, place = os.environ.get(KEY_VARIABLE, "").strip(), KEY_VARIABLE
    if not key:
        key, place = _kept_key(host), "the keyring"
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(f"the key in {place} holds characters that no key has; set it anew.")
    return key


def _kept_key(host: str) -> str:
    try:
        import keyring
        from keyring.errors import NoKeyringError
    except ImportError:
        return ""
    try:
        return (keyring.get_password(KEYRING_SERVICE, host) or "").strip()
    except NoKeyringError:
        return ""
    except Exception as error:  # its backends raise what they like
        import logging

        logging.getLogger(__name__).warning(
            "the keyring cannot be read (%s); asking %s without a key", type(error).__name__, host
        )
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    import ipaddress

    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# ---- a model that answers from a script


@dataclass(frozen=True, slots=True)
class Script:
    """What a scripted model writes: wherever the text before the hole ends with `after`, or with `after` and a
    beginning of `write`, it writes the rest of `write`; elsewhere it has nothing to say.

    seconds: how long each forward takes. probability: of each of its tokens.
    """

    rules: tuple[tuple[str, str], ...]
    seconds: float = 0.0
    probability: float = 0.95

    @classmethod
    def read(cls, name: str) -> Script:
        """A JSON file `{"rules": [{"after": TEXT, "write": TEXT}, …], "seconds"?, "probability"?}`."""
        try:
            raw = json.loads(Path(name).read_text(encoding="utf-8"))
            rules = tuple((str(rule["after"]), str(rule["write"])) for rule in raw["rules"])
            return cls(rules, float(raw.get("seconds", 0.0)), float(raw.get("probability", 0.95)))
        except OSError as error:
            raise UserError(f"the script {name} cannot be read ({error.strerror}); check the path.") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UserError(
                f'{name} is no script; it must be JSON like {{"rules": [{{"after": "def add(", "write": "a, b):"}}]}}.'
            ) from None

    def middle(self, prefix: str) -> str:
        """What comes after this prefix, by the rule that explains most of it."""
        best = (0, "")
        for after, write in self.rules:
            for typed in range(len(write) + 1):
                if prefix.endswith(after + write[:typed]):
                    best = max(best, (len(after) + typed, write[typed:]), key=lambda found: found[0])
        return best[1]


def _scripted(name: str) -> LocalFiller:
    from engine import Engine, Modes, Vocabulary
    from engine.tokenizer import Tokenizer
    from infill.local import LocalFiller

    script = Script.read(name)
    checkpoint = Choice().checkpoint()
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    vocabulary = Vocabulary(*tokenizer.lines_and_reserved(tokenizer.size))
    engine = Engine(_denoiser(script, tokenizer, checkpoint), Modes(), vocabulary)
    return LocalFiller(engine, tokenizer)


def _denoiser(script: Script, tokenizer: Tokenizer, checkpoint: Checkpoint) -> ScriptedDenoiser:
    from engine import ScriptedDenoiser
    from engine.scripted import sure_of

    control = checkpoint.config.control

    def answer(context: Context, committed: tuple[int, ...], canvas: Canvas) -> Prediction:
        prefix = tokenizer.decode(
            [token for stream in context.streams if stream.name == "prefix" for token in stream.ids]
        )
        middle = tokenizer.encode(script.middle(prefix))
        rest = middle[len(committed) :] + [control.eom] * len(canvas)
        return sure_of(rest[: len(canvas)], control, script.probability)

    return ScriptedDenoiser(control, answer, script.seconds)
