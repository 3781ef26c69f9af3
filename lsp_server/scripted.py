"""A model that answers from a script, for tests and to see a change in an editor; its words are the embedded one's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.errors import UserError

if TYPE_CHECKING:
    from engine import Canvas, Context, Prediction, ScriptedDenoiser
    from engine.checkpoint import Checkpoint
    from engine.tokenizer import Tokenizer
    from infill.local import LocalFiller


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


def open_scripted(name: str) -> LocalFiller:
    """A filler over the script in a file. Raises UserError when that cannot be read."""
    from engine import Engine, Modes
    from engine.checkpoint import EMBEDDED, Checkpoint
    from engine.tokenizer import Tokenizer
    from infill.local import LocalFiller

    script = Script.read(name)
    checkpoint = Checkpoint.open(EMBEDDED)
    tokenizer = Tokenizer.load(checkpoint.path("tokenizer.json"))
    engine = Engine(_denoiser(script, tokenizer, checkpoint), Modes(), tokenizer.vocabulary(tokenizer.size))
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
