"""A weightless model whose output depends on its input, behind the real classifier: only the runtime is replaced."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Split

from data.themes import Theme
from model.batching import Batch
from model.bundle import Bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.encoding import TOKENIZER, Encoder
from model.lexicon import Lexicon
from model.session import Scores
from model.tags import NO_TRANSITIONS, TAGS, B, E, I, O

THEMES = (
    Theme("streamline", "精减", "Less to ask for", "少报、少走、少跑。", "medtop:20000593"),
    Theme("speed_up", "提速", "Faster", "办得更快。"),
    Theme("drill", "演训", "Drills", "训练和演习。"),
)
KEYWORDS = "减速训"
"""A theme's logit is -2, and 2 more for each time that its character stands in the window: 0.1192, 0.5, 0.8808, …"""
DEPARTMENT_SCORE = 0.9999
"""Of a name with a logit of 5 for each right tag and 0 for the others, over all legal sequences; to four digits."""

_CHARACTERS = [chr(code) for code in range(0x4E00, 0xA000)]
_VOCABULARY = {token: number for number, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *_CHARACTERS])}
_FIRST = _VOCABULARY["市"]
_LAST = _VOCABULARY["局"]


class FakeSession:
    """Themes by counting a character each; a department is what stands from 市 to the next 局."""

    runtime = "fake"
    length_step = 1

    def run(self, batches: Iterable[Batch]) -> Iterator[Scores]:
        """Score each batch; see :class:`model.session.Session`."""
        return map(self._score, batches)

    def _score(self, batch: Batch) -> Scores:
        counts = np.stack([(batch.input_ids == _VOCABULARY[keyword]).sum(axis=1) for keyword in KEYWORDS], axis=1)
        tags = np.full(batch.input_ids.shape, O)
        for row, ids in enumerate(batch.input_ids):
            for first in np.flatnonzero(ids == _FIRST):
                after = np.flatnonzero(ids[first:] == _LAST)
                if len(after):
                    tags[row, first : first + after[0] + 1] = I
                    tags[row, first], tags[row, first + after[0]] = B, E
        return Scores((2.0 * counts - 2.0).astype(np.float32), (5.0 * np.eye(len(TAGS))[tags]).astype(np.float32))


@cache
def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel(_VOCABULARY, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Split(Regex("."), "isolated")
    return tokenizer


def fake_encoder(window_tokens: int, overlap_tokens: int, lexicon: Lexicon | None = None) -> Encoder:
    """The real encoder, a token a character."""
    return Encoder(_tokenizer(), window_tokens, overlap_tokens, lexicon)


def fake_classifier(folder: Path) -> Classifier:
    """The real classifier over a fake bundle in ``folder``, whose windows are 34 tokens long."""
    _tokenizer().save(str(folder / TOKENIZER))
    bundle = Bundle(
        path=folder,
        version="0123456789ab",
        name="fake",
        themes=THEMES,
        calibrations=(Calibration(),) * len(THEMES),
        tag_temperature=1.0,
        tag_transitions=NO_TRANSITIONS,
        window_tokens=34,
        overlap_tokens=8,
        about={"figures": {"macro_f1": 0.9}},
    )
    return Classifier(bundle, FakeSession())
