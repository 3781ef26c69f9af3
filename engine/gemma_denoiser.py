"""DiffusionGemma behind the `Denoiser` seam, through transformers' own class and its own sampler.

It has no mask token: a canvas starts as random tokens, and its sampler accepts, renoises and stops by entropy (after
48 forwards at most). So one `predict` is one whole run of that sampler for each draft, and a cancellation or a deadline
waits for its end. What it writes fills the open slots at once, and the engine neither edits nor asks again. The
sampler's canvas (256 tokens) is longer than ours: the rest is kept and handed out as long as what was written before it
stands. It reads what its prompt holds, left of the canvas; nothing is kept between answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.canvas import ControlIds
from engine.checkpoint import Checkpoint, CheckpointError
from engine.denoiser import Among, Context, Denoiser, Draft, Prediction, Scoring
from engine.forward import TOP_K
from engine.released.config import ReleasedConfig
from engine.released.files import REMEDY


@dataclass(eq=False)
class GemmaLease:
    """A job's text, and what the sampler has written after it: tokens and their probabilities."""

    text: tuple[int, ...]
    written: list[int] = field(default_factory=list)
    probs: list[float] = field(default_factory=list)
    pending: int = 0

    def close(self) -> None:
        """Nothing is held."""


class GemmaDenoiser(Denoiser[GemmaLease]):
    """`Denoiser` over `DiffusionGemmaForBlockDiffusion`. The same text gets the same answer: its noise is seeded."""

    lookahead, batches = 0, False

    def __init__(self, model: Any, control: ControlIds) -> None:
        self.control = control
        self._model = model.eval()

    @classmethod
    def load(cls, checkpoint: Checkpoint, device: str, dtype: str) -> GemmaDenoiser:
        """Read a released folder; nothing is fetched and no code of it is run.

        Raises CheckpointError for weights that are not what `config.json` says.
        """
        config = checkpoint.config
        assert isinstance(config, ReleasedConfig)
        if "quantization_config" in config.raw or (checkpoint.folder / "adapter_config.json").exists():
            raise CheckpointError(
                f"The model in {checkpoint.folder} is quantized or has an adapter, for which transformers would load "
                f"other libraries' code; redraft reads plain weights. {REMEDY}"
            )
        _quiet()
        try:
            model, told = transformers.DiffusionGemmaForBlockDiffusion.from_pretrained(
                str(checkpoint.folder),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                trust_remote_code=False,
                attn_implementation=None,  # the usual ones: config.json could name a repository of kernels to run
                experts_implementation=None,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (RuntimeError, ValueError, OSError, KeyError, TypeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise CheckpointError(f"The model in {checkpoint.folder} cannot be loaded ({reason}). {REMEDY}") from None
        for what, word in (("missing_keys", "lack"), ("unexpected_keys", "hold, without a place for it,")):
            if told[what]:
                name = min(told[what])
                raise CheckpointError(f"The weights in {checkpoint.folder} {word} {name}. {REMEDY}")
        return cls(model.to(device), config.control)

    @property
    def runs_on(self) -> str:
        """The device, and what the weights are held as."""
        return f"transformers {transformers.__version__} on {self._model.device}, {self._model.dtype}"

    def open(self, context: Context) -> GemmaLease:
        (prompt,) = context.streams
        return GemmaLease(prompt.ids)

    def prefill(self, lease: GemmaLease, limit: int) -> None:
        """The sampler encodes the text itself."""

    def predict(self, lease: GemmaLease, drafts: Sequence[Draft]) -> list[Prediction]:
        """What the sampler writes from the first open slot on; slots before it keep their tokens. It does not see what
        the canvas holds further right, so a second open slot there gets what continues the sampler's own text."""
        said = []
        for draft in drafts:
            ids, probs = draft.canvas.ids.copy(), np.ones(len(draft.canvas), np.float32)
            open_slots = np.flatnonzero(ids == self.control.mask)
            if len(open_slots):
                first = int(open_slots[0])
                before = (*draft.committed, *ids[:first].tolist())
                ids[first:], probs[first:] = self._after(lease, before, len(ids) - first)
            said.append(Prediction(ids[:, None], probs[:, None]))
        return said

    def next_token(
        self, lease: GemmaLease, middles: Sequence[tuple[int, ...]], among: Sequence[Among] = ()
    ) -> list[Prediction]:
        """The first slot of a canvas whose tokens are all noise, in one forward."""
        said = []
        for middle, only in zip_longest(middles, among):
            logprobs = self._look((*lease.text, *middle), ())[0]
            ids = np.arange(len(logprobs)) if only is None else only
            best = ids[np.argsort(-logprobs[ids], kind="stable")[:TOP_K]]
            said.append(Prediction(best[None], np.exp(logprobs[best])[None]))
        return said

    def score(self, lease: GemmaLease, middles: Sequence[tuple[int, ...]], limit: int) -> Scoring:
        """How likely the denoiser leaves each token as it stands, the whole middle being on its canvas: one forward
        each, however long. It knows no probability of a text from left to right."""
        rows = [np.empty(0, np.float32) for _ in middles]
        for n, middle in enumerate(middles):
            if middle:
                rows[n] = self._look(lease.text, middle)[np.arange(len(middle)), list(middle)]
                yield
        return rows

    def _after(
        self, lease: GemmaLease, before: tuple[int, ...], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """`count` tokens after the text and `before`, ends to the end once it has ended, with their probabilities."""
        end = len(before) + count
        same = tuple(lease.written[: len(before)]) == before
        if not same or (len(lease.written) < end and self.control.eom not in lease.written):
            ids, probs = self._sampled((*lease.text, *before), count)
            lease.written, lease.probs = [*before, *ids], [*[1.0] * len(before), *probs]
        found, probs = lease.written[len(before) : end], lease.probs[len(before) : end]
        if self.control.eom in found:
            found = found[: found.index(self.control.eom) + 1]
        short = count - len(found)
        return (
            np.array([*found, *[self.control.eom] * short], np.int64),
            np.array([*probs[: len(found)], *[1.0] * short], np.float32),
        )

    @torch.no_grad()
    def _sampled(self, text: tuple[int, ...], count: int) -> tuple[list[int], list[float]]:
        """transformers' own `generate` for as many of its canvases as hold `count` tokens."""
        last = _Last()
        recorder = _Recorder(last)
        with self._noise(text):
            done = self._model.generate(
                torch.tensor([text], device=self._model.device),
                max_new_tokens=count,
                eos_token_id=self.control.eom,
                pad_token_id=self.control.mask,
                logits_processor=transformers.LogitsProcessorList([last]),
                streamer=recorder,
                disable_compile=True,
            )
        ids = done.sequences[0, len(text) :].tolist()
        return ids, recorder.probs[: len(ids)]

    @torch.no_grad()
    def _look(self, text: tuple[int, ...], canvas: tuple[int, ...]) -> NDArray[np.float32]:
        """Log-probabilities (canvas or 1, vocabulary) from one forward; what the canvas leaves free is noise."""
        size = max(len(canvas), self._model.config.canvas_length)
        with self._noise(text):
            noise = torch.randint(0, self._model.config.text_config.vocab_size, (1, size), device=self._model.device)
        noise[0, : len(canvas)] = torch.tensor(canvas, dtype=noise.dtype)
        logits = self._model(
            input_ids=torch.tensor([text], device=noise.device),
            decoder_input_ids=noise,
            decoder_position_ids=torch.arange(len(text), len(text) + size, device=noise.device)[None],
        ).logits[0, : max(1, len(canvas))]
        return np.asarray(logits.log_softmax(dim=-1).cpu().numpy(), np.float32)

    def _noise(self, text: tuple[int, ...]) -> _Seeded:
        return _Seeded(zlib.crc32(np.asarray(text, np.int64).tobytes()), self._model.device)


class _Seeded:
    """Random numbers that follow from a seed, and leave everybody else's alone."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._seed = seed
        self._fork = torch.random.fork_rng([device] if device.type == "cuda" else [])

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed)

    def __exit__(self, *failure: Any) -> None:
        self._fork.__exit__(*failure)


class _Last(transformers.LogitsProcessor):
    """Remembers the last scores it was shown, before any temperature, and changes nothing."""

    scores: torch.Tensor | None = None

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.scores = scores
        return scores


class _Recorder(transformers.generation.streamers.BaseStreamer):
    """Notes the probability of each token when its canvas is finished. The prompt comes first and has no scores."""

    def __init__(self, last: _Last) -> None:
        self.probs: list[float] = []
        self._last = last

    def put(self, value: torch.Tensor) -> None:
        if self._last.scores is not None:
            self.probs += self._last.scores[0].softmax(dim=-1).amax(dim=-1).tolist()

    def end(self) -> None:
        """Nothing is open."""


def _quiet() -> None:
    """stdout and stderr are ours to speak on."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
