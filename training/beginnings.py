"""Where an encoder begins that has read nothing yet: what co-occurrence tells of characters, and lower layers that look at their neighbours.

From a random start a small encoder spends its first millions of tokens on the plateau where it knows how common characters are and nothing of
their context: it must find out by itself which positions are near each other. Both beginnings cost under a minute.
"""

import math
from typing import Any

import numpy as np
import torch
from scipy import sparse
from sklearn.utils.extmath import randomized_svd
from torch import Tensor
from transformers import BertModel
from transformers.models.bert.modeling_bert import BertEncoder

from training.packing import WORD_START, RowArray

DEVIATION = 0.02
"""Standard deviation of BERT's weights at the start."""
SHIFTS = ((-1, 1, -2, 2, -3, 3), (-1, 1, -2, 2))
"""Which neighbour each head of the lowest layers looks at; heads beyond these begin at random."""
_SHARPNESS = 1.1
_POSITION_SCALE = 1.4
_WORD_SCALE_IN_POSITIONS = 0.3
_SLOWEST = 60.0
_READ_ROWS = 40_000
_SMOOTHING = 0.75


def cooccurrence_vectors(rows: RowArray, vocabulary: int, width: int, seed: int) -> Tensor:
    """Vectors of tokens from what stands beside them.

    Positive pointwise mutual information with the token before, the token after, and those two and three away, by truncated SVD
    (Levy and Goldberg, 2014; contexts smoothed by 0.75 as in Levy et al., 2015).

    Returns:
        ``[vocabulary, width]`` with standard deviation 1; rows of tokens that were not met are 0.
    """
    step = max(1, len(rows) // _READ_ROWS)
    ids = (np.asarray(rows[::step]) & (WORD_START - 1)).astype(np.int64)
    counts = sparse.csr_matrix((vocabulary, 3 * vocabulary), dtype=np.float32)
    for distance in (1, 2, 3):
        left, right = ids[:, :-distance].reshape(-1), ids[:, distance:].reshape(-1)
        before, after = (0, vocabulary) if distance == 1 else (2 * vocabulary, 2 * vocabulary)
        for token, context in ((right, left + before), (left, right + after)):
            counts = counts + sparse.csr_matrix((np.ones(len(token), np.float32), (token, context)), shape=counts.shape)
    found = counts.tocoo()
    tokens = np.asarray(counts.sum(axis=1)).ravel()
    contexts = np.asarray(counts.sum(axis=0)).ravel() ** _SMOOTHING
    information = np.log(found.data * contexts.sum() / (tokens[found.row] * contexts[found.col]))
    positive = sparse.csr_matrix((np.maximum(information, 0), (found.row, found.col)), shape=counts.shape)
    rank = min(width, vocabulary - 1)
    u, s, _ = randomized_svd(positive, rank, n_iter=3, random_state=seed)
    vectors = np.zeros((vocabulary, width), np.float32)
    vectors[:, :rank] = u * np.sqrt(s)
    vectors[tokens == 0] = 0
    return torch.from_numpy(vectors / vectors[tokens > 0].std())


def begin_with_neighbours(bert: BertModel, vectors: Tensor | None = None) -> None:
    """Let positions be waves in as many dimensions as a head has, words live in the others, and :data:`SHIFTS` of heads look at neighbours.

    Args:
        bert: Changed in place.
        vectors: ``[V, H - head]`` of :func:`cooccurrence_vectors` for the words; their random start is kept without.
    """
    config = bert.config
    size = config.hidden_size // config.num_attention_heads
    waves = _frequencies(size)
    angles = torch.arange(config.max_position_embeddings)[:, None] * waves
    with torch.no_grad():
        words, positions = bert.embeddings.word_embeddings.weight, bert.embeddings.position_embeddings.weight
        words[:, :size] *= _WORD_SCALE_IN_POSITIONS
        if vectors is not None:
            known = vectors.abs().sum(dim=1) > 0
            words[known, size:] = DEVIATION * vectors[known]
        positions.zero_()
        positions[:, 0:size:2] = DEVIATION * _POSITION_SCALE * torch.sin(angles)
        positions[:, 1:size:2] = DEVIATION * _POSITION_SCALE * torch.cos(angles)
    look_at_neighbours(bert.encoder, size)


def look_at_neighbours(encoder: BertEncoder, size: int) -> None:
    """Set queries and keys of the lowest layers, heads of ``size``: q · k is largest where the key stands at the head's shift from the query.

    A query is the position's wave turned by the shift; the product of two waves is largest where they fall together.
    """
    layers: Any = encoder.layer
    with torch.no_grad():
        for layer, shifts in zip(layers, SHIFTS, strict=False):
            attention = layer.attention.self
            for head, shift in enumerate(shifts[: attention.num_attention_heads]):
                rows = slice(head * size, (head + 1) * size)
                for linear, matrix in ((attention.key, torch.eye(size)), (attention.query, _turn(size, shift))):
                    linear.weight[rows] = 0
                    linear.weight[rows, :size] = _SHARPNESS * matrix


def _frequencies(size: int) -> Tensor:
    half = size // 2
    return math.pi * torch.exp(-torch.arange(half) / half * math.log(_SLOWEST))


def _turn(size: int, shift: int) -> Tensor:
    """``[size, size]``: turns the wave of position p into that of p + ``shift``."""
    turned = torch.zeros(size, size)
    for i, frequency in enumerate(_frequencies(size).tolist()):
        cosine, sine = math.cos(frequency * shift), math.sin(frequency * shift)
        turned[2 * i, 2 * i], turned[2 * i, 2 * i + 1] = cosine, sine
        turned[2 * i + 1, 2 * i], turned[2 * i + 1, 2 * i + 1] = -sine, cosine
    return turned
