"""The training configuration: what it says is checked before anything is read or trained."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from training.config import ConfigError, TrainConfig, read_config
from training.pretrain_config import read_pretrain_config
from training.train import command

ENOUGH = 'base = "encoder"\noutput = "run"\ntrain = ["records.jsonl"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_paths_are_relative_to_the_file_and_whole_numbers_may_stand_for_rates(tmp_path: Path) -> None:
    (tmp_path / "encoder").mkdir()
    config = read_config(written(tmp_path, ENOUGH + 'dev = ["sets/dev.jsonl"]\nthemes = "themes.toml"\nlearning_rate = 1\nepochs = 3\n'))
    assert config == TrainConfig(
        base=str(tmp_path / "encoder"),
        output=str(tmp_path / "run"),
        train=(str(tmp_path / "records.jsonl"),),
        dev=(str(tmp_path / "sets" / "dev.jsonl"),),
        themes=str(tmp_path / "themes.toml"),
        learning_rate=1.0,
        epochs=3,
    )


def test_a_base_that_is_no_folder_is_a_checkpoints_name(tmp_path: Path) -> None:
    path = written(tmp_path, ENOUGH.replace("encoder", "hfl/chinese-roberta-wwm-ext"))
    assert read_config(path).base == "hfl/chinese-roberta-wwm-ext"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (ENOUGH + "epoch = 3", "unknown key 'epoch'; expected among base, output, train, dev, "),
        (ENOUGH + "[training]\nepochs = 3", "unknown key 'training'; expected among base, "),
        (ENOUGH.replace('output = "run"\n', ""), "key 'output' is missing"),
        (ENOUGH + 'epochs = "ten"', "key 'epochs': expected int, got 'ten'"),
        (ENOUGH + "epochs = 2.5", "key 'epochs': expected int, got 2.5"),
        (ENOUGH + "epochs = true", "key 'epochs': expected int, got True"),
        (ENOUGH + 'dropout = "0.1"', "key 'dropout': expected float, got '0.1'"),
        (ENOUGH + 'dev = "dev.jsonl"', "key 'dev': expected a list of texts, got 'dev.jsonl'"),
        (ENOUGH + "raw = [1]", "key 'raw': expected a list of texts, got [1]"),
        (ENOUGH + 'bf16 = "maybe"', "key 'bf16': expected auto, yes or no, got 'maybe'"),
        (ENOUGH + 'optimizer = "sgd"', "key 'optimizer': expected adamw or muon, got 'sgd'"),
        (ENOUGH.replace('"encoder"', '"./encoder"'), "key 'base': no folder './encoder'"),
        ("base = ", "not TOML: "),
    ],
)
def test_what_it_cannot_mean_names_the_file_and_the_key(tmp_path: Path, text: str, what: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {what}")
    assert "\n" not in str(caught.value)
    result = CliRunner().invoke(command, [str(path)])
    assert (result.exit_code, result.output) == (1, f"Error: {caught.value}\n")


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such configuration file"):
        read_config(tmp_path / "none.toml")


CONFIGS = sorted((Path(__file__).resolve().parents[1] / "training" / "configs").glob("*.toml"))


@pytest.mark.parametrize("path", [path for path in CONFIGS if path.name.startswith("pretrain")], ids=lambda path: path.name)
def test_the_configurations_of_a_pretraining_that_ship_have_no_unknown_key(path: Path) -> None:
    assert read_pretrain_config(path).texts


@pytest.mark.parametrize("path", [path for path in CONFIGS if not path.name.startswith("pretrain")], ids=lambda path: path.name)
def test_the_configurations_that_ship_have_no_unknown_key(path: Path, tmp_path: Path) -> None:
    # Their encoder may not stand beside this checkout: only what the file says is read.
    text = path.read_text(encoding="utf-8")
    config = read_config(written(tmp_path, "\n".join('base = "encoder"' if line.startswith("base =") else line for line in text.splitlines())))
    assert config.train
