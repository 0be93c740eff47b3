"""A bundle on a BERT of the usual size, 12 layers × 768, from a Hugging Face folder to an answer over HTTP."""

import json
import urllib.request
from pathlib import Path

import onnx
import pytest
import torch
from click.testing import CliRunner
from transformers import BertConfig, BertModel

from model.bundle import read_bundle
from tests.readme_commands import ROOT, serving, set_keys
from tests.tiny import starter_records, write_records
from training.config import read_config
from training.train import command
from training.vocabulary import make_tokenizer, save_for_transformers


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Random weights; the hub's checkpoints have this architecture and their folders these files."""
    folder = tmp_path / "bert-base"
    torch.manual_seed(3)
    tokenizer = make_tokenizer([record.text for record in starter_records(60)], 8192)
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size())).save_pretrained(folder)
    save_for_transformers(tokenizer, folder, 512)
    return folder


@pytest.mark.slow
def test_a_checkpoint_of_twelve_layers_is_trained_exported_and_served(checkpoint: Path, checkout: Path, tmp_path: Path) -> None:
    config = tmp_path / "base.toml"
    config.write_text((ROOT / "training/configs/base.toml").read_text(encoding="utf-8"), encoding="utf-8")
    records = write_records(tmp_path / "records.jsonl", starter_records(60))
    smaller = f'base = "{checkpoint}"\noutput = "run"\ntrain = ["{records}"]\ndev = ["{records}"]\nmax_steps = 2\nbatch_size = 4\n'
    set_keys(config, smaller + "linear_ngrams = 300\ntag_iterations = 20")
    assert (read_config(config).layers, read_config(config).learning_rate) == (0, 3e-5)
    result = CliRunner().invoke(command, [str(config)])
    assert result.exit_code == 0, result.output
    bundle = tmp_path / "run" / "bundle"
    assert json.loads((bundle / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"] == 12
    # 85 million weights in int8, and little beside them.
    assert 85e6 < (bundle / "serving.onnx").stat().st_size < 110e6
    quantized = [node for node in onnx.load(str(bundle / "serving.onnx")).graph.node if node.op_type == "MatMul"]
    assert len(quantized) >= 12 * 6
    with serving(f".venv/bin/lanmu serve --bundle {bundle}", checkout) as (address, label):
        assert label == read_bundle(bundle).label
        body = json.dumps({"documents": [{"id": "1", "text": "市教育局取消三项证明。"}]}).encode()
        request = urllib.request.Request(f"http://{address}/v1/label", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.loads(response.read())
    (paragraph,) = answer["documents"][0]["paragraphs"]
    assert paragraph["text"] == "市教育局取消三项证明。"
