"""Paragraph → token ids and offsets, in overlapping windows where it is long. The only tokenising path there is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from model.folding import fold
from model.lexicon import NOWHERE, Lexicon
from model.ngrams import NgramIndex

IntArray = npt.NDArray[np.int32]

TOKENIZER = "tokenizer.json"
LEXICON = "lexicon.tsv"
NGRAMS = "ngrams.npz"


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of a paragraph that the encoder sees at once.

    Attributes:
        input_ids: ``[L]`` token ids with ``[CLS]`` first and ``[SEP]`` last.
        lexicon_ids: ``[L, C]`` what the lexicon says of each token, by :meth:`model.lexicon.Lexicon.ids`.
        ngram_ids: ``[L, N]`` which listed n-grams begin at each token, by :meth:`model.ngrams.NgramIndex.ids`.
        start: Index, among the paragraph's tokens, of the first token after ``[CLS]``.
    """

    input_ids: IntArray
    lexicon_ids: IntArray
    ngram_ids: IntArray
    start: int

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def tokens(self) -> int:
        """Number of the paragraph's own tokens in this window (without ``[CLS]`` and ``[SEP]``)."""
        return len(self.input_ids) - 2


@dataclass(frozen=True, slots=True)
class Encoding:
    """A paragraph as the encoder reads it.

    Attributes:
        offsets: ``[N, 2]`` code-point start and end of each of the paragraph's N tokens in its text.
        windows: The windows that together cover all N tokens, in order.
    """

    offsets: IntArray
    windows: tuple[Window, ...]


def window_spans(count: int, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield ``(start, end)`` token ranges of at most ``size`` that cover ``count`` tokens.

    Neighbours share ``overlap`` tokens; the last range ends at ``count`` and is as long as the others, so
    that no window is a sliver. ``count == 0`` yields one empty range: an empty paragraph is still a paragraph.

    Raises:
        ValueError: If ``overlap`` is not smaller than ``size``.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"window overlap must be in [0, {size}), got {overlap}")
    start = 0
    while start + size < count:
        yield start, start + size
        start += size - overlap
    yield max(0, min(start, count - size)), count


class Encoder:
    """Turns paragraphs into encodings with a bundle's tokenizer.

    Args:
        tokenizer: A Hugging Face ``tokenizers`` tokenizer with ``[CLS]`` and ``[SEP]``; its own post-processor is not used.
        window_tokens: Longest window in tokens, ``[CLS]`` and ``[SEP]`` included.
        overlap_tokens: Tokens that neighbouring windows share.
        lexicon: What is known of names; nothing where there is none.
        ngrams: The n-grams of the linear parts; none where there are none.

    Raises:
        ValueError: If the tokenizer lacks ``[CLS]`` or ``[SEP]``, or the sizes do not fit each other.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        window_tokens: int = 384,
        overlap_tokens: int = 96,
        lexicon: Lexicon | None = None,
        ngrams: NgramIndex | None = None,
    ) -> None:
        cls_id, sep_id = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        if cls_id is None or sep_id is None:
            raise ValueError("the tokenizer has no [CLS] or no [SEP]: expected a BERT vocabulary")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self._lexicon = Lexicon({}) if lexicon is None else lexicon
        self._ngrams = NgramIndex() if ngrams is None else ngrams
        self._cls, self._sep = np.array([cls_id], np.int32), np.array([sep_id], np.int32)
        self.window_tokens, self.overlap_tokens = window_tokens, overlap_tokens
        next(window_spans(0, window_tokens - 2, overlap_tokens))  # the sizes are checked once, here

    @classmethod
    def from_folder(cls, folder: Path, window_tokens: int = 384, overlap_tokens: int = 96) -> "Encoder":
        """Read ``tokenizer.json`` and, where they are, ``lexicon.tsv`` and ``ngrams.npz``.

        Raises:
            OSError: If a file cannot be read.
            ValueError: If the lexicon or the list of n-grams is not as it must be.
        """
        tokenizer, lexicon, ngrams = folder / TOKENIZER, folder / LEXICON, folder / NGRAMS
        if not tokenizer.is_file():
            raise FileNotFoundError(f"no tokenizer at {tokenizer}")
        return cls(
            Tokenizer.from_file(str(tokenizer)),
            window_tokens,
            overlap_tokens,
            Lexicon.from_file(lexicon) if lexicon.is_file() else None,
            NgramIndex.from_file(ngrams) if ngrams.is_file() else None,
        )

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        """Encode each text whole: nothing is cut, whatever its length."""
        folded = [fold(text) for text in texts]
        encoded = self._tokenizer.encode_batch(folded, add_special_tokens=False)
        offsets = [np.array(one.offsets, np.int32).reshape(-1, 2) for one in encoded]
        # Of a token of several characters, what the lexicon says of its first.
        said = [self._lexicon.ids(text)[own[:, 0]] for text, own in zip(folded, offsets, strict=True)]
        places = [(i, *span) for i, own in enumerate(offsets) for span in window_spans(len(own), self.window_tokens - 2, self.overlap_tokens)]
        tokens = [np.array(one.ids, np.int32) for one in encoded]
        input_ids = [np.concatenate((self._cls, tokens[i][start:end], self._sep)) for i, start, end in places]
        windows: list[list[Window]] = [[] for _ in texts]
        for (i, start, end), own_ids, own_ngrams in zip(places, input_ids, self._ngrams.ids(input_ids), strict=True):
            windows[i].append(Window(own_ids, np.concatenate((NOWHERE[None], said[i][start:end], NOWHERE[None])), own_ngrams, start))
        return [Encoding(own, tuple(these)) for own, these in zip(offsets, windows, strict=True)]
