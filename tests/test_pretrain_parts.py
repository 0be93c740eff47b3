"""What pre-training is made of: vocabulary, packed rows, masks, beginnings, objectives, optimizer."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertForMaskedLM, BertModel

from model.folding import fold
from tests.tiny import starter_records
from training.beginnings import begin_with_neighbours, cooccurrence_vectors
from training.config import ConfigError
from training.masking import Collator, choose
from training.objectives import MaskedModel, ReplacedModel, encoder_config
from training.optimizers import MuonWithAdamW, muon_with_adamw
from training.packing import WORD_START, RowArray, held_out, pack, word_starts
from training.pretrain_config import PretrainConfig, read_pretrain_config
from training.texts import text_files
from training.vocabulary import common_characters, make_tokenizer, save_for_transformers, token_id

TEXTS = [record.text for record in starter_records(60)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return make_tokenizer([fold(text) for text in TEXTS], 2000)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in TEXTS), encoding="utf-8")
    return path


def collator(rows: RowArray, tokenizer: Tokenizer, masking: str = "word", noise: bool = True, long_share: float = 0.0) -> Collator:
    special = [token_id(tokenizer, token) for token in ("[PAD]", "[CLS]", "[SEP]")]
    ids = token_id(tokenizer, "[CLS]"), token_id(tokenizer, "[MASK]")
    return Collator(rows, tokenizer.get_vocab_size(), special, *ids, 0.15, masking, 32, long_share, noise, 42)


def test_a_chinese_character_is_a_token_and_numbers_and_latin_survive() -> None:
    tokenizer = make_tokenizer([fold("市政务服务中心热线12345、GDP增长5.2%，2026年") for _ in range(3)], 2000)
    encoded = tokenizer.encode(fold("市政务服务中心１２３４５热线，GDP增长5.2%"), add_special_tokens=False)
    assert encoded.tokens[:7] == list("市政务服务中心")
    assert "".join(token.removeprefix("##") for token in encoded.tokens) == "市政务服务中心12345热线，gdp增长5.2%"
    assert "[UNK]" not in encoded.tokens


def test_a_vocabulary_of_usual_size_has_the_characters_of_names_that_the_texts_lack() -> None:
    assert len(common_characters()) == 6763
    tokenizer = make_tokenizer([fold(text) for text in TEXTS], 8192)
    assert "[UNK]" not in tokenizer.encode("邕宁 郯城 睢阳 濮阳 昱 珏", add_special_tokens=False).tokens
    assert "[UNK]" not in tokenizer.encode(fold("＄100、￥20 ^ ` ① Ⅶ 《『“"), add_special_tokens=False).tokens


def test_transformers_loads_the_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_for_transformers(tokenizer, tmp_path, 64)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    ids = loaded("市政府")["input_ids"]
    assert loaded.convert_ids_to_tokens(ids) == ["[CLS]", "市", "政", "府", "[SEP]"]
    assert loaded.mask_token == "[MASK]"


def test_rows_hold_every_text_in_order_without_padding(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    rows = np.asarray(pack([str(texts)], tokenizer, 64, tmp_path / "packed")).reshape(-1)
    ids = rows & (WORD_START - 1)
    joined = "".join(str(tokenizer.id_to_token(int(one))).removeprefix("##") for one in ids)
    expected = "[SEP]".join(
        "".join(token.removeprefix("##") for token in tokenizer.encode(fold(text), add_special_tokens=False).tokens) for text in TEXTS
    )
    assert expected.startswith(joined)
    whole = sum(len(tokenizer.encode(fold(text), add_special_tokens=False).ids) + 1 for text in TEXTS)
    assert len(rows) == whole // 64 * 64
    assert not (ids == token_id(tokenizer, "[PAD]")).any()


def test_rows_are_packed_once_and_anew_for_other_texts(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    first = np.array(pack([str(texts)], tokenizer, 64, tmp_path / "packed"))
    written = (tmp_path / "packed" / "rows.npy").stat().st_mtime_ns
    pack([str(texts)], tokenizer, 64, tmp_path / "packed")
    assert (tmp_path / "packed" / "rows.npy").stat().st_mtime_ns == written
    texts.write_text(texts.read_text(encoding="utf-8") * 2, encoding="utf-8")
    assert len(pack([str(texts)], tokenizer, 64, tmp_path / "packed")) > len(first)


def test_texts_that_fill_no_row_are_an_error(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "short.jsonl"
    path.write_text('{"text": "市政府"}\n', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"at least 64 tokens, got 4: .*short\.jsonl"):
        pack([str(path)], tokenizer, 64, tmp_path / "packed")


def test_a_folder_stands_for_its_jsonl_files_and_an_empty_one_is_an_error(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl.zst", "notes.md"):
        (tmp_path / name).touch()
    assert [Path(one).name for one in text_files([str(tmp_path)])] == ["a.jsonl.zst", "b.jsonl"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: expected a file, or a folder"):
        text_files([str(tmp_path / "empty")])


def test_held_out_rows_are_spread_and_few() -> None:
    assert held_out(100, 4).tolist() == [0, 25, 50, 75]
    with pytest.raises(ConfigError, match="at most a tenth of the 100"):
        held_out(100, 11)


def test_word_masks_hide_whole_words_and_never_a_special_token() -> None:
    text = "自治区人民政府办公厅印发通知要求压缩审批时限" * 20
    begins = word_starts(text)[None, :-1]
    may = np.ones_like(begins)
    may[0, 0] = False
    hidden = choose(begins, may, 0.15, "word", np.random.default_rng(1))
    starts = np.flatnonzero(begins[0])
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        word = hidden[0, max(start, 1) : end]
        assert word.all() or not word.any()
    assert 0.1 < hidden.mean() < 0.2
    assert not hidden[0, 0]


@pytest.mark.parametrize("masking", ["word", "span", "token"])
def test_the_share_that_is_hidden_is_the_one_asked_for(masking: str) -> None:
    rng = np.random.default_rng(3)
    begins = rng.random((64, 256)) < 0.6
    hidden = choose(begins, np.ones_like(begins), 0.2, masking, rng)
    assert hidden.mean() == pytest.approx(0.2, abs=0.02)


def test_spans_are_longer_than_tokens() -> None:
    rng = np.random.default_rng(3)
    all_may = np.ones((64, 256), np.bool_)
    runs = {}
    for masking in ("span", "token"):
        hidden = choose(all_may, all_may, 0.15, masking, rng)
        begun = hidden[:, 1:] & ~hidden[:, :-1]
        runs[masking] = hidden.sum() / begun.sum()
    assert runs["span"] > 2.5
    assert runs["token"] < 1.4


def test_a_batch_depends_on_its_rows_alone_and_says_what_was_hidden(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    rows = pack([str(texts)], tokenizer, 64, tmp_path)
    make = collator(rows, tokenizer)
    one, again, other = make([3, 1]), make([3, 1]), make([1, 3])
    assert torch.equal(one["input_ids"], again["input_ids"])
    assert not torch.equal(one["positions"], other["positions"])
    assert one["input_ids"].shape == (4, 32)  # two rows of 64, cut into stretches of 32
    assert (one["original_ids"][:, 0] == token_id(tokenizer, "[CLS]")).all()
    changed = torch.nonzero((one["input_ids"] != one["original_ids"]).flatten()).flatten()
    assert set(changed.tolist()) <= set(one["positions"].tolist())
    assert collator(rows, tokenizer, long_share=1.0)([3, 1])["input_ids"].shape == (2, 64)


def test_one_in_ten_hidden_tokens_is_left_and_one_in_ten_is_another(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    rows = pack([str(texts)], tokenizer, 64, tmp_path)
    batch = collator(rows, tokenizer, "token")(range(len(rows)))
    shown, original = batch["input_ids"].flatten()[batch["positions"]], batch["original_ids"].flatten()[batch["positions"]]
    mask = token_id(tokenizer, "[MASK]")
    assert (shown == mask).float().mean().item() == pytest.approx(0.8, abs=0.06)
    assert (shown == original).float().mean().item() == pytest.approx(0.1, abs=0.05)
    quiet = collator(rows, tokenizer, "token", noise=False)(range(len(rows)))
    assert (quiet["input_ids"].flatten()[quiet["positions"]] == mask).all()


def test_heads_of_the_lowest_layers_begin_by_looking_at_their_neighbours() -> None:
    torch.manual_seed(0)
    config = encoder_config(500, 384, 2, 6, 64, 128)
    config._attn_implementation = "eager"
    bert = BertModel(config, add_pooling_layer=False)
    begin_with_neighbours(bert)
    ids = torch.randint(5, 500, (1, 40))
    with torch.no_grad():
        first, second = bert(ids, output_attentions=True).attentions
    for head, shift in enumerate((-1, 1, -2, 2, -3, 3)):
        looked_at = first[0, head, 5:35].argmax(dim=1) - torch.arange(5, 35)
        assert (looked_at == shift).float().mean() > 0.8, (head, shift, looked_at)
    assert ((second[0, 0, 5:35].argmax(dim=1) - torch.arange(5, 35)) == -1).float().mean() > 0.6


def test_cooccurrence_puts_tokens_of_like_neighbours_together() -> None:
    # 10 and 11 stand in the same places, 12 elsewhere.
    rng = np.random.default_rng(0)
    pieces = [[20, rng.choice([10, 11]), 21] if rng.random() < 0.5 else [22, 12, 23] for _ in range(4000)]
    rows = np.array(pieces, np.uint16).reshape(-1, 60)
    vectors = cooccurrence_vectors(rows, 30, 8, 0)
    near, far = (torch.cosine_similarity(vectors[10], vectors[other], dim=0).item() for other in (11, 12))
    assert near > 0.9
    assert far < 0.5
    assert vectors[5].abs().sum() == 0  # never met


def test_the_loss_is_that_of_transformers_own_masked_model(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = pack([str(texts)], tokenizer, 64, tmp_path)
    batch = collator(rows, tokenizer)(range(4))
    config = encoder_config(tokenizer.get_vocab_size(), 32, 2, 2, 64, 64)
    ours, theirs = MaskedModel(config), BertForMaskedLM(config)
    theirs.bert.load_state_dict(ours.bert.state_dict())
    theirs.cls.predictions.transform.load_state_dict(ours.guess.transform.state_dict())
    labels = torch.full_like(batch["original_ids"], -100)
    labels.view(-1)[batch["positions"]] = batch["original_ids"].view(-1)[batch["positions"]]
    expected = theirs(input_ids=batch["input_ids"], labels=labels).loss
    assert ours(**batch)["loss"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_replaced_tokens_are_learnt_to_be_found(tokenizer: Tokenizer, texts: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    rows = pack([str(texts)], tokenizer, 64, tmp_path)
    make = collator(rows, tokenizer, noise=False)
    model = ReplacedModel(encoder_config(tokenizer.get_vocab_size(), 32, 2, 2, 64, 64), generator_layers=1, detection_weight=50.0)
    optimizer = muon_with_adamw(model, 3e-3, 0.0)
    losses = []
    for _ in range(40):
        output = model(**make(range(4)))
        output["loss"].backward()
        assert all(one.grad is not None for one in model.parameters() if one is not model.bert.embeddings.token_type_embeddings.weight)
        optimizer.step()
        optimizer.zero_grad()
        losses.append((output["guess_loss"].item(), output["detect_loss"].item()))
    assert losses[-1][0] < losses[0][0] - 1
    assert losses[-1][1] < losses[0][1] - 0.1


def test_muon_takes_the_matrices_of_the_layers_and_its_state_can_be_read_back() -> None:
    torch.manual_seed(0)
    model = MaskedModel(encoder_config(50, 16, 1, 2, 32, 16))
    optimizer = muon_with_adamw(model, 1e-2, 0.0)
    # Of a layer: query, key, value, output, and the two of the feed-forward part.
    assert len(optimizer.param_groups[0]["params"]) == 6
    batch = {"input_ids": torch.randint(5, 50, (2, 8)), "original_ids": torch.randint(5, 50, (2, 8)), "positions": torch.tensor([1, 9])}

    def step(optimizer: MuonWithAdamW) -> None:
        optimizer.zero_grad()
        model(**batch)["loss"].backward()
        optimizer.step()

    step(optimizer)
    kept, state = {name: tensor.clone() for name, tensor in model.state_dict().items()}, optimizer.state_dict()
    state = torch.load(_saved(state), weights_only=True)
    step(optimizer)
    once = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(kept)
    fresh = muon_with_adamw(model, 1e-2, 0.0)
    fresh.load_state_dict(state)
    step(fresh)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, once[name]), name


def _saved(state: dict[str, object]) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


ENOUGH = 'texts = ["texts.jsonl"]\noutput = "run"\ntokens = 1000\n'


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ('objective = "causal"', "key 'objective': expected masked, replaced, got 'causal'"),
        ("layer = 3", "unknown key 'layer'"),
        ("row_tokens = 100", "key 'row_tokens': expected a multiple of 128, got 100"),
        ("row_tokens = 1024", "key 'row_tokens': expected at most the 512 of 'positions', got 1024"),
        ("heads = 5", "key 'hidden_size': expected a multiple of 5, got 384"),
        ("mask_share = 1.5", "key 'mask_share': expected a share between 0 and 1, got 1.5"),
        ("batch_tokens = 0", "key 'batch_tokens': expected at least 1, got 0"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_key(more: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(ENOUGH + more + "\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        read_pretrain_config(path)
    assert what in str(error.value)


def test_paths_of_a_configuration_are_relative_to_it(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(ENOUGH, encoding="utf-8")
    assert read_pretrain_config(path) == PretrainConfig((str(tmp_path / "texts.jsonl"),), str(tmp_path / "run"), 1000)
