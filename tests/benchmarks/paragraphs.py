"""The paragraphs that benchmarks label: the length mix of the maintainers' development split, or the starter corpus without it."""

from pathlib import Path

from data.corpus import read_corpus
from data.themes import read_themes

ROOT = Path(__file__).resolve().parents[2]
DEV = ROOT.parent / "shared" / "annotated" / "dev.jsonl"
STARTER = ROOT / "data" / "corpus"


def benchmark_texts() -> tuple[str, list[str]]:
    """Where the paragraphs are from, and the paragraphs."""
    source = DEV if DEV.is_file() else STARTER
    return f"{source.parent.name}/{source.name}", [record.text for record in read_corpus([source], read_themes()).records]
