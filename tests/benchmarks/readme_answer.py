"""Write the answer that both READMEs show anew: their own request, through the API in this process.

python -m tests.benchmarks.readme_answer
"""

import json
import re
import shlex
from pathlib import Path
from typing import Any

from model.classifier import Classifier
from serve.app import create_app
from serve.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
READMES = ("README.md", "README.zh-CN.md")
WIDTH = 120
_ANSWER = re.compile(r"(?<=<!-- answer -->\n```json\n).*?(?=\n```\n<!-- /answer -->)", re.DOTALL)


def sh_commands(text: str) -> list[str]:
    """The commands in the ``sh`` blocks of a page, in order; a command over several lines is one, with its line breaks."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in re.split(r"(?<!\\)\n", block) if line.strip()]


def curl_request(command: str) -> tuple[str, dict[str, str], bytes]:
    """Address, headers and body of a ``curl`` command of the form that the READMEs use.

    Raises:
        ValueError: If it has an option that is not understood here.
    """
    address, headers, body = "", {}, b""
    words = iter(shlex.split(command.replace("\\\n", ""))[1:])
    for word in words:
        if word == "-H":
            name, _, value = next(words).partition(":")
            headers[name] = value.strip()
        elif word == "-d":
            body = next(words).encode()
        elif not word.startswith("-"):
            address = word
        elif word != "-s":
            raise ValueError(f"expected -s, -H or -d, got {word!r}")
    return address, headers, body


def shown_answer(text: str) -> str:
    """The JSON between the answer markers of a page.

    Raises:
        ValueError: If the page does not have exactly one such block.
    """
    found: list[str] = _ANSWER.findall(text)
    if len(found) != 1:
        raise ValueError(f"expected one block between <!-- answer --> and <!-- /answer -->, got {len(found)}")
    return found[0]


def with_answer(text: str, answer: str) -> str:
    """The page with ``answer`` between the answer markers, and nothing else changed."""
    shown_answer(text)
    return _ANSWER.sub(lambda _: answer, text)


def laid_out(value: Any, indent: int = 0, before: int = 0) -> str:
    """JSON for reading: what fits in a line stands in one, the rest goes down a level.

    Args:
        value: What ``json.loads`` may return.
        indent: Spaces before the line that it stands in.
        before: Characters that stand before it in that line, and the comma after it.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or not value or indent + before + len(line) <= WIDTH:
        return line
    inner = indent + 2
    if isinstance(value, dict):
        keys = [json.dumps(key, ensure_ascii=False) + ": " for key in value]
        parts = [key + laid_out(one, inner, len(key) + 1) for key, one in zip(keys, value.values(), strict=True)]
        opening, closing = "{}"
    else:
        parts = [laid_out(one, inner, 1) for one in value]
        opening, closing = "[]"
    return opening + ",".join(f"\n{' ' * inner}{part}" for part in parts) + f"\n{' ' * indent}{closing}"


def main() -> None:
    """Ask the bundled model what the README asks, and put the answer into both READMEs."""
    pages = {name: (ROOT / name).read_bytes().decode() for name in READMES}
    (command,) = (one for one in sh_commands(pages[READMES[0]]) if one.startswith("curl "))
    address, headers, body = curl_request(command)
    response = create_app(Classifier.open(), Settings()).test_client().post(address, data=body, headers=headers)
    if response.status_code != 200:
        raise SystemExit(f"the README's request is answered {response.status}: {response.text}")
    answer = laid_out(response.json)
    for name, text in pages.items():
        (ROOT / name).write_bytes(with_answer(text, answer).encode())
        print(name)


if __name__ == "__main__":
    main()
