# mypy: allow-untyped-calls
# torch and transformers are typed in part only.
"""Paragraphs a second: lanmu against what the field would otherwise do with the same checkpoint, in one run.

    python -m tests.benchmarks.throughput [--threads 2] [--rounds 5]

Prints medians and ratios. The rounds of all contestants are interleaved, so that a slow moment hits each alike.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from onnx import TensorProto, helper
from onnxruntime import InferenceSession, SessionOptions
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification, PreTrainedTokenizerFast, pipeline

from data.paragraphs import ready_paragraphs
from data.records import Document
from model.batching import batches, distinct_windows
from model.bundle import BUNDLED, read_bundle
from model.classifier import Classifier
from model.encoding import TOKENIZER, Encoder
from model.network import LanmuModel
from model.tags import TAGS
from tests.benchmarks.paragraphs import benchmark_texts
from training.base import load_network
from training.runtime import TorchSession


@dataclass(frozen=True)
class Contestant:
    """A way of labelling all the paragraphs once."""

    name: str
    run: Callable[[], object]


def pipelines(network: LanmuModel, texts: list[str], tokenizer_file: Path) -> Callable[[], object]:
    """Two `transformers` pipelines over the same encoder, eager fp32, ``batch_size=16``, as a plain script would."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_with_specials(tokenizer_file),
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        model_max_length=512,
    )
    settings = {name: value for name, value in network.config.to_dict().items() if name not in ("model_type", "architectures")}
    sequence = BertForSequenceClassification(BertConfig(**settings | {"num_labels": len(read_bundle(BUNDLED).themes)})).eval()
    token = BertForTokenClassification(BertConfig(**settings | {"num_labels": len(TAGS)})).eval()
    for model in (sequence, token):
        model.bert.load_state_dict(network.bert.state_dict(), strict=False)
        model.config._attn_implementation = "eager"
    themes = pipeline(
        "text-classification", model=sequence, tokenizer=tokenizer, batch_size=16, function_to_apply="sigmoid", top_k=None, device="cpu"
    )
    names = pipeline("token-classification", model=token, tokenizer=tokenizer, batch_size=16, aggregation_strategy="simple", device="cpu")
    return lambda: (list(themes(texts, truncation=True)), list(names(texts)))


def _with_specials(path: Path) -> Tokenizer:
    from tokenizers.processors import BertProcessing

    tokenizer = Tokenizer.from_file(str(path))
    vocabulary = tokenizer.get_vocab()
    tokenizer.post_processor = BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return tokenizer


def int8_ceiling(threads: int) -> float:
    """Operations a second of a large u8 × s8 matrix product: what this processor could do at best."""
    rows, inner, columns = 1024, 1536, 1536
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "product",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, [rows, inner])],
        [helper.make_tensor_value_info("c", TensorProto.INT32, [rows, columns])],
        [
            helper.make_tensor(
                "b", TensorProto.INT8, [inner, columns], np.random.default_rng(0).integers(-127, 128, (inner, columns), np.int8).tobytes(), raw=True
            )
        ],
    )
    options = SessionOptions()
    options.intra_op_num_threads = threads
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    left = np.random.default_rng(1).integers(0, 256, (rows, inner), np.uint8)
    times = []
    for _ in range(30):
        started = time.perf_counter()
        session.run(None, {"a": left})
        times.append(time.perf_counter() - started)
    return 2 * rows * inner * columns / min(times)


def operations_a_token(network: LanmuModel) -> int:
    """Twice the weights that each token is multiplied with: the encoder's and the heads' products; attention itself and tables left out."""
    tables = ("embeddings", "lexicon", "table", "transitions")
    return 2 * sum(p.numel() for name, p in network.named_parameters() if p.dim() >= 2 and not any(one in name for one in tables))


@click.command()
@click.option("--threads", default=2, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--bundle", "path", default=str(BUNDLED), type=click.Path(path_type=Path))
def main(threads: int, rounds: int, path: Path) -> None:
    """Print paragraphs a second and ratios."""
    torch.set_num_threads(threads)
    source, texts = benchmark_texts()
    network = load_network(path).eval()
    network.config._attn_implementation = "eager"
    bundle = read_bundle(path)
    encoder = Encoder.from_folder(path, bundle.window_tokens, bundle.overlap_tokens)
    windows, _ = distinct_windows(encoder.encode(texts))
    tokens = sum(len(window) for window in windows)
    documents = [Document(str(i), ready_paragraphs([text])) for i, text in enumerate(texts)]
    reference = TorchSession(network)
    contestants = [Contestant("two transformers pipelines, fp32, batch 16", pipelines(network, texts, path / TOKENIZER))]
    single = list(batches(windows, token_budget=1))
    contestants.append(Contestant("eager fp32, both heads, one at a time", lambda: list(reference.run(single))))
    for runtime in ("openvino", "onnxruntime"):
        classifier = Classifier.open(path, runtime, threads)
        session, planned = classifier.session, list(batches(windows, 512, classifier.session.length_step))
        contestants.append(Contestant(f"lanmu session alone, {runtime}", lambda session=session, planned=planned: list(session.run(planned))))  # type: ignore[misc]
        contestants.append(Contestant(f"lanmu, text to labels, {runtime}", lambda classifier=classifier: classifier.label(documents)))  # type: ignore[misc]
    seconds: dict[str, list[float]] = {one.name: [] for one in contestants}
    ceilings = []
    for number in range(rounds + 1):  # the first round warms up
        ceilings.append(int8_ceiling(threads))
        for one in contestants:
            started = time.perf_counter()
            one.run()
            if number:
                seconds[one.name].append(time.perf_counter() - started)
    print(f"{len(texts)} paragraphs of {source}, {tokens} tokens, {threads} threads, {rounds} rounds")
    ceiling = max(ceilings)
    most = ceiling / operations_a_token(network)
    print(f"int8 ceiling: {ceiling / 1e9:.0f} GOP/s = {most:.0f} tokens/s at {operations_a_token(network) / 1e6:.1f} MOP a token")
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    pipeline_time, eager_time = (middle[one.name] for one in contestants[:2])
    print(f"{'':48}{'paragraphs/s':>14}{'tokens/s':>10}{'x pipelines':>13}{'x eager':>9}{'of ceiling':>12}")
    for name, time_taken in middle.items():
        rate = tokens / time_taken
        print(
            f"{name:48}{len(texts) / time_taken:14.0f}{rate:10.0f}"
            f"{pipeline_time / time_taken:13.1f}{eager_time / time_taken:9.2f}{100 * rate / most:11.0f}%"
        )


if __name__ == "__main__":
    main()
