"""``lanmu export``: a trained network → fp32 ONNX → int8 ONNX → a bundle, held against the network before it is written."""

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from data.corpus import Record, read_corpus
from data.themes import Theme, read_themes
from model.batching import Batch, batches, distinct_windows
from model.bundle import CARD, SERVING, Bundle, write_bundle
from model.classifier import Classifier
from model.decoding import Calibration
from model.encoding import LEXICON, NGRAMS, TOKENIZER, Encoder, IntArray
from model.errors import BundleError, LanmuError
from model.lexicon import NOWHERE
from model.network import LanmuModel
from model.ngrams import NGRAM_COLUMNS
from model.session import Session, open_session
from training.base import check_ngrams, load_network, quantized_rows, save_network
from training.baselines import department_names
from training.calibration import fit_calibrations, fit_tag_temperature
from training.card import failures, model_card, read_examples
from training.config import ConfigError, TrainConfig, config_from
from training.evaluate import evaluate
from training.labelling import BundleLabeller
from training.linear_tags import transitions_of
from training.runtime import TorchSession, reference_classifier
from training.scoring import gold_themes, macro_f1, matched_spans, span_counts
from training.train import BUNDLE_FOLDER, NETWORK_FOLDER, TRAINING, read_sets

MOST_LOST_POINTS = 0.5
"""Points of F1, of themes or departments, that quantization may cost; beyond it nothing is written."""
OPSET = 18
CALIBRATION_PARAGRAPHS = 300
LEAST_OUTPUTS = 16
"""Products with fewer outputs stay in floating point: the heads' last layers cost nothing and decide everything."""


class ParityError(LanmuError):
    """The quantized weights lose more than they may."""


@dataclass(frozen=True, slots=True)
class Figures:
    """F1 on the held-out records.

    Attributes:
        theme_macro_f1: Over the themes.
        department_f1: Exact span.
    """

    theme_macro_f1: float
    department_f1: float


class RowQuantizedEmbedding(nn.Module):
    """An embedding table in int8 with a scale a row: a quarter of the size, nearly without loss."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        weight, scale = quantized_rows(table.weight.detach())
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale)
        self.weight: Tensor
        self.scale: Tensor

    def forward(self, ids: Tensor) -> Tensor:
        """``[…]`` ids → ``[…, H]`` vectors."""
        return nn.functional.embedding(ids, self.weight).to(torch.float32) * nn.functional.embedding(ids, self.scale)


class _Graph(nn.Module):
    """What serving runs: four inputs, two outputs."""

    def __init__(self, network: LanmuModel) -> None:
        super().__init__()
        self.network = network

    def forward(self, input_ids: Tensor, attention_mask: Tensor, lexicon_ids: Tensor, ngram_ids: Tensor) -> tuple[Tensor, Tensor]:
        output = self.network(input_ids, attention_mask, lexicon_ids, ngram_ids)
        assert output.theme_logits is not None
        assert output.tag_logits is not None
        return output.theme_logits, output.tag_logits


def to_onnx(network: LanmuModel, path: Path) -> None:
    """Write the network in floating point, with int8 embedding tables. ``network`` is changed: its tables are replaced.

    Inputs ``input_ids``, ``attention_mask`` ``[B, L]``, ``lexicon_ids`` ``[B, L, C]``, ``ngram_ids`` ``[B, L, N]`` int32;
    outputs ``theme_logits`` ``[B, T]``, ``tag_logits`` ``[B, L, K]``.
    """
    network.config._attn_implementation = "eager"  # plain products, which every runtime knows how to fuse
    embeddings = network.bert.embeddings
    owners = (
        (embeddings, "word_embeddings"),
        (embeddings, "position_embeddings"),
        (network, "lexicon"),
        (network.linear_tags, "table"),
        (network.linear_tags, "lexicon"),
    )
    for owner, name in owners:
        if owner is not None and getattr(owner, name) is not None:
            setattr(owner, name, RowQuantizedEmbedding(getattr(owner, name)))
    example = torch.ones(2, 24, dtype=torch.int32)
    batch, length = torch.export.Dim("batch", min=1, max=4096), torch.export.Dim("length", min=2, max=network.config.max_position_embeddings)
    shapes = {0: batch, 1: length}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        torch.onnx.export(
            _Graph(network).eval(),
            (example * 5, example, torch.from_numpy(np.tile(NOWHERE, (2, 24, 1))), torch.zeros(2, 24, NGRAM_COLUMNS, dtype=torch.int32)),
            str(path),
            input_names=["input_ids", "attention_mask", "lexicon_ids", "ngram_ids"],
            output_names=["theme_logits", "tag_logits"],
            dynamic_shapes={"input_ids": shapes, "attention_mask": shapes, "lexicon_ids": shapes, "ngram_ids": shapes},
            opset_version=OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    _forget_origin(path)


def _forget_origin(path: Path) -> None:
    """Drop the exporter's notes, which name each line of source and the folders of the machine that ran it."""
    model = onnx.load(str(path))
    for noted in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
        noted.ClearField("metadata_props")
        noted.ClearField("doc_string")
    onnx.save(model, str(path))


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    """Feeds real paragraphs to the quantizer, one window at a time."""

    def __init__(self, texts: Sequence[str], encoder: Encoder) -> None:
        windows, _ = distinct_windows(encoder.encode(texts))
        self._batches: Iterator[Batch] = batches(windows, token_budget=1)

    def get_next(self) -> dict[str, IntArray] | None:
        batch = next(self._batches, None)
        return None if batch is None else batch.inputs


def quantize(source: Path, target: Path, texts: Sequence[str], encoder: Encoder) -> None:
    """Write the int8 form of ``source``: weights by output channel, activations by tensor, ranges from real paragraphs.

    Only products with weights are quantized, and of these only what goes in: what comes out goes on to biases and norms, and quantizing it
    there and back again cost time and exactness. Products inside attention stay as they are.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        graph = onnx.load(str(prepared)).graph
        sizes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        nodes = [
            node.name
            for node in graph.node
            if (node.op_type == "MatMul" and sizes.get(node.input[1], (0,))[-1] >= LEAST_OUTPUTS)
            or (node.op_type == "Conv" and node.input[1] in sizes)
        ]
        quantize_static(
            str(prepared),
            str(target),
            _Reader(texts, encoder),
            quant_format=QuantFormat.QDQ,
            nodes_to_quantize=nodes,
            op_types_to_quantize=["MatMul", "Conv"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8,
            extra_options={
                "WeightSymmetric": True,
                "ActivationSymmetric": False,
                "QDQOpTypePerChannelSupportToAxis": {"MatMul": 1},
                "OpTypesToExcludeOutputQuantization": ["MatMul", "Conv"],
            },
        )


def fit(classifier: Classifier, records: Sequence[Record]) -> tuple[tuple[Calibration, ...], float]:
    """Calibrations of the themes and temperature of the department head, from a classifier's scores on held-out records."""
    themes = classifier.bundle.themes
    encodings, scores = classifier.score([record.text for record in records])
    calibrations = fit_calibrations(np.stack([one.theme_logits for one in scores]), gold_themes(records, themes))
    known = [i for i, record in enumerate(records) if record.departments is not None]
    gold = [[(span.start, span.end) for span in records[i].departments or ()] for i in known]
    tag_logits = [scores[i].tag_logits for i in known]
    return calibrations, fit_tag_temperature([encodings[i] for i in known], tag_logits, gold, classifier.bundle.tag_transitions)


def figures(classifier: Classifier, records: Sequence[Record]) -> Figures:
    """F1 of a classifier on records."""
    predictions = BundleLabeller(classifier).label(records)
    right, wrong, missed = span_counts(matched_spans(records, predictions)).sum(axis=0)
    return Figures(macro_f1(records, predictions, classifier.bundle.themes), float(2 * right / max(1, 2 * right + wrong + missed)))


def check_parity(reference: Figures, quantized: Figures) -> dict[str, float]:
    """Hold int8 against fp32; returns what the manifest says of it.

    Raises:
        ParityError: If themes or departments lose more than :data:`MOST_LOST_POINTS`.
    """
    lost = {
        "themes": 100 * (reference.theme_macro_f1 - quantized.theme_macro_f1),
        "departments": 100 * (reference.department_f1 - quantized.department_f1),
    }
    for name, points in lost.items():
        if points > MOST_LOST_POINTS:
            raise ParityError(f"int8 loses {points:.2f} points of F1 in {name}; at most {MOST_LOST_POINTS} may be lost. No bundle was written")
    return {
        "fp32_theme_macro_f1": round(reference.theme_macro_f1, 4),
        "int8_theme_macro_f1": round(quantized.theme_macro_f1, 4),
        "fp32_department_f1": round(reference.department_f1, 4),
        "int8_department_f1": round(quantized.department_f1, 4),
        "theme_points_lost": round(lost["themes"], 2),
        "department_points_lost": round(lost["departments"], 2),
    }


def export_run(run: Path, output: Path | None = None, name: str = "small", runtime: str = "auto") -> Bundle:
    """Write the bundle of a training run.

    Args:
        run: The run's output folder.
        output: Where to put the bundle; the run's own ``bundle`` folder where not told. An existing one is replaced when the new one is whole.
        name: The bundle's name.
        runtime: The runtime that parity is measured with.

    Raises:
        ParityError: If int8 loses too much.
        BundleError: If the run is not complete.
    """
    trained = run / NETWORK_FOLDER
    try:
        about = json.loads((trained / TRAINING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{run} holds no finished training: {NETWORK_FOLDER}/{TRAINING} is missing") from None
    config = config_from(about["config"])
    themes = read_themes(trained / "themes.toml")
    records, dev = read_sets(config, themes)
    output = output or run / BUNDLE_FOLDER
    with tempfile.TemporaryDirectory(dir=run) as temporary:
        folder = Path(temporary) / "bundle"
        folder.mkdir()
        bundle = _build(folder, trained, name, runtime, themes, records, dev, config, about)
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(folder), str(output))
    return Bundle(**{**{field: getattr(bundle, field) for field in bundle.__slots__}, "path": output})


def _build(
    folder: Path,
    trained: Path,
    name: str,
    runtime: str,
    themes: Sequence[Theme],
    records: Sequence[Record],
    dev: Sequence[Record],
    config: TrainConfig,
    about: dict[str, Any],
) -> Bundle:
    window = (config.window_tokens, config.overlap_tokens)
    for file in (TOKENIZER, LEXICON, NGRAMS):
        shutil.copy(trained / file, folder / file)
    network = load_network(trained)
    check_ngrams(network, trained)
    save_network(network, folder, themes, small=True)
    steps = transitions_of(network.linear_tags)
    neutral = tuple(Calibration() for _ in themes)

    def measured(session: Session) -> tuple[Figures, tuple[Calibration, ...], float]:
        plain = reference_classifier(session, folder, themes, neutral, 1.0, window, steps)
        calibrations, temperature = fit(plain, dev)
        return figures(reference_classifier(session, folder, themes, calibrations, temperature, window, steps), dev), calibrations, temperature

    reference, _, _ = measured(TorchSession(network))
    click.echo(f"fp32: themes macro-F1 {reference.theme_macro_f1:.4f}, departments F1 {reference.department_f1:.4f}")
    encoder = Encoder.from_folder(folder, *window)
    texts = [record.text for record in records[:: max(1, len(records) // CALIBRATION_PARAGRAPHS)]]
    with tempfile.TemporaryDirectory() as scratch:
        to_onnx(network, Path(scratch) / "fp32.onnx")
        quantize(Path(scratch) / "fp32.onnx", folder / SERVING, texts, encoder)
    session = open_session(folder / SERVING, runtime)
    quantized, calibrations, temperature = measured(session)
    click.echo(f"int8: themes macro-F1 {quantized.theme_macro_f1:.4f}, departments F1 {quantized.department_f1:.4f} ({session.runtime})")
    parity = check_parity(reference, quantized)
    recipe = {
        key: value
        for key, value in about["config"].items()
        if not isinstance(value, (list, tuple)) and key not in ("base", "output", "themes", "data_card", "card_examples")
    }
    facts = {"parity": parity, "training": {"recipe": recipe, "records": len(records), "dev": len(dev), "minutes": about["minutes"]}}
    facts["training"] |= {"loss": about.get("loss", {}), "cores": about.get("cores", 1)}
    if "pretraining" in about:
        facts["pretraining"] = about["pretraining"]
    classifier = reference_classifier(session, folder, themes, calibrations, temperature, window, steps)
    (folder / CARD).write_text(_card(name, classifier, records, dev, config, facts), encoding="utf-8")
    return write_bundle(folder, name, themes, calibrations, temperature, steps, *window, facts)


def _card(name: str, classifier: Classifier, records: Sequence[Record], dev: Sequence[Record], config: TrainConfig, facts: Mapping[str, Any]) -> str:
    themes, calibrations = classifier.bundle.themes, classifier.bundle.calibrations
    measured_on, held = "On the held-out paragraphs that thresholds were fitted on, so they flatter.", list(dev)
    if config.test:
        held = read_corpus([Path(path) for path in config.test], themes).records
        files = ", ".join(f"`{Path(path).name}`" for path in config.test)
        measured_on = f"On {files}, {len(held)} paragraphs that nothing was fitted on."
    labeller = BundleLabeller(classifier)
    evaluation, _ = evaluate([labeller], held, themes, department_names(records))
    examples = read_examples(Path(config.card_examples)) if config.card_examples else []
    known = failures(classifier, examples) if examples else "No examples were given."
    return model_card(name, themes, calibrations, facts, _data(config), evaluation["labellers"][labeller.name], measured_on, known)


def _data(config: TrainConfig) -> str:
    """What the card says of the data: the maker's own words, or the names of the files."""
    if config.data_card:
        return Path(config.data_card).read_text(encoding="utf-8").strip()
    files = ", ".join(f"`{Path(path).name}`" for path in (*config.train, *config.split, *config.hashed))
    return f"Trained on {files}, from `{Path(config.base).name}`. Whose texts these are and under which licence, whoever trained it must say."


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", type=click.Path(path_type=Path), help="Where to put the bundle; RUN/bundle if not told.")
@click.option("--name", default="small", show_default=True, help="The bundle's name.")
@click.option("--runtime", default="auto", show_default=True, help="The runtime that parity is measured with.")
def command(run: Path, output: Path | None, name: str, runtime: str) -> None:
    """Write the bundle of the training run in folder RUN."""
    try:
        bundle = export_run(run, output, name, runtime)
    except (ConfigError, LanmuError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"bundle: {bundle.path} ({bundle.label})")


if __name__ == "__main__":
    command()
