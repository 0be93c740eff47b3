"""A WordPiece vocabulary drawn from texts: each Chinese character is a token, other writing is cut into pieces."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from model.encoding import TOKENIZER
from model.errors import BundleError

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LEAST_COUNT = 2
_NOT_PIECES = 600
"""Entries kept for pieces of several letters or digits, at least."""


def common_characters() -> list[str]:
    """The 6,763 Chinese characters of GB 2312-1980: those of names too, also where the texts have few of them."""
    codes = (bytes((row, cell)) for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    return [one for code in codes if (one := code.decode("gb2312", errors="ignore"))]


def common_symbols() -> list[str]:
    """Marks, digits and small letters of ASCII, and the signs of quotations, numbers and lists: wanted also where the texts lack them."""
    ascii_ones = [chr(code) for code in range(0x21, 0x7F) if not chr(code).isupper()]
    small_roman, circled = map(chr, range(0x2170, 0x217C)), map(chr, range(0x2460, 0x2474))
    marks, signs = "，。、；：？！“”‘’（）《》〈〉【】〔〕「」『』…—–·～", "￥¥€£℃°′″‰§№×÷±≤≥←↑→↓■□●○◆◇★☆※▲△"
    return [*ascii_ones, *marks, *signs, *small_roman, *circled]


def make_tokenizer(folded: Iterable[str], size: int) -> Tokenizer:
    """Count ``folded`` texts and draw a vocabulary of at most ``size`` entries.

    Characters of GB 2312 and common signs come in whatever their number; others where they stand in the texts twice. Letters are lower-case, without
    accents; numbers and Latin words are cut into the pieces that are common.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=LEAST_COUNT,
        limit_alphabet=max(1, size - _NOT_PIECES),
        initial_alphabet=[*common_characters(), *common_symbols()] if size > 8000 else [],
        special_tokens=list(SPECIAL),
        show_progress=False,
    )
    tokenizer.train_from_iterator(folded, trainer)
    # The trainer numbers some entries in an order that differs from run to run.
    entries = sorted(set(tokenizer.get_vocab(with_added_tokens=False)) - set(SPECIAL), key=lambda entry: (len(entry.removeprefix("##")), entry))
    tokenizer.model = models.WordPiece({entry: number for number, entry in enumerate((*SPECIAL, *entries))}, unk_token="[UNK]")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, token_id(tokenizer, token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def token_id(tokenizer: Tokenizer, token: str) -> int:
    """The id of a special token.

    Raises:
        BundleError: If the vocabulary has no such token.
    """
    found: int | None = tokenizer.token_to_id(token)
    if found is None:
        raise BundleError(f"the tokenizer has no {token}: expected a BERT vocabulary")
    return found


def save_for_transformers(tokenizer: Tokenizer, folder: Path, positions: int) -> None:
    """Write what ``AutoTokenizer.from_pretrained`` reads, ``tokenizer.json`` among it."""
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=positions, **special).save_pretrained(folder)
    if not (folder / TOKENIZER).is_file():
        raise OSError(f"no {TOKENIZER} was written in {folder}")
