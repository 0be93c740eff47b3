"""Reading the tab-separated tables of this folder."""

from collections.abc import Iterator
from importlib import resources


def rows(name: str, columns: int) -> Iterator[list[str]]:
    """The rows of table ``name``, ``columns`` cells each; lines that begin with ``#`` are comments.

    Raises:
        ValueError: If a row has another number of cells; the message is ``file:line: what``.
    """
    text = resources.files("data.departments").joinpath(name).read_text(encoding="utf-8")
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.startswith("#"):
            cells = line.split("\t")
            if len(cells) != columns:
                raise ValueError(f"{name}:{number}: expected {columns} cells, got {len(cells)}")
            yield cells


def marked(cell: str) -> list[tuple[str, bool]]:
    """The short forms of a cell, each with whether it is sure (no ``?`` behind it)."""
    return [(form.rstrip("?"), not form.endswith("?")) for form in cell.split()]
