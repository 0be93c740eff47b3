"""The narrow runtime contract: batches in, scores out. It knows no text and no HTTP, so runtimes can be swapped.

Both runtimes read the same quantized ONNX file.
"""

import importlib.util
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from model.batching import Batch
from model.errors import BundleError, RuntimeUnavailableError

if TYPE_CHECKING:
    from openvino import InferRequest

FloatArray = npt.NDArray[np.float32]


_REQUESTS_A_STREAM = 4


@dataclass(frozen=True, slots=True)
class Scores:
    """What the network gives for a batch.

    Attributes:
        theme_logits: ``[B, T]``.
        tag_logits: ``[B, L, K]``.
    """

    theme_logits: FloatArray
    tag_logits: FloatArray


class Session(Protocol):
    """A runtime over a bundle's serving weights. Safe to call from several threads."""

    @property
    def runtime(self) -> str:
        """The runtime's name."""

    @property
    def length_step(self) -> int:
        """The multiple that batch lengths should be rounded up to."""

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch, in the order of ``batches``; they are asked for as they are needed, while earlier ones are computed."""


class OpenVinoSession:
    """OpenVINO on the CPU: one stream a thread, so that batches run side by side.

    Args:
        weights: The ONNX file.
        threads: Cores to use.

    Raises:
        RuntimeUnavailableError: If OpenVINO is not installed or cannot run here.
        BundleError: If it cannot read the weights.
    """

    runtime = "openvino"
    # Each new shape costs OpenVINO a preparation of some milliseconds, kept for the next time; 8 keeps the shapes few.
    length_step = 8

    def __init__(self, weights: Path, threads: int) -> None:
        try:
            import openvino
            from openvino import properties
        except ImportError as error:
            raise RuntimeUnavailableError(f"OpenVINO cannot be loaded: {error}") from error
        core = openvino.Core()
        settings = {
            properties.hint.performance_mode(): properties.hint.PerformanceMode.THROUGHPUT,
            properties.num_streams(): threads,
            properties.inference_num_threads(): threads,
            # Pinning binds to the same cores in every process, so several servers would share one core.
            properties.hint.enable_cpu_pinning(): False,
        }
        try:
            compiled = core.compile_model(core.read_model(str(weights)), "CPU", settings)
        except RuntimeError as error:
            raise BundleError(f"OpenVINO cannot read {weights}: {str(error).splitlines()[0]}") from error
        # More than there are streams, so that these have work while the caller encodes what comes next and decodes what is done.
        self._requests = [compiled.create_infer_request() for _ in range(_REQUESTS_A_STREAM * threads)]
        self._lock = threading.Lock()

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch; see :class:`Session`."""
        running: deque[tuple[InferRequest, Batch]] = deque()  # inputs are shared, so each batch must live until it is computed
        with self._lock:
            try:
                for number, batch in enumerate(batches):
                    if len(running) == len(self._requests):
                        yield _taken(running.popleft()[0])
                    request = self._requests[number % len(self._requests)]
                    request.start_async(batch.inputs, share_inputs=True)
                    running.append((request, batch))
                while running:
                    yield _taken(running.popleft()[0])
            finally:
                for request, _ in running:  # the caller went away; the next must find them free
                    request.wait()


def _taken(request: "InferRequest") -> Scores:
    request.wait()
    return Scores(request.get_tensor("theme_logits").data.copy(), request.get_tensor("tag_logits").data.copy())


class OnnxRuntimeSession:
    """ONNX Runtime on the CPU: runs wherever Python does, in little memory.

    Args:
        weights: The ONNX file.
        threads: Cores to use.

    Raises:
        RuntimeUnavailableError: If ONNX Runtime is not installed.
        BundleError: If it cannot read the weights.
    """

    runtime = "onnxruntime"
    length_step = 1

    def __init__(self, weights: Path, threads: int) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise RuntimeUnavailableError(f"ONNX Runtime cannot be loaded: {error}") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # The arena keeps the largest batch's memory for ever; without it the server stays small.
        options.enable_cpu_mem_arena = False
        try:
            self._session = onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises bare exceptions of its own, with no common base
            raise BundleError(f"ONNX Runtime cannot read {weights}: {str(error).splitlines()[0]}") from error

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch; see :class:`Session`."""
        return map(self._run, batches)

    def _run(self, batch: Batch) -> Scores:
        outputs = self._session.run(["theme_logits", "tag_logits"], batch.inputs)
        return Scores(outputs[0], outputs[1])


RUNTIMES: dict[str, type[OpenVinoSession] | type[OnnxRuntimeSession]] = {"openvino": OpenVinoSession, "onnxruntime": OnnxRuntimeSession}
"""The runtimes by name, fastest first."""


def default_threads() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_session(weights: Path, runtime: str = "auto", threads: int = 0) -> Session:
    """Open a runtime over ``weights``.

    Args:
        weights: The ONNX file.
        runtime: A name among :data:`RUNTIMES`, or "auto" for the fastest that runs here.
        threads: Cores to use; 0 for all that the process may.

    Raises:
        RuntimeUnavailableError: If the runtime, or with "auto" every one, cannot run here.
        BundleError: If the weights cannot be read.
    """
    threads = threads or default_threads()
    if runtime != "auto":
        if runtime not in RUNTIMES:
            raise RuntimeUnavailableError(f"unknown runtime {runtime!r}; expected auto, {', '.join(RUNTIMES)}")
        return RUNTIMES[runtime](weights, threads)
    reasons = []
    for name, opener in RUNTIMES.items():
        if importlib.util.find_spec(name) is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            return opener(weights, threads)
        except (RuntimeUnavailableError, BundleError) as error:
            reasons.append(str(error))
    raise RuntimeUnavailableError("no inference runtime runs here: " + "; ".join(reasons))
