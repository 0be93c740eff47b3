"""Raw news as a stream of texts: JSONL files, plain or compressed, or folders of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from datasets import load_dataset

from training.config import ConfigError

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.zst")


def text_files(paths: Sequence[str]) -> list[str]:
    """The files that ``paths`` name, those of a folder in order of their names.

    Raises:
        ConfigError: If a path is neither file nor folder, or a folder holds no such file.
    """
    files = []
    for path in map(Path, paths):
        found = sorted(str(one) for one in path.iterdir() if one.name.endswith(ENDINGS)) if path.is_dir() else [str(path)]
        if not found or not Path(found[0]).is_file():
            raise ConfigError(f"{path}: expected a file, or a folder with some ending in {', '.join(ENDINGS)}")
        files += found
    return files


def read_texts(files: Sequence[str]) -> Iterator[str]:
    """Yield the texts in their order; blank ones are left out.

    Raises:
        ConfigError: If a line has no ``text``.
    """
    for number, row in enumerate(load_dataset("json", data_files=list(files), split="train", streaming=True), start=1):
        text = row.get("text")
        if not isinstance(text, str):
            raise ConfigError(f"{', '.join(files)}: record {number}: expected a text in 'text', got {text!r}")
        if text.strip():
            yield text
