"""Fold a text, character for character, into the forms the encoder was trained on.

Newsrooms send full-width digits, half-width commas and traditional characters. The fold maps each code point to one
code point, so every offset into the folded text is an offset into the text as sent.
"""

import re
from functools import cache
from importlib import resources

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code - 0xFEE0).isalnum() or chr(code) in "％＋－．／＄"}
# Chinese text uses the full-width marks; web copies of it often lost them. Only beside a Chinese character is a
# half-width mark folded, so that 2,300 and Wi-Fi stay what they are.
_MARKS = str.maketrans(",;:?!()", "，；：？！（）")
_MARK_RUN = re.compile("[,;:?!()]+")
# Quotes of traditional and of vertical type, which texts of the mainland write “” and ‘’; and the forms of Japanese typesetting.
_QUOTES = str.maketrans("「」『』﹁﹂﹃﹄〝〞｡〜", "“”‘’“”‘’“”。～")
_SPACES = dict.fromkeys((0x3000, 0xA0, 0x2002, 0x2003, 0x2009, 0x202F, 0x205F, 0x09), " ")


@cache
def _table() -> dict[int, str | int]:
    pairs = resources.files("model").joinpath("traditional.txt").read_text(encoding="utf-8").splitlines()
    table: dict[int, str | int] = {ord(pair[0]): pair[1] for pair in pairs if not pair.startswith("#")}
    return table | _FULL_WIDTH | _QUOTES | _SPACES


def _is_chinese(character: str) -> bool:
    return "\u3400" <= character <= "\u9fff" or character in "”“’‘》《）（】【、。，" or character >= "\U00020000"


def fold(text: str) -> str:
    """Return ``text`` with every character in the encoder's form; same length, same offsets.

    Full-width letters and digits become ASCII, half-width ``,;:?!()`` beside Chinese characters become full-width,
    traditional characters become simplified (OpenCC's single-character table), corner brackets become quotes, all spaces become U+0020.
    """
    folded = text.translate(_table())

    def fold_run(run: re.Match[str]) -> str:
        beside = folded[run.start() - 1 : run.start()] + folded[run.end() : run.end() + 1]
        return run[0].translate(_MARKS) if any(map(_is_chinese, beside)) else run[0]

    return _MARK_RUN.sub(fold_run, folded)
