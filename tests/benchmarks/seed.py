"""``python -m tests.benchmarks.seed``: the article that lanmu was first asked for, through a running server, against what is right.

Needs the maintainers' ``../shared/seed``. Prints each difference and the counts.
"""

import json
import urllib.request
from pathlib import Path
from typing import Any

import click

SEED = Path(__file__).resolve().parents[3] / "shared" / "seed"


@click.command()
@click.option("--server", default="http://127.0.0.1:8000", show_default=True)
@click.option("--folder", default=str(SEED), type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(server: str, folder: Path) -> None:
    """Print what the server gets right of the seed article."""
    expected: list[dict[str, Any]] = json.loads((folder / "expected.json").read_text(encoding="utf-8"))["paragraphs"]
    text = next(folder.glob("*.txt")).read_bytes().decode("utf-8")
    request = urllib.request.Request(f"{server}/v1/label", json.dumps({"text": text}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        got: list[dict[str, Any]] = json.load(answer)["documents"][0]["paragraphs"]
    bounds = kinds = themes = spans = extra = names = 0
    by_start = {one["start"]: one for one in got}
    for right in expected:
        one = by_start.get(right["start"])
        if one is None or one["end"] != right["end"]:
            print(f"[{right['start']}, {right['end']}): no such paragraph")
            continue
        bounds += 1
        kinds += one["kind"] in right["kind"]
        given = {theme["label"] for theme in one["themes"]} - set(right["themes_either"])
        due = set(right["themes"]) - set(right["themes_either"])
        themes += given == due
        if given != due:
            print(f"[{right['start']}, {right['end']}) {one['text'][:24]}…: themes {sorted(given)}, expected {sorted(due)}")
        found = {(span["start"], span["end"]): span for span in one["departments"]}
        for span in right["departments"]:
            hit = found.pop((span["start"], span["end"]), None)
            spans += hit is not None
            names += hit is not None and hit["name"] == span["name"]
            if hit is None:
                print(f"missed: {span['text']}")
            elif hit["name"] != span["name"]:
                print(f"{span['text']}: name {hit['name']}, expected {span['name']}")
        extra += len(found)
        for span in found.values():
            print(f"not one: {span['text']}")
    total = sum(len(right["departments"]) for right in expected)
    print(f"paragraphs {bounds}/{len(expected)} (server gave {len(got)}), kinds {kinds}/{len(expected)}, themes {themes}/{len(expected)}")
    print(f"departments {spans}/{total} found exactly, {names}/{total} named, {extra} too many")


if __name__ == "__main__":
    main()
