"""What a lexicon says of each character: region names, organs' names and their endings, as small numbers for the network.

Taggers with a lexicon beside the characters were the best before pre-trained encoders (Zhang & Yang, 2018), and an encoder that has
read little text still gains from one: a name is told by its region in front and its ending behind, which may stand far apart.
The lexicon is drawn from the register when a network is trained, and is kept with it: a register that grows changes no weights' input.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import ahocorasick
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]

CHANNELS = ("region", "organ", "central", "ending")
"""Kinds of names in a lexicon; the network reads one number of each, and one of the next ending."""
REGION, ORGAN, CENTRAL, ENDING, NEXT = range(len(CHANNELS) + 1)
MOST_ENDINGS = 95
_FAR = 9
"""Distance from which the next ending is only far."""
_BEGIN, _INSIDE, _END = 1, 2, 3

_SIZES = (4, 4, 4, MOST_ENDINGS + 1, (MOST_ENDINGS + 1) * (_FAR + 1))
LEXICON_CHANNELS = len(_SIZES)
LEXICON_ROWS = sum(_SIZES)
"""Rows of the table that the numbers index."""
NOWHERE: IntArray = np.concatenate(([0], np.cumsum(_SIZES)[:-1])).astype(np.int32)
"""``[C]``: what is said where nothing is known, as of padding; the first row of each channel."""

_STOPS = frozenset("，。、；：？！“”《》（）")


class Lexicon:
    """Names by kind, ready to be found in text.

    Args:
        names: Of each of :data:`CHANNELS`, the names; an ending's number is its place.

    Raises:
        ValueError: If a kind is unknown or there are more endings than :data:`MOST_ENDINGS`.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        if unknown := sorted(names.keys() - set(CHANNELS)):
            raise ValueError(f"unknown kind of name {unknown[0]!r}; expected {', '.join(CHANNELS)}")
        self._names = {kind: tuple(dict.fromkeys(names.get(kind, ()))) for kind in CHANNELS}
        endings = self._names["ending"]
        if len(endings) > MOST_ENDINGS:
            raise ValueError(f"expected at most {MOST_ENDINGS} endings, got {len(endings)}")
        found: dict[str, list[tuple[int, int, int]]] = {}
        for channel, kind in enumerate(CHANNELS):
            for number, name in enumerate(self._names[kind], start=1):
                found.setdefault(name, []).append((len(name), channel, number))
        self._automaton = ahocorasick.Automaton()
        for name, entries in found.items():
            self._automaton.add_word(name, entries)
        if found:
            self._automaton.make_automaton()
        self._empty = not found

    @classmethod
    def from_file(cls, path: Path) -> "Lexicon":
        """Read ``kind<TAB>name`` lines.

        Raises:
            OSError: If it cannot be read.
            ValueError: If a line is not so; says file and line.
        """
        names: dict[str, list[str]] = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            kind, tab, name = line.partition("\t")
            if not tab or not name or kind not in CHANNELS:
                raise ValueError(f"{path}:{number}: expected a kind ({', '.join(CHANNELS)}), a tab and a name, got {line!r}")
            names.setdefault(kind, []).append(name)
        return cls(names)

    def save(self, path: Path) -> None:
        """Write what :meth:`from_file` reads."""
        path.write_text("".join(f"{kind}\t{name}\n" for kind in CHANNELS for name in self._names[kind]), encoding="utf-8")

    def ids(self, text: str) -> IntArray:
        """What is said of each code point of a folded text.

        Returns:
            ``[len(text), C]`` rows of the network's lexicon table, each channel in a range of its own: whether the character begins, ends
            or is inside a region's name, an organ's name without its region, a central organ's name (of several the longest); the ending
            that ends here; the next ending before a mark, and how far off it is.
        """
        ids = np.zeros((len(text), LEXICON_CHANNELS), np.int32)
        if self._empty or not text:
            return ids + NOWHERE
        matches = [(length, last, channel, number) for last, entries in self._automaton.iter(text) for length, channel, number in entries]
        # Shorter ones first, so that the longest name has the last word.
        for length, last, channel, number in sorted(matches):
            if channel == ENDING:
                ids[last, ENDING] = number
            else:
                column = ids[last - length + 1 : last + 1, channel]
                column[:] = _INSIDE
                column[0], column[-1] = _BEGIN, _END
        ids[:, NEXT] = _next_endings(text, ids[:, ENDING].tolist())
        return ids + NOWHERE


def _next_endings(text: str, endings: Sequence[int]) -> list[int]:
    ahead = [0] * len(text)
    number, distance = 0, 0
    for i in range(len(text) - 1, -1, -1):
        if number:
            ahead[i] = number * (_FAR + 1) + min(distance, _FAR)
        distance += 1
        if text[i] in _STOPS:
            number = 0
        elif endings[i]:
            number, distance = endings[i], 1
    return ahead
