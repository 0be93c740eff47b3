"""The network itself as a session: the fp32 reference that exported weights are held against, on the same one path."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch

from data.themes import Theme
from model.batching import Batch
from model.bundle import Bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.encoding import TOKENIZER
from model.errors import BundleError
from model.network import LanmuModel
from model.session import Scores, Session
from model.tags import NO_TRANSITIONS, Transitions


class TorchSession:
    """Eager PyTorch over a trained network; see :class:`model.session.Session`."""

    runtime = "torch"
    length_step = 1

    def __init__(self, network: LanmuModel) -> None:
        self._network = network.eval()

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch."""
        return map(self._run, batches)

    def _run(self, batch: Batch) -> Scores:
        device = self._network.device
        with torch.inference_mode():
            output = self._network(**{name: torch.from_numpy(array).to(device) for name, array in batch.inputs.items()})
        return Scores(output.theme_logits.float().cpu().numpy(), output.tag_logits.float().cpu().numpy())


def reference_classifier(
    session: Session,
    folder: Path,
    themes: Sequence[Theme],
    calibrations: Sequence[Calibration],
    tag_temperature: float,
    window: tuple[int, int],
    tag_transitions: Transitions = NO_TRANSITIONS,
) -> Classifier:
    """A classifier over a session, before there is a bundle.

    Args:
        session: The network, or its exported weights.
        folder: Where tokenizer, lexicon and n-grams lie.
        window: Longest window and overlap, in tokens.
        tag_transitions: What steps between the department head's tags add.

    Raises:
        BundleError: If there is no tokenizer in ``folder``.
    """
    if not (folder / TOKENIZER).is_file():
        raise BundleError(f"no {TOKENIZER} in {folder}")
    bundle = Bundle(folder, "unwritten", "unwritten", tuple(themes), tuple(calibrations), tag_temperature, tag_transitions, window[0], window[1], {})
    return Classifier(bundle, session)


def use_bf16(setting: str) -> bool:
    """Whether to train in bf16: as told, or with "auto" where the processor computes in it."""
    if setting != "auto":
        return setting == "yes"
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    flags = Path("/proc/cpuinfo")
    return flags.is_file() and "avx512_bf16" in flags.read_text(encoding="utf-8")


def attention() -> str:
    """The implementation of attention to train with: on a CPU plain products are faster over rows as short as ours than the fused one."""
    return "sdpa" if torch.cuda.is_available() else "eager"
