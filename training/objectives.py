"""What pre-training teaches the encoder: to guess hidden words, or to detect replaced ones. Only hidden positions are scored for the vocabulary."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel
from transformers.models.bert.modeling_bert import BertEncoder, BertPredictionHeadTransform


def _at(hidden: Tensor, positions: Tensor) -> Tensor:
    """``hidden [B, L, H]`` at ``positions [M]`` of B × L → ``[M, H]``."""
    return hidden.flatten(0, 1).index_select(0, positions)


class WordGuess(nn.Module):
    """BERT's head for hidden words; the output layer is the embedding table itself."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = BertPredictionHeadTransform(config)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, hidden: Tensor, table: Tensor) -> Tensor:
        """``hidden [M, H]``, ``table [V, H]`` → logits ``[M, V]``."""
        return nn.functional.linear(self.transform(hidden), table, self.bias).float()


def _guess_loss(logits: Tensor, original: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, original, reduction="sum") / max(1, len(original))


class MaskedModel(nn.Module):
    """Masked language model (Devlin et al., 2019)."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        self.guess = WordGuess(config)

    def forward(self, input_ids: Tensor, original_ids: Tensor, positions: Tensor) -> dict[str, Tensor]:
        """Read a batch of :class:`training.masking.Collator`; returns ``loss``, in nats a hidden token."""
        hidden = self.bert(input_ids=input_ids).last_hidden_state
        logits = self.guess(_at(hidden, positions), self.bert.embeddings.word_embeddings.weight)
        return {"loss": _guess_loss(logits, original_ids.flatten()[positions])}


class ReplacedModel(nn.Module):
    """Replaced-token detection (ELECTRA, Clark et al., 2020): a small generator fills hidden places, the encoder tells what it filled wrongly.

    Both read the same embeddings. The generator has the encoder's width and fewer layers.

    Args:
        config: The encoder's.
        generator_layers: Layers of the generator.
        detection_weight: Weight of the detection loss.
    """

    def __init__(self, config: BertConfig, generator_layers: int, detection_weight: float) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        small = BertConfig(**{**config.to_dict(), "num_hidden_layers": generator_layers})
        small._attn_implementation = config._attn_implementation
        self.generator = BertEncoder(small)
        self.guess = WordGuess(config)
        self.detect_transform = BertPredictionHeadTransform(config)
        self.detect = nn.Linear(config.hidden_size, 1)
        self._detection_weight = detection_weight

    def forward(self, input_ids: Tensor, original_ids: Tensor, positions: Tensor) -> dict[str, Tensor]:
        """Likewise; returns ``loss``, and its parts ``guess_loss`` in nats a hidden token and ``detect_loss`` in nats a token."""
        embeddings = self.bert.embeddings
        hidden = self.generator(embeddings(input_ids=input_ids)).last_hidden_state
        logits = self.guess(_at(hidden, positions), embeddings.word_embeddings.weight)
        original = original_ids.flatten()
        guess_loss = _guess_loss(logits, original[positions])
        with torch.no_grad():  # drawn from the generator's distribution (Gumbel-max)
            noise = torch.empty_like(logits).exponential_().log()
            filled = original.clone()
            filled[positions] = (logits - noise).argmax(dim=1)
            replaced = (filled != original).float()
        found = self.bert(input_ids=filled.view_as(original_ids)).last_hidden_state
        detection = self.detect(self.detect_transform(found)).float().flatten()
        detect_loss = nn.functional.binary_cross_entropy_with_logits(detection, replaced)
        return {"loss": guess_loss + self._detection_weight * detect_loss, "guess_loss": guess_loss, "detect_loss": detect_loss}


def new_model(config: BertConfig, objective: str, generator_layers: int, detection_weight: float) -> "MaskedModel | ReplacedModel":
    """The model of an objective, from random weights."""
    return MaskedModel(config) if objective == "masked" else ReplacedModel(config, generator_layers, detection_weight)


def encoder_config(vocabulary: int, hidden_size: int, layers: int, heads: int, intermediate_size: int, positions: int, **more: Any) -> BertConfig:
    """A BERT without dropout: a text that is read about once need not be kept from being learnt by heart."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate_size,
        max_position_embeddings=positions,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **more,
    )
