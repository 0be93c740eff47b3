"""The network as an ONNX graph: in floating point, and with int8 products for serving."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn

from model.batching import Batch, batches, distinct_windows
from model.encoding import Encoder, IntArray
from model.lexicon import NOWHERE
from model.network import LanmuModel
from model.ngrams import NGRAM_COLUMNS
from training.base import quantized_rows

OPSET = 18
LEAST_OUTPUTS = 16
"""Products with fewer outputs stay in floating point: the heads' last layers cost nothing and decide everything."""


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
