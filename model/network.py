"""The network: one BERT encoder, a theme head and a department head. The only torch in ``model/``."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, BertModel, BertPreTrainedModel
from transformers.utils.generic import ModelOutput

from model.lexicon import LEXICON_CHANNELS, LEXICON_ROWS
from model.ngrams import LONGEST
from model.tags import ALLOWED, TAGS

REACH = 3
"""How many tokens before and after an n-gram's first its weights speak of, in the department head's linear part."""
IGNORE = -100
"""Label of a token, or of a theme, that is unknown and takes no part in the loss."""


class LanmuConfig(BertConfig):
    """``BertConfig`` plus the size of each head.

    Args:
        themes: Number of themes T, the outputs of the theme head.
        auxiliary_tags: Number of tags of a public NER scheme learnt beside ours in training; 0 for none. Not exported.
        local_width: Width of the convolutions whose features the heads read beside the encoder's; 0 for none.
        lexicon_width: Width of each of the lexicon's channels, read beside the characters; 0 for none.
        ngram_rows: Rows of the theme head's linear part, a listed n-gram each and one for none; 0 for no such part.
        tag_ngram_rows: Likewise, of the department head's linear part.
        theme_loss_weight: Weight of the theme loss against the department loss.
        tag_loss: The department loss: "token", of each token for itself, or "field", of the whole sequence of tags.
    """

    model_type = "lanmu"

    def __init__(
        self,
        themes: int = 0,
        auxiliary_tags: int = 0,
        local_width: int = 0,
        lexicon_width: int = 0,
        ngram_rows: int = 0,
        tag_ngram_rows: int = 0,
        theme_loss_weight: float = 1.0,
        tag_loss: str = "token",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.themes = themes
        self.auxiliary_tags = auxiliary_tags
        self.local_width = local_width
        self.lexicon_width = lexicon_width
        self.ngram_rows = ngram_rows
        self.tag_ngram_rows = tag_ngram_rows
        self.theme_loss_weight = theme_loss_weight
        self.tag_loss = tag_loss


@dataclass
class LanmuOutput(ModelOutput):
    """What the network gives.

    Attributes:
        loss: Scalar, only with labels.
        theme_logits: ``[B, T]``.
        tag_logits: ``[B, L, K]``, K = len(TAGS), the special tokens included.
    """

    loss: Tensor | None = None
    theme_logits: Tensor | None = None
    tag_logits: Tensor | None = None


class ThemeHead(nn.Module):
    """Per-theme attention pooling and one sigmoid unit a theme.

    Each theme looks for its own evidence among the tokens (label-wise attention, Mullenbach et al., 2018), so one
    phrase in a long paragraph can decide.
    """

    def __init__(self, hidden_size: int, themes: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Linear(hidden_size, themes)
        self.output = nn.Linear(hidden_size, themes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, attention_mask: Tensor) -> Tensor:
        """``hidden [B, L, H]``, ``attention_mask [B, L]`` → logits ``[B, T]``."""
        hidden = self.dropout(hidden)
        weights = self.attention(hidden) + (1.0 - attention_mask[:, :, None].to(hidden.dtype)) * -1e4
        evidence = self.output(hidden)  # the unit is linear: weighing its outputs equals weighing the hidden states
        return (weights.softmax(dim=1) * evidence).sum(dim=1)


class LocalFeatures(nn.Module):
    """What stands right beside each character: two convolutions over the encoder's input embeddings and what the lexicon says.

    A name's edge is mostly told by its neighbours (Collobert et al., 2011). An encoder that has read little text learns that
    slowly through its layers of attention; a convolution learns it at once.
    """

    def __init__(self, hidden_size: int, width: int, lexicon_width: int, dropout: float) -> None:
        super().__init__()
        self.lexicon = nn.Embedding(LEXICON_ROWS, lexicon_width) if lexicon_width else None
        self.dropout = nn.Dropout(dropout)
        self.first = nn.Conv1d(hidden_size + lexicon_width * LEXICON_CHANNELS, width, kernel_size=5, padding=2)
        self.second = nn.Conv1d(width, width, kernel_size=3, padding=1)

    def forward(self, embedded: Tensor, attention_mask: Tensor, lexicon_ids: Tensor) -> Tensor:
        """``embedded [B, L, H]``, ``attention_mask [B, L]``, ``lexicon_ids [B, L, C]`` → ``[B, L, W]``.

        Padding is seen as zeros, as the text's edge is.
        """
        if self.lexicon is not None:
            embedded = torch.cat((embedded, self.dropout(self.lexicon(lexicon_ids).flatten(2))), dim=2)
        mask = attention_mask[:, None, :].to(embedded.dtype)
        first = nn.functional.gelu(self.first(embedded.transpose(1, 2) * mask)) * mask
        return nn.functional.gelu(self.second(self.dropout(first))).transpose(1, 2)


class LinearThemes(nn.Module):
    """A linear model of the themes over a window's n-grams, fitted apart from the network and added to its logits.

    With few annotated paragraphs a linear model over n-grams errs elsewhere than a network that reads the whole (wide and deep,
    Cheng et al., 2016). A row holds an n-gram's weight for each theme and, last, the square by which a window's weights are
    normalized, as TF-IDF vectors are. Training the network leaves the table as it is.
    """

    def __init__(self, rows: int, themes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(rows, themes + 1)
        self.table.weight.requires_grad_(False)

    def forward(self, ngram_ids: Tensor) -> Tensor:
        """``ngram_ids [B, L, N]`` → logits ``[B, T]``."""
        total = self.table(ngram_ids.flatten(1)).sum(dim=1)
        return total[:, :-1] * (total[:, -1:] + 1e-6).rsqrt()


class LinearTags(nn.Module):
    """A linear-chain conditional random field over n-grams and the lexicon, fitted apart from the network and added to its tag logits.

    It learns names and their edges from few paragraphs; the network learns what surrounds them (Lafferty et al., 2001; Huang
    et al., 2015, add the two likewise). Each token's weights speak of itself and of :data:`REACH` neighbours to either side. The scores of
    steps between tags are not read here but by the decoder; they are kept with the weights. Training the network leaves all as it is.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        outputs = (2 * REACH + 1) * len(TAGS)
        self.table = nn.Embedding(rows, outputs)
        self.lexicon = nn.Embedding(LEXICON_ROWS, outputs)
        self.bias = nn.Parameter(torch.zeros(len(TAGS)))
        self.transitions = nn.Parameter(torch.zeros(len(TAGS), len(TAGS)))
        self.requires_grad_(False)

    def forward(self, ngram_ids: Tensor, lexicon_ids: Tensor) -> Tensor:
        """``ngram_ids [B, L, N]``, ``lexicon_ids [B, L, C]`` → logits ``[B, L, K]``."""
        said = self.table(ngram_ids).sum(dim=2) + self.lexicon(lexicon_ids).sum(dim=2)
        said = nn.functional.pad(said, (0, 0, REACH, REACH))
        length, tags = ngram_ids.shape[1], len(TAGS)
        # Block k of what a token says is meant for the token k - REACH places before it.
        total = self.bias + said[:, 0:length, :tags]
        for k in range(1, 2 * REACH + 1):
            total = total + said[:, k : k + length, k * tags : (k + 1) * tags]
        return total


class LanmuModel(BertPreTrainedModel):
    """The encoder with both heads, as a ``transformers`` model."""

    config_class = LanmuConfig

    def __init__(self, config: LanmuConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        dropout = config.hidden_dropout_prob
        self.theme_head = ThemeHead(config.hidden_size + config.local_width, config.themes, dropout)
        self.dropout = nn.Dropout(dropout)
        self.local = LocalFeatures(config.hidden_size, config.local_width, config.lexicon_width, dropout) if config.local_width else None
        self.tag_head = nn.Linear(config.hidden_size + config.local_width, len(TAGS))
        # What a step from tag to tag adds, learnt with the loss "field". Read by the decoder, as are the linear part's own.
        self.tag_steps = nn.Parameter(torch.zeros(len(TAGS), len(TAGS)))
        self.auxiliary_head = nn.Linear(config.hidden_size + config.local_width, config.auxiliary_tags) if config.auxiliary_tags else None
        # Added to the characters that the encoder reads. From zero, so that an encoder that knows none begins as it was.
        self.lexicon = nn.Embedding(LEXICON_ROWS, config.hidden_size) if config.lexicon_width else None
        self.linear_themes = LinearThemes(config.ngram_rows, config.themes) if config.ngram_rows else None
        self.linear_tags = LinearTags(config.tag_ngram_rows) if config.tag_ngram_rows else None
        self.post_init()
        if self.linear_themes is not None:
            nn.init.zeros_(self.linear_themes.table.weight)
        if self.linear_tags is not None:
            nn.init.zeros_(self.linear_tags.table.weight)
            nn.init.zeros_(self.linear_tags.lexicon.weight)
        if self.lexicon is not None:
            nn.init.zeros_(self.lexicon.weight)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        lexicon_ids: Tensor,
        ngram_ids: Tensor | None = None,
        theme_labels: Tensor | None = None,
        tag_labels: Tensor | None = None,
        auxiliary_labels: Tensor | None = None,
    ) -> LanmuOutput:
        """Score a batch, and its loss where there are labels.

        Args:
            input_ids: ``[B, L]``.
            attention_mask: ``[B, L]``, 1 for a token and 0 for padding.
            lexicon_ids: ``[B, L, C]`` of :meth:`model.lexicon.Lexicon.ids`.
            ngram_ids: ``[B, L, N]`` of :meth:`model.ngrams.NgramIndex.ids`; read by the linear parts.
            theme_labels: ``[B, T]`` of 0, 1 or ``IGNORE``.
            tag_labels: ``[B, L]`` of a tag's index or ``IGNORE``.
            auxiliary_labels: ``[B, L]``, likewise, of the auxiliary scheme.
        """
        embedded = self.bert.embeddings.word_embeddings(input_ids)
        read = embedded if self.lexicon is None else embedded + self.lexicon(lexicon_ids).sum(dim=2)
        hidden = self.bert(inputs_embeds=read, attention_mask=attention_mask).last_hidden_state
        if self.local is not None:
            local = self.local(embedded, attention_mask, lexicon_ids)
            hidden = torch.cat((hidden, local), dim=2)
        theme_logits = self.theme_head(hidden, attention_mask)
        if self.linear_themes is not None and ngram_ids is not None:
            theme_logits = theme_logits + self.linear_themes(ngram_ids[:, :, :LONGEST])
        dropped = self.dropout(hidden)
        tag_logits = self.tag_head(dropped)
        if self.linear_tags is not None and ngram_ids is not None:
            tag_logits = tag_logits + self.linear_tags(ngram_ids[:, :, LONGEST:], lexicon_ids)
        loss: Tensor | None = None
        if theme_labels is not None or tag_labels is not None:
            loss = hidden.new_zeros((), dtype=torch.float32)
            if theme_labels is not None:
                loss = loss + self.config.theme_loss_weight * theme_loss(theme_logits, theme_labels)
            if tag_labels is not None:
                field = self.config.tag_loss == "field"
                loss = loss + (field_loss(tag_logits, tag_labels, self.tag_steps) if field else tag_loss(tag_logits, tag_labels))
            if auxiliary_labels is not None and self.auxiliary_head is not None:
                loss = loss + tag_loss(self.auxiliary_head(dropped), auxiliary_labels)
        return LanmuOutput(loss=loss, theme_logits=theme_logits, tag_logits=tag_logits)


def theme_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean binary cross-entropy over the known labels; 0 where none is known."""
    known = labels != IGNORE
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), labels.clamp(min=0).float(), reduction="none")
    return (losses * known).sum() / known.sum().clamp(min=1)


def tag_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy over the known tokens; 0 where none is known."""
    flat, target = logits.float().flatten(0, 1), labels.flatten()
    return nn.functional.cross_entropy(flat, target, ignore_index=IGNORE, reduction="sum") / (target != IGNORE).sum().clamp(min=1)


def field_loss(logits: Tensor, labels: Tensor, steps: Tensor) -> Tensor:
    """Negative log-likelihood a token of the tag sequences; 0 where none is known. A linear-chain conditional random field (Lafferty et al., 2001).

    A window may begin or end inside a name, so any tag may be a sequence's first or last.

    Args:
        logits: ``[B, L, K]``.
        labels: ``[B, L]``; ``IGNORE`` at each row's first place, then its N tags, then ``IGNORE``; throughout where its tags are unknown.
        steps: ``[K, K]``, what a step from tag ``row`` to tag ``column`` adds; those that are not allowed are as good as impossible.
    """
    rows = (labels[:, 1:2] != IGNORE).nonzero()[:, 0]
    tags = labels[rows, 1:]
    known = tags != IGNORE
    longest = int(known.sum(dim=1).max()) if len(rows) else 0
    if not longest:
        return logits.float().sum() * 0.0
    tags, known, scores = tags[:, :longest].clamp(min=0), known[:, :longest], logits[rows, 1 : longest + 1].float()
    steps = steps.float().masked_fill(~torch.from_numpy(ALLOWED).to(steps.device), -1e4)
    total = scores[:, 0]  # of all sequences up to a token, by its tag
    for i in range(1, longest):
        total = torch.where(known[:, i, None], torch.logsumexp(total[:, :, None] + steps, dim=1) + scores[:, i], total)
    given = (scores.gather(2, tags[:, :, None])[:, :, 0] * known).sum() + (steps[tags[:, :-1], tags[:, 1:]] * known[:, 1:]).sum()
    return (torch.logsumexp(total, dim=1).sum() - given) / known.sum()
