"""The onnx backend: one graph, one onnxruntime session, keys and values bound where they lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from engine.checkpoint import REMEDY, Checkpoint, CheckpointError, ModelConfig
from engine.cores import usable_cores
from engine.forward import TOP_K, Output, Rows, check

GRAPH = "model.onnx"
MORE_MEMORY = "Give it more memory: close other programs, or raise the limit that it runs under."
"""The remedy for a model that is whole."""


class OnnxForward:
    """`Forward` over an exported graph; keys and values are numpy arrays. thread: where the session is opened and
    runs; numbers that are too small to be normal count as zero there."""

    def __init__(self, session: onnxruntime.InferenceSession, config: ModelConfig, thread: ThreadPoolExecutor) -> None:
        self.config, self._thread = config, thread
        self._session: onnxruntime.InferenceSession | None = session
        self._binding = session.io_binding()
        self._bound: NDArray[np.float32] | None = None

    @classmethod
    def load(cls, checkpoint: Checkpoint, threads: int | None = None, device: str = "cpu") -> OnnxForward:
        """Map the weights and build the session. device: cpu or cuda.

        Raises CheckpointError when the graph cannot be loaded, or when the device's provider is not there.
        """
        path, providers = checkpoint.path(GRAPH), _providers(device)
        thread = ThreadPoolExecutor(1, "onnxruntime")
        try:
            session = thread.submit(open_session, str(path), threads, providers, denormals=False).result()
        except Exception as error:  # onnxruntime's errors share no base class
            reason = str(error).splitlines()[0]
            remedy = MORE_MEMORY if "bad_alloc" in reason else REMEDY
            raise CheckpointError(f"The model in {checkpoint.folder} cannot be loaded ({reason}). {remedy}") from error
        if session.get_providers()[0] != providers[0]:  # it falls back to the processor without an error
            raise CheckpointError(_without(providers[0]))
        c, made = checkpoint.config, next((one.shape for one in session.get_outputs() if one.name == "kv"), ())
        if [size for size in made if size != "T"] != [2 * c.layers, c.kv_heads, c.head_dim]:
            raise CheckpointError(f"The graph in {checkpoint.folder} is not one that its config.json means. {REMEDY}")
        return cls(session, c, thread)

    @property
    def runs_on(self) -> str:
        """The provider that really runs the graph, as the session says."""
        assert self._session is not None, "closed"
        return f"onnxruntime {onnxruntime.__version__}, {self._session.get_providers()[0]}"

    def new_kv(self, slots: int) -> NDArray[np.float32]:
        c = self.config
        return np.zeros((c.layers, 2, c.kv_heads, slots, c.head_dim), np.float32)

    def __call__(self, rows: Rows, past: NDArray[np.float32]) -> Output:
        assert self._session is not None, "closed"
        check(rows, self.config)
        c = self.config
        t, (h, j) = len(rows.ids), rows.targets.shape
        # Where nobody asks for a prediction, one is made all the same: onnxruntime before 1.31, and there is no newer
        # one for Intel Macs, ends the process over a product without rows.
        first = np.zeros(1, np.int64), np.zeros((1, j), np.int64)
        head_rows, targets = (rows.head_rows, rows.targets) if h else first
        made = len(head_rows)
        inputs: dict[str, NDArray[Any]] = {
            "ids": rows.ids,
            "positions": rows.positions,
            "canvas": rows.canvas.astype(np.float32),
            "bias": np.ascontiguousarray(rows.bias),
            "head_rows": head_rows,
            "targets": np.ascontiguousarray(targets),
        }
        top_ids = np.empty((made, TOP_K), np.int64)
        top_probs = np.empty((made, TOP_K), np.float32)
        logprobs = np.empty((made, j), np.float32)
        kv = np.empty((c.layers, 2, c.kv_heads, t, c.head_dim), np.float32)
        self._bind_past(past)
        for name, array in inputs.items():
            _bind(self._binding.bind_input, name, array, array.shape)
        _bind(self._binding.bind_output, "top_ids", top_ids, top_ids.shape)
        _bind(self._binding.bind_output, "top_probs", top_probs, top_probs.shape)
        _bind(self._binding.bind_output, "target_logprobs", logprobs, logprobs.shape)
        _bind(self._binding.bind_output, "kv", kv, (c.layers * 2, *kv.shape[2:]))
        self._thread.submit(self._session.run_with_iobinding, self._binding).result()
        return Output(top_ids[:h], top_probs[:h], logprobs[:h], kv)

    def close(self) -> None:
        self._thread.shutdown()
        self._session, self._bound = None, None
        del self._binding

    def _bind_past(self, past: NDArray[np.float32]) -> None:
        """The cache is read in place; binding it again is needed only when the caller shows another array."""
        if past is self._bound:
            return
        for layer, (keys, values) in enumerate(past):
            _bind(self._binding.bind_input, f"past_k_{layer}", keys, keys.shape)
            _bind(self._binding.bind_input, f"past_v_{layer}", values, values.shape)
        self._bound = past


def _providers(device: str) -> list[str]:
    known = {"cpu": ["CPUExecutionProvider"], "cuda": ["CUDAExecutionProvider", "CPUExecutionProvider"]}
    if device not in known:
        raise CheckpointError(
            f"The onnx backend runs on {' or '.join(known)}, not on {device!r}; choose one with --device."
        )
    if known[device][0] not in onnxruntime.get_available_providers():
        raise CheckpointError(_without(known[device][0]))
    return known[device]


def _without(provider: str) -> str:
    return (
        f"onnxruntime {onnxruntime.__version__} has no working {provider} here; swap in onnxruntime-gpu with its CUDA "
        "libraries as the README says (Large models and GPUs), or leave --device out."
    )


def _bind(bind: Callable[..., None], name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Memory is handed over as it is, without a copy: whoever binds it keeps it alive until the run is over."""
    assert array.flags.c_contiguous
    bind(name, "cpu", 0, array.dtype, shape, array.ctypes.data)


def open_session(
    model: str | bytes,
    threads: int | None = None,
    providers: Sequence[str] = ("CPUExecutionProvider",),
    *,
    denormals: bool = True,
) -> onnxruntime.InferenceSession:
    """A session over a graph (its path, or its bytes) that reports to nobody.

    threads: None for one per core that this process may use, at most 8 (a larger team only waits for itself).
    denormals: False counts numbers that are too small to be normal as zero; processors compute them slowly, and exp()
    of a hidden slot's score is one. That holds for the session's own threads and, of a process's first session, for
    the thread that opens it.
    """
    onnxruntime.disable_telemetry_events()  # on Windows the environment variable (engine/backends) does nothing
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or min(usable_cores(), 8)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.set_denormal_as_zero", str(int(not denormals)))
    return onnxruntime.InferenceSession(model, options, providers=list(providers))
