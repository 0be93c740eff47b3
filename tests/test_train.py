"""From annotated paragraphs to a network and on to a bundle: what is learnt, kept, refused and resumed."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from onnxruntime import InferenceSession

from data.themes import Theme, read_themes
from model.batching import batches, distinct_windows
from model.bundle import BUNDLED, NETWORK, SERVING, THEMES, read_bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.encoding import LEXICON, NGRAMS, TOKENIZER, Encoder
from model.errors import BundleError
from model.network import LinearTags
from model.ngrams import LONGEST, NgramIndex
from model.tags import NO_TRANSITIONS
from tests.tiny import starter_records, tiny_config, write_records
from training.base import load_network, new_network
from training.config import ConfigError, read_config
from training.export import Figures, ParityError, check_parity, export_run
from training.labelling import BundleLabeller
from training.linear_tags import transitions_of
from training.onnx_graph import RowQuantizedEmbedding, to_onnx
from training.runtime import TorchSession, reference_classifier
from training.scoring import department_f1, macro_f1
from training.train import Clock, command, read_sets, train

NEW_THEME = Theme("rural", "乡村振兴", "Rural revival", "乡村产业和治理。")


@pytest.fixture(scope="session")
def tiny_bundle(tiny_run: Path) -> Path:
    """The bundle of the tiny run."""
    return export_run(tiny_run, tiny_run / "bundle", "tiny", "onnxruntime").path


def test_a_run_leaves_all_that_goes_on_from_it(tiny_run: Path) -> None:
    folder = tiny_run / "network"
    assert {NETWORK, "config.json", THEMES, TOKENIZER, LEXICON, NGRAMS, "training.json"} <= {path.name for path in folder.iterdir()}
    about = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    assert (about["records"], about["dev"]) == (60, 60)
    assert about["config"]["linear_ngrams"] == 300


def test_the_bundle_labels_what_the_network_learnt_by_heart(tiny_bundle: Path) -> None:
    records = starter_records(60)
    labeller = BundleLabeller(Classifier.open(tiny_bundle, "onnxruntime", 1))
    predictions = labeller.label(records)
    assert macro_f1(records, predictions, read_themes()) > 0.9
    assert department_f1(records, predictions) > 0.8


def test_the_manifest_tells_what_quantization_cost(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    parity = bundle.about["parity"]
    for name in ("theme", "department"):
        assert parity[f"{name}_points_lost"] <= 0.5
    assert bundle.name == "tiny"
    assert bundle.label in f"tiny@{bundle.version}"
    assert bundle.about["training"]["loss"]["gold"][-1][1] < bundle.about["training"]["loss"]["gold"][0][1]
    card = (tiny_bundle / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("# Model card: lanmu bundle `tiny`\n")
    assert "On the held-out paragraphs that thresholds were fitted on, so they flatter." in card
    assert "| departments, exact span | " in card


def test_a_loss_over_the_gate_is_refused() -> None:
    with pytest.raises(ParityError, match=r"int8 loses 0\.60 points of F1 in departments; at most 0\.5"):
        check_parity(Figures(0.9, 0.9), Figures(0.9, 0.894))
    assert check_parity(Figures(0.9, 0.9), Figures(0.91, 0.896))["theme_points_lost"] == -1.0


def test_the_exported_graph_computes_what_the_network_does(tiny_run: Path, tmp_path: Path) -> None:
    network = load_network(tiny_run / "network")
    encoder = Encoder.from_folder(tiny_run / "network", 64, 16)
    windows, _ = distinct_windows(encoder.encode([record.text for record in starter_records(60)]))
    random = np.random.default_rng(3)
    network.linear_tags, network.config.tag_ngram_rows = LinearTags(50), 50
    for parameter in network.linear_tags.parameters():
        parameter.data.normal_()
    planned = [replace(batch, ngram_ids=np.minimum(batch.ngram_ids, 40)) for batch in batches(windows, 200)]
    for batch in planned:
        batch.ngram_ids[..., LONGEST:] = random.integers(0, 50, batch.ngram_ids[..., LONGEST:].shape)
    expected = list(TorchSession(network).run(planned))
    to_onnx(network, tmp_path / "network.onnx")
    session = InferenceSession(str(tmp_path / "network.onnx"), providers=["CPUExecutionProvider"])
    for batch, scores in zip(planned, expected, strict=True):
        themes, tags = session.run(["theme_logits", "tag_logits"], batch.inputs)
        assert np.abs(themes - scores.theme_logits).max() < 0.3  # its embedding tables are int8
        assert np.abs(tags - scores.tag_logits)[batch.attention_mask > 0].mean() < 0.05


def test_no_folder_of_this_machine_stands_in_the_weights(tiny_bundle: Path) -> None:
    content = (tiny_bundle / SERVING).read_bytes()
    assert str(Path(__file__).resolve().parents[1]).encode() not in content
    assert b"site-packages" not in content


def test_an_int8_table_is_off_by_half_a_step_at_most() -> None:
    table = torch.nn.Embedding(50, 8)
    ids = torch.arange(50)
    step = table.weight.detach().abs().amax(dim=1, keepdim=True) / 127
    assert ((RowQuantizedEmbedding(table)(ids) - table(ids)).abs() <= step / 2 + 1e-6).all()


def test_training_goes_on_from_a_bundles_weights_nearly_as_they_were(tiny_run: Path, tiny_bundle: Path) -> None:
    windows, _ = distinct_windows(Encoder.from_folder(tiny_bundle, 64, 16).encode([record.text for record in starter_records(20)]))
    whole, kept = (load_network(folder) for folder in (tiny_run / "network", tiny_bundle))
    for batch in batches(windows):
        before, after = (next(TorchSession(network).run([batch])) for network in (whole, kept))
        assert np.abs(before.theme_logits - after.theme_logits).max() < 0.3
        assert np.abs(before.tag_logits - after.tag_logits)[batch.attention_mask > 0].mean() < 0.05
    assert (tiny_bundle / NETWORK).stat().st_size < 0.5 * (tiny_run / "network" / NETWORK).stat().st_size


def test_a_known_theme_keeps_its_weights_beside_a_new_one(tiny_run: Path, tmp_path: Path) -> None:
    known = read_themes()
    windows, _ = distinct_windows(Encoder.from_folder(tiny_run / "network", 64, 16).encode(["市教育局取消三项证明，当日办结。"]))
    (batch,) = batches(windows)
    before = next(TorchSession(load_network(tiny_run / "network")).run([batch]))
    after = next(TorchSession(new_network(str(tiny_run / "network"), (NEW_THEME, *known))).run([batch]))
    assert after.theme_logits.shape == (1, len(known) + 1)
    np.testing.assert_allclose(after.theme_logits[:, 1:], before.theme_logits, atol=1e-5)
    np.testing.assert_allclose(after.tag_logits, before.tag_logits, atol=1e-5)


def test_linear_parts_are_fitted_weighed_and_kept_by_what_goes_on(tiny_checkpoint: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.jsonl", starter_records(60))
    first = train(tiny_config(tiny_checkpoint, tmp_path / "first", records, dev=(str(records),), max_steps=2, tag_iterations=40))
    network = load_network(first)
    assert network.linear_themes is None
    assert network.linear_tags is not None
    steps = transitions_of(network.linear_tags)
    assert steps != NO_TRANSITIONS
    assert len(NgramIndex.from_file(first / NGRAMS).departments) == network.config.tag_ngram_rows - 1
    calibrations = tuple(Calibration() for _ in read_themes())
    classifier = reference_classifier(TorchSession(network), first, read_themes(), calibrations, 1.0, (64, 16), steps)
    assert department_f1(starter_records(60), BundleLabeller(classifier).label(starter_records(60))) > 0.9  # two steps taught the network nothing

    second = load_network(
        train(tiny_config(first, tmp_path / "second", records, dev=(str(records),), max_steps=1, linear_ngrams=200, tag_iterations=40))
    )
    assert second.linear_themes is not None
    assert second.linear_tags is not None
    assert torch.equal(second.linear_tags.table.weight, network.linear_tags.table.weight)
    assert transitions_of(second.linear_tags) == steps

    NgramIndex(departments=np.array([1, 2, 3], np.uint64)).save(first / NGRAMS)
    with pytest.raises(BundleError, match=r"ngrams\.npz: expected \d+ n-grams for the departments' linear part, got 3"):
        train(tiny_config(first, tmp_path / "third", records, max_steps=1))


def test_the_lowest_layers_of_a_base_are_kept(tiny_checkpoint: Path) -> None:
    whole, part = (new_network(str(tiny_checkpoint), read_themes(), layers=layers) for layers in (0, 1))
    assert (len(whole.bert.encoder.layer), len(part.bert.encoder.layer)) == (2, 1)
    for name, weight in part.bert.state_dict().items():
        assert torch.equal(weight, whole.bert.state_dict()[name])


def test_a_base_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}', encoding="utf-8")
    with pytest.raises(BundleError, match="expected a BERT checkpoint, got model_type 'gpt2'"):
        new_network(str(tmp_path), read_themes())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    optimizer: str, tiny_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = write_records(tmp_path / "records.jsonl", starter_records(60))
    config = tiny_config(tiny_checkpoint, tmp_path / "run", records, save_steps=2, max_steps=4, optimizer=optimizer)
    train(config)
    weights = (tmp_path / "run" / "network" / NETWORK).read_bytes()
    state = torch.load(tmp_path / "run" / "gold" / "checkpoint-4" / "optimizer.pt", weights_only=True)
    # Of each of the two layers: query, key, value, output, and the two of the feed-forward part.
    assert len(state["muon"]["state"] if "muon" in state else ()) == (12 if optimizer == "muon" else 0)
    for left in (tmp_path / "run" / "network").iterdir():
        left.unlink()
    capsys.readouterr()
    train(config)
    assert "gold: going on from checkpoint-4" in capsys.readouterr().out
    assert (tmp_path / "run" / "network" / NETWORK).read_bytes() == weights


def test_another_training_in_the_folder_is_refused_with_what_differs(tiny_checkpoint: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.jsonl", starter_records(60))
    train(tiny_config(tiny_checkpoint, tmp_path / "run", records, max_steps=1))
    train(tiny_config(tiny_checkpoint, tmp_path / "run", records, max_steps=1, save_steps=7))
    with pytest.raises(ConfigError, match="holds a training with other learning_rate: name another folder in key 'output'"):
        train(tiny_config(tiny_checkpoint, tmp_path / "run", records, max_steps=1, learning_rate=0.5))
    write_records(records, starter_records(54))
    with pytest.raises(ConfigError, match="holds a training with other paragraphs"):
        train(tiny_config(tiny_checkpoint, tmp_path / "run", records, max_steps=1))


def test_the_minutes_before_a_kill_are_counted(tmp_path: Path) -> None:
    (tmp_path / "minutes.txt").write_text("12.5\n", encoding="utf-8")
    clock = Clock(tmp_path / "minutes.txt")
    assert 12.5 <= clock.minutes < 12.6
    clock.on_save()
    assert (tmp_path / "minutes.txt").read_text(encoding="utf-8") == "12.50\n"


def test_a_run_with_nothing_to_train_on_is_told_in_a_line(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("", encoding="utf-8")
    (tmp_path / "c.toml").write_text(f'base = "{tiny_checkpoint}"\noutput = "run"\ntrain = ["empty.jsonl"]\n', encoding="utf-8")
    result = CliRunner().invoke(command, [str(tmp_path / "c.toml")])
    assert result.exit_code == 1
    assert result.output.startswith("Error: nothing to train on")
    assert "Traceback" not in result.output


def test_a_share_of_split_joins_dev_and_the_rest_train(tiny_checkpoint: Path, tmp_path: Path) -> None:
    records = starter_records(40)
    for name, part in (("train", records[:5]), ("dev", records[5:10]), ("both", records[10:])):
        write_records(tmp_path / f"{name}.jsonl", part)
    keys = f'base = "{tiny_checkpoint}"\noutput = "run"\ntrain = ["train.jsonl"]\nsplit = ["both.jsonl"]\ndev_share = 0.4\n'
    for dev in ([], ["dev.jsonl"]):
        (tmp_path / "c.toml").write_text(f"{keys}dev = {json.dumps(dev)}\n", encoding="utf-8")
        train, held = read_sets(read_config(tmp_path / "c.toml"), read_themes())
        ids = [{record.id for record in part} for part in (train, held)]
        given, own = ({record.id for record in part} for part in (records[:5], records[5:10] if dev else []))
        assert given <= ids[0]
        assert own <= ids[1]
        assert not ids[0] & ids[1]
        assert ids[0] | ids[1] == given | own | {record.id for record in records[10:]}
        assert 5 <= len(ids[1] - own) <= 20  # 12 of 30 on average


@pytest.mark.bundle
def test_the_bundle_that_ships_can_be_gone_on_from() -> None:
    bundle = read_bundle(BUNDLED)
    network = load_network(BUNDLED)
    text = "市教育局取消三项证明，当日办结。"
    classifier = Classifier.open(BUNDLED, "onnxruntime", 1)
    windows, _ = distinct_windows(Encoder.from_folder(BUNDLED, bundle.window_tokens, bundle.overlap_tokens).encode([text]))
    (batch,) = batches(windows)
    served = classifier.score([text])[1][0]
    trained = next(TorchSession(network).run([batch]))
    assert np.abs(served.theme_logits - trained.theme_logits[0]).max() < 1.0
    assert (served.tag_logits.argmax(axis=1) == trained.tag_logits[0, 1:-1].argmax(axis=1)).mean() > 0.9
