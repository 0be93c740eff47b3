"""The linear part of the department head: a conditional random field, fitted by CRFsuite on the annotated paragraphs.

It is fitted apart from the network (:class:`model.network.LinearTags`), and weighed against it on held-out paragraphs.
"""

import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pycrfsuite
import torch
from tqdm import tqdm

from data.corpus import Record
from model.decoding import decode_all, merge_tag_logits
from model.encoding import Encoder, Encoding, Window
from model.lexicon import LEXICON_ROWS, NOWHERE
from model.network import REACH, LanmuModel, LinearTags
from model.ngrams import LONGEST, NgramIndex, ngram_hashes
from model.session import FloatArray
from model.tags import ALLOWED, TAGS, O, Transitions, spans_to_tags
from training.spans import match_spans

PARAMETERS = {"c1": 0.05, "c2": 0.02, "feature.possible_transitions": False}
"""L1 and L2 regularization (elastic net), and only steps between tags that were seen."""
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Weights of the part against the network that are tried."""
_LEXICON_REACH = 2  # at most REACH
# Where, counted from a token, an n-gram of 1, 2, 3, … tokens may begin: the whole of it stands within REACH.
_BEGINS = tuple((-REACH, REACH - size) for size in range(LONGEST))


def fit_tags(records: Sequence[Record], encoder: Encoder, iterations: int, seed: int = 42) -> tuple[npt.NDArray[np.uint64], LinearTags]:
    """Fit the part.

    Args:
        records: Annotated paragraphs. All that name a department and take one window are read, and at most half as many that name none.
        iterations: Of L-BFGS, at most.
        seed: Draws those that name none.

    Returns:
        The hashes of R n-grams, ascending, and the part, with R + 1 rows; its step from outside to outside scores 0.
    """
    trainer = pycrfsuite.Trainer(algorithm="lbfgs", params={**PARAMETERS, "max_iterations": iterations}, verbose=False)
    named = [record for record in records if record.departments]
    nameless = [record for record in records if record.departments == ()]
    nameless = random.Random(seed).sample(nameless, min(len(nameless), (len(named) + 1) // 2))
    for record in tqdm([*named, *nameless], desc="departments' linear part: features", unit=" paragraphs", disable=None):
        (encoding,) = encoder.encode([record.text])
        if len(encoding.windows) == 1 and len(encoding.offsets):
            tags, _ = spans_to_tags([(span.start, span.end) for span in record.departments or ()], encoding.offsets)
            trainer.append(list(token_features(encoding.windows[0])), [TAGS[tag] for tag in tags])
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "departments.crf")
        trainer.train(path)
        tagger = pycrfsuite.Tagger()
        tagger.open(path)
        model = tagger.info()
        tagger.close()
    weights: dict[tuple[str, int, int], npt.NDArray[np.float64]] = {}
    for (feature, tag), weight in model.state_features.items():
        kind, place, number = feature.split(":")
        weights.setdefault((kind, int(place), int(number)), np.zeros(len(TAGS)))[TAGS.index(tag)] = weight
    hashes = np.unique(np.array([number for kind, _, number in weights if kind == "n"], np.uint64))
    part = LinearTags(len(hashes) + 1)
    table, lexicon = np.zeros((len(hashes) + 1, 2 * REACH + 1, len(TAGS))), np.zeros((LEXICON_ROWS, 2 * REACH + 1, len(TAGS)))
    bias = np.zeros(len(TAGS))
    for (kind, place, number), values in weights.items():
        if kind == "n":
            table[1 + np.searchsorted(hashes, np.uint64(number)), place + REACH] = values
        elif kind == "x":
            lexicon[number, place + REACH] = values
        else:
            bias = values
    steps = np.array([[model.transitions.get((before, after), 0.0) for after in TAGS] for before in TAGS])
    steps = np.where(ALLOWED, steps - steps[O, O], 0.0)  # a constant added to every step changes no sequence's rank
    for parameter, value in ((part.table.weight, table), (part.lexicon.weight, lexicon), (part.bias, bias), (part.transitions, steps)):
        parameter.data = torch.from_numpy(value.reshape(parameter.shape)).float()
    return hashes, part


def token_features(window: Window) -> Iterator[list[str]]:
    """Each token's features, special tokens left out: ``kind:place:number``, of an n-gram (n) or of what the lexicon says (x).

    A place is counted from the token, negative before it.
    """
    length = len(window.input_ids)
    grams = [[str(number) if number else "" for number in row] for row in ngram_hashes(window.input_ids).tolist()]
    said = [[str(number) for number, nothing in zip(row, NOWHERE.tolist(), strict=True) if number != nothing] for row in window.lexicon_ids.tolist()]
    for i in range(1, length - 1):
        features = ["b:0:0"]
        for size in range(LONGEST):
            first, last = _BEGINS[size]
            for place in range(max(first, 1 - i), min(last, length - 2 - i) + 1):
                if gram := grams[i + place][size]:
                    features.append(f"n:{place}:{gram}")
        for place in range(max(-_LEXICON_REACH, 1 - i), min(_LEXICON_REACH, length - 2 - i) + 1):
            features += [f"x:{place}:{number}" for number in said[i + place]]
        yield features


def transitions_of(part: LinearTags | None, scale: float = 1.0, own: torch.Tensor | None = None) -> Transitions:
    """The scores of steps between tags, for the decoder: the part's, weighed, and ``own``, ``[K, K]``, that the network learnt.

    From outside to outside it is 0.
    """
    total = np.zeros((len(TAGS), len(TAGS)))
    if part is not None:
        total += scale * part.transitions.detach().numpy()
    if own is not None:
        learnt = own.detach().numpy()
        total += np.where(ALLOWED, learnt - learnt[O, O], 0.0)  # a constant added to every step changes no sequence's rank
    return tuple(tuple(round(float(value), 4) for value in row) for row in total)


def linear_tag_logits(part: LinearTags, index: NgramIndex, encoding: Encoding) -> FloatArray:
    """``[N, K]`` of a paragraph's tokens, windows merged as serving does."""
    with torch.inference_mode():
        windows = [
            part(torch.from_numpy(index.ids([window.input_ids])[0][None, :, LONGEST:]), torch.from_numpy(window.lexicon_ids)[None])[0].numpy()
            for window in encoding.windows
        ]
    return merge_tag_logits(encoding, windows)


def best_scale(
    records: Sequence[Record],
    encodings: Sequence[Encoding],
    network: Sequence[FloatArray],
    own: Sequence[FloatArray],
    part: LinearTags,
    steps: torch.Tensor | None = None,
) -> tuple[float, float]:
    """The weight of the part, among :data:`SCALES`, with the best exact-span F1 on held-out records, and that F1; the smaller where two are alike.

    Args:
        records: N of them.
        encodings: Theirs.
        network: Of each, ``[tokens, K]`` logits of the network.
        own: Likewise, the part's.
        part: The part.
        steps: ``[K, K]`` between tags that the network learnt.
    """
    best = (0.0, -1.0)
    for scale in SCALES:
        logits = [np.asarray(first + scale * second, np.float32) for first, second in zip(network, own, strict=True)]
        right, wrong = 0, 0
        for record, found in zip(records, decode_all(encodings, logits, 1.0, transitions_of(part, scale, steps)), strict=True):
            if record.departments is None:
                continue
            gold = [(span.start, span.end) for span in record.departments]
            true, false_positive, false_negative = match_spans(gold, record.departments_either, [(span.start, span.end) for span in found]).counts()
            right, wrong = right + true, wrong + false_positive + false_negative
        f1 = 2 * right / max(1, 2 * right + wrong)
        if f1 > best[1]:
            best = (scale, f1)
    return best


def attach_tags(network: LanmuModel, part: LinearTags, scale: float) -> None:
    """Give the network its part, weighed."""
    network.config.tag_ngram_rows = part.table.num_embeddings
    network.linear_tags = part
    for parameter in part.parameters():
        parameter.data *= scale
