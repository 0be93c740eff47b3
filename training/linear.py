"""The linear part of the theme head: TF-IDF and logistic regression over n-grams, fitted on the annotated paragraphs in a minute.

It is fitted apart from the network and added to its logits (:class:`model.network.LinearThemes`), scaled so that both speak in the same
units: each part's logit times the slope of its own Platt scaling on held-out paragraphs, and what comes out is divided by the network's.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from sklearn.linear_model import LogisticRegression

from data.corpus import Record
from data.themes import Theme
from model.encoding import Encoder
from model.network import LanmuModel, LinearThemes
from model.ngrams import LONGEST, NgramIndex, ngram_hashes
from training.metrics import UNKNOWN, FloatArray, IntArray
from training.scoring import gold_themes

LEAST_PARAGRAPHS = 3
"""An n-gram that stands in fewer is not listed."""
LEAST_LABELS = 5
"""With fewer labels of either kind than this a theme gets no linear part."""
INVERSE_REGULARIZATION = 20.0


def fit_linear(records: Sequence[Record], themes: Sequence[Theme], encoder: Encoder, most: int) -> tuple[npt.NDArray[np.uint64], FloatArray]:
    """List n-grams and fit a weight for each theme.

    Args:
        records: Annotated paragraphs; those whose themes are unknown take no part.
        most: How many n-grams to list: those whose weights move a score most.

    Returns:
        The hashes of R n-grams, ascending, and ``[R + 1, T + 1]``: each row's weights and, last, the square it adds to a window's norm; row 0 is
        all zeros.
    """
    known = [record for record in records if record.themes is not None]
    labels = gold_themes(known, themes)
    rows = [_hashes(record.text, encoder) for record in known]
    listed, documents = np.unique(np.concatenate(rows), return_counts=True)
    listed, documents = listed[documents >= LEAST_PARAGRAPHS], documents[documents >= LEAST_PARAGRAPHS]
    inverse = np.log((1 + len(known)) / (1 + documents)) + 1  # as scikit-learn smooths it
    if len(listed) > most:
        weights = _fit(_matrix(rows, listed, inverse), labels)
        kept = np.sort(np.argsort(-np.abs(weights * inverse[:, None]).max(axis=1))[:most])
        listed, inverse = listed[kept], inverse[kept]
    weights = _fit(_matrix(rows, listed, inverse), labels)
    table = np.zeros((len(listed) + 1, len(themes) + 1))
    table[1:, :-1] = weights * inverse[:, None]
    table[1:, -1] = inverse**2
    return listed, table


def _hashes(text: str, encoder: Encoder) -> npt.NDArray[np.uint64]:
    (encoding,) = encoder.encode([text])
    hashes = np.unique(np.concatenate([ngram_hashes(window.input_ids).reshape(-1) for window in encoding.windows]))
    return hashes[hashes != 0]


def _matrix(rows: Sequence[npt.NDArray[np.uint64]], listed: npt.NDArray[np.uint64], inverse: FloatArray) -> scipy.sparse.csr_matrix:
    columns = []
    for hashes in rows:
        places = np.minimum(np.searchsorted(listed, hashes), len(listed) - 1)
        columns.append(places[listed[places] == hashes])
    ends = np.concatenate(([0], np.cumsum([len(one) for one in columns])))
    values = np.concatenate([inverse[one] / max(1e-6, float(np.sqrt((inverse[one] ** 2).sum()))) for one in columns])
    return scipy.sparse.csr_matrix((values, np.concatenate(columns), ends), shape=(len(rows), len(listed)))


def _fit(features: scipy.sparse.csr_matrix, labels: IntArray) -> FloatArray:
    weights = np.zeros((features.shape[1], labels.shape[1]))
    for theme in range(labels.shape[1]):
        known = np.flatnonzero(labels[:, theme] != UNKNOWN)
        given = labels[known, theme]
        if min(given.sum(), len(given) - given.sum()) >= LEAST_LABELS:
            weights[:, theme] = LogisticRegression(C=INVERSE_REGULARIZATION, max_iter=300).fit(features[known], given).coef_[0]
    return weights


def linear_logits(table: FloatArray, index: NgramIndex, texts: Sequence[str], encoder: Encoder) -> FloatArray:
    """``[N, T]``: what the linear part says of texts, windows merged by their maximum as serving does."""
    part = LinearThemes(len(table), table.shape[1] - 1)
    part.table.weight.data = torch.from_numpy(table).float()
    merged = []
    with torch.inference_mode():
        for encoding in encoder.encode(texts):
            ids = [torch.from_numpy(np.ascontiguousarray(index.ids([window.input_ids])[0][:, :LONGEST]))[None] for window in encoding.windows]
            merged.append(torch.stack([part(one)[0] for one in ids]).amax(dim=0))
    logits: FloatArray = torch.stack(merged).numpy().astype(np.float64)
    return logits


def scales(network_logits: FloatArray, own_logits: FloatArray, labels: IntArray) -> FloatArray:
    """``[T]``: what the linear part's logits are multiplied with, so that they weigh as much as the network's; 0 where labels are too few.

    Args:
        network_logits: ``[N, T]`` of held-out paragraphs.
        own_logits: Likewise, the linear part's.
        labels: ``[N, T]`` of 0, 1 or ``UNKNOWN``.
    """
    result = np.zeros(labels.shape[1])
    for theme in range(labels.shape[1]):
        known = labels[:, theme] != UNKNOWN
        given = labels[known, theme]
        if min(given.sum(), len(given) - given.sum()) < LEAST_LABELS:
            continue
        deep, wide = (float(LogisticRegression(C=100.0).fit(part[known, theme, None], given).coef_[0, 0]) for part in (network_logits, own_logits))
        result[theme] = max(0.0, wide) / deep if deep > 0 else 0.0
    return result


def attach(network: LanmuModel, table: FloatArray) -> None:
    """Give the network its linear part."""
    network.config.ngram_rows = len(table)
    network.linear_themes = LinearThemes(len(table), network.config.themes)
    network.linear_themes.table.weight.data = torch.from_numpy(table).float()
