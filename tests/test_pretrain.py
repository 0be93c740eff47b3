"""``lanmu pretrain`` as its user runs it: one command from texts to an encoder, killed and gone on with, on one process and on two."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

from model.folding import fold
from tests.tiny import starter_records, tiny_config, write_records
from training.pretrain import command
from training.pretrain_progress import CURVE, read_curve
from training.train import train

SETTINGS = {
    "tokens": 64 * 4 * 12,
    "vocabulary": 1500,
    "hidden_size": 32,
    "layers": 2,
    "heads": 4,
    "intermediate_size": 64,
    "positions": 64,
    "row_tokens": 64,
    "short_row_tokens": 32,
    "batch_tokens": 256,
    "held_out_rows": 2,
    "save_steps": 4,
    "bf16": "no",
}


def configured(folder: Path, **changes: object) -> Path:
    folder.mkdir(exist_ok=True)
    texts = folder / "texts.jsonl"
    texts.write_text("".join(json.dumps({"text": one.text}, ensure_ascii=False) + "\n" for one in starter_records(60)), encoding="utf-8")
    values = {"texts": ["texts.jsonl"], "output": "run", **SETTINGS, **changes}
    path = folder / "pretrain.toml"
    path.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items()), encoding="utf-8")
    return path


def run(config: Path) -> Result:
    torch.set_num_threads(1)
    result = CliRunner().invoke(command, [str(config)])
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    run(configured(folder))
    return folder / "run"


def test_the_encoder_is_loaded_by_transformers_and_reads(pretrained: Path) -> None:
    tokenizer, encoder = AutoTokenizer.from_pretrained(pretrained / "encoder"), AutoModel.from_pretrained(pretrained / "encoder")
    inputs = tokenizer(fold("市政务服务中心把审批时限压缩到三天。"), return_tensors="pt")
    hidden = encoder(**inputs).last_hidden_state
    assert hidden.shape == (1, inputs["input_ids"].shape[1], 32)
    assert torch.isfinite(hidden).all()


def test_the_curve_tells_loss_and_held_out_loss_at_each_checkpoint(pretrained: Path) -> None:
    curve = read_curve(pretrained / CURVE)
    assert [(one["step"], one["tokens"]) for one in curve] == [(4, 1024), (8, 2048), (12, 3072)]
    assert curve[-1]["held_out_loss"] < curve[0]["held_out_loss"]
    assert list((pretrained / "logs").glob("events.out.tfevents*"))


def test_the_same_seed_gives_the_same_encoder_and_a_run_cut_short_goes_on_to_it(pretrained: Path, tmp_path: Path) -> None:
    run(configured(tmp_path, max_steps=5))
    first = read_curve(tmp_path / "run" / CURVE)
    assert [one["step"] for one in first] == [4, 5]
    result = run(configured(tmp_path, max_steps=0))
    assert "going on from checkpoint-5" in result.output
    whole, resumed = (load_file(folder / "encoder" / "model.safetensors") for folder in (pretrained, tmp_path / "run"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    assert read_curve(tmp_path / "run" / CURVE)[-1]["held_out_loss"] == read_curve(pretrained / CURVE)[-1]["held_out_loss"]


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_to_the_same_encoder(pretrained: Path, tmp_path: Path) -> None:
    config = configured(tmp_path)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-m", "training.pretrain", str(config)], env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "run").glob("checkpoints/checkpoint-*/trainer_state.json")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([sys.executable, "-m", "training.pretrain", str(config)], env=environment, check=True, stdout=subprocess.DEVNULL)
    whole, resumed = (load_file(folder / "encoder" / "model.safetensors") for folder in (pretrained, tmp_path / "run"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, resumed[name]), name
    assert [one["step"] for one in read_curve(tmp_path / "run" / CURVE)][-1] == 12


def test_other_settings_want_another_folder(pretrained: Path) -> None:
    config = configured(pretrained.parent, mask_share=0.3)
    result = CliRunner().invoke(command, [str(config)])
    assert result.exit_code == 1
    assert "holds a pre-training with other mask_share" in result.output
    configured(pretrained.parent)


def test_going_on_from_an_encoder_begins_where_it_was(pretrained: Path, tmp_path: Path) -> None:
    run(configured(tmp_path, start=str(pretrained / "encoder"), tokens=256 * 2, save_steps=1, learning_rate=1e-5))
    began = read_curve(tmp_path / "run" / CURVE)[0]["held_out_loss"]
    ended = read_curve(pretrained / CURVE)[-1]["held_out_loss"]
    assert began == pytest.approx(ended, abs=0.05)


def test_a_start_that_is_no_encoder_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(configured(tmp_path, start="nothing"))])
    assert result.exit_code == 1
    assert "holds no tokenizer.json: expected an encoder's folder" in result.output


def test_replaced_tokens_and_a_probe(tmp_path: Path) -> None:
    write_records(tmp_path / "annotated.jsonl", starter_records(30))
    config = configured(
        tmp_path,
        objective="replaced",
        optimizer="adamw",
        schedule="cosine",
        save_steps=12,
        probe=["annotated.jsonl"],
        probe_paragraphs=20,
        probe_epochs=1,
    )
    run(config)
    (point,) = read_curve(tmp_path / "run" / CURVE)
    assert 0 <= point["probe_department_f1"] <= 1
    assert 0 <= point["probe_theme_macro_f1"] <= 1


def test_training_starts_from_what_was_pretrained(pretrained: Path, tmp_path: Path) -> None:
    records = write_records(tmp_path / "records.jsonl", starter_records(40))
    network = train(tiny_config(pretrained / "encoder", tmp_path / "trained", records, max_steps=2, learning_rate=1e-9, head_learning_rate=1e-9))
    encoder = load_file(pretrained / "encoder" / "model.safetensors")
    name = "encoder.layer.0.attention.self.query.weight"
    assert torch.allclose(load_file(network / "network.safetensors")[f"bert.{name}"], encoder[name], atol=1e-5)


@pytest.mark.slow
def test_two_processes_by_torchrun_read_twice_the_tokens_a_step(tmp_path: Path) -> None:
    config = configured(tmp_path)
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "training.pretrain",
        str(config),
    ]
    done = subprocess.run(launcher, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    curve = read_curve(tmp_path / "run" / CURVE)
    assert [(one["step"], one["tokens"]) for one in curve] == [(4, 2048), (6, 3072)]
    assert AutoModel.from_pretrained(tmp_path / "run" / "encoder").config.hidden_size == 32
