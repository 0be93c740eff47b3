"""The bundle: what was written is read back, and whatever is wrong with one is told in a single line."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.themes import Theme
from model.bundle import BUNDLED, CARD, CONFIG, FORMAT_VERSION, MANIFEST, NETWORK, SERVING, THEMES, Bundle, read_bundle, write_bundle
from model.decoding import Calibration
from model.encoding import LEXICON, NGRAMS, TOKENIZER
from model.errors import BundleError
from model.tags import NO_TRANSITIONS

TWO_THEMES = (Theme("speed_up", "提速", "Faster", "办得更快。"), Theme("drill", "演训", "Drills", "“训练”\n和 \\ 演习。", "medtop:20000593"))
STEPS = ((0.0, -5.5, 0.0, 0.0, -7.0), *NO_TRANSITIONS[1:])
CALIBRATIONS = (Calibration(0.5, -0.25, 0.4, (0.2, 0.75)), Calibration())


def write(folder: Path, **changes: Any) -> Bundle:
    """A bundle of a few bytes in ``folder``."""
    folder.mkdir(exist_ok=True)
    for name in (SERVING, NETWORK, CONFIG, TOKENIZER, LEXICON, NGRAMS, CARD):
        (folder / name).write_bytes(f"what {name} holds".encode())
    settings: dict[str, Any] = {
        "name": "tiny",
        "themes": TWO_THEMES,
        "calibrations": CALIBRATIONS,
        "tag_temperature": 1.5,
        "tag_transitions": STEPS,
        "window_tokens": 384,
        "overlap_tokens": 96,
        "about": {"parity": {"points": 0.1}},
    }
    return write_bundle(folder, **settings | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "bundle").path


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def change_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = manifest_of(folder)
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def refused(folder: Path, message: str) -> None:
    """Assert that the bundle is refused in one line that says where and, in ``message``, what."""
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert message in str(caught.value)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    written = write(tmp_path / "bundle")
    assert written == read_bundle(tmp_path / "bundle")
    assert (written.path, written.name, written.themes, written.calibrations) == (tmp_path / "bundle", "tiny", TWO_THEMES, CALIBRATIONS)
    assert (written.tag_temperature, written.tag_transitions, written.window_tokens, written.overlap_tokens) == (1.5, STEPS, 384, 96)
    assert written.about == {"parity": {"points": 0.1}}
    assert re.fullmatch(r"[0-9a-f]{12}", written.version)
    assert written.label == f"tiny@{written.version}"


def test_a_bundle_may_be_moved(folder: Path, tmp_path: Path) -> None:
    before = read_bundle(folder)
    shutil.move(folder, tmp_path / "elsewhere")
    assert read_bundle(tmp_path / "elsewhere") == replace(before, path=tmp_path / "elsewhere")


def test_the_version_is_of_what_labels_depend_on(tmp_path: Path) -> None:
    first = write(tmp_path / "one").version
    same = [write(tmp_path / "one"), write(tmp_path / "two", name="other"), write(tmp_path / "three", about={"minutes": 3})]
    assert {bundle.version for bundle in same} == {first}
    others: list[dict[str, Any]] = [
        {"tag_temperature": 1.25},
        {"tag_transitions": NO_TRANSITIONS},
        {"window_tokens": 256},
        {"overlap_tokens": 64},
        {"calibrations": (CALIBRATIONS[0], Calibration(threshold=0.6))},
        {"themes": (TWO_THEMES[0], replace(TWO_THEMES[1], definition="另一种定义。"))},
    ]
    assert len({write(tmp_path / f"other{i}", **changes).version for i, changes in enumerate(others)} | {first}) == len(others) + 1


def test_no_bundle(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "no bundle at ")
    refused(tmp_path, "manifest.json is missing")


@pytest.mark.parametrize("name", [SERVING, NETWORK, CONFIG, TOKENIZER, LEXICON, NGRAMS, THEMES, CARD])
def test_every_file_is_needed_and_checked(folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + b"#")
    refused(folder, f"{name} is damaged: its SHA-256 is not the manifest's")
    (folder / name).write_bytes(content[:-1])
    refused(folder, f"{name} is damaged: expected {len(content)} bytes, got {len(content) - 1}")
    (folder / name).unlink()
    refused(folder, f"{name} is missing")
    (folder / name).write_bytes(content)
    read_bundle(folder)
    change_manifest(folder, lambda manifest: manifest["files"].pop(name))
    refused(folder, f"manifest.json lists no {name}")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (FORMAT_VERSION + 1, f"format {FORMAT_VERSION + 1} is newer than this lanmu reads ({FORMAT_VERSION}); update lanmu"),
        (1, f"format 1 is older than this lanmu reads ({FORMAT_VERSION}); train it again"),
        (0, "has no format_version"),
        ("1", "has no format_version"),
        (True, "has no format_version"),
        (None, "has no format_version"),
    ],
)
def test_the_format_is_checked_first(folder: Path, found: object, message: str) -> None:
    # A newer format may say anything else.
    (folder / MANIFEST).write_text(json.dumps({"format_version": found, "weights": "elsewhere"}), encoding="utf-8")
    refused(folder, message)


@pytest.mark.parametrize("text", [b"{", b"", b"\xff\xfe{}", b'{"format_version": 1,\n"files": {]}'])
def test_a_manifest_that_is_no_json(folder: Path, text: bytes) -> None:
    (folder / MANIFEST).write_bytes(text)
    refused(folder, "manifest.json cannot be read: ")


@pytest.mark.parametrize("text", ["[]", '"1"', "null", "{}"])
def test_a_manifest_that_is_no_manifest(folder: Path, text: str) -> None:
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    refused(folder, "manifest.json has no format_version")


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "threshold": lambda manifest: manifest["calibration"][0].update(threshold=0.01),
    "temperature": lambda manifest: manifest.update(tag_temperature=9.0),
    "steps": lambda manifest: manifest["tag_transitions"][0].__setitem__(1, 0.0),
    "windows": lambda manifest: manifest.update(window_tokens=4096),
    "version": lambda manifest: manifest.update(version="0123456789ab"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_manifest_changed_by_hand(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_manifest(folder, change)
    refused(folder, "manifest.json was changed after it was written")


def test_weights_exchanged_together_with_their_hash(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / SERVING).write_bytes(b"other weights")
    write_bundle(other, "tiny", TWO_THEMES, CALIBRATIONS, 1.5, STEPS, 384, 96, {})
    shutil.copy(other / SERVING, folder / SERVING)
    change_manifest(folder, lambda manifest: manifest["files"].update({SERVING: manifest_of(other)["files"][SERVING]}))
    refused(folder, "manifest.json was changed after it was written")


@pytest.mark.parametrize("name", ["../outside.bin", "/etc/hostname", "folder/inside.bin"])
def test_a_name_outside_the_bundle(folder: Path, name: str) -> None:
    (folder.parent / "outside.bin").write_bytes(b"x")
    change_manifest(folder, lambda manifest: manifest["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
    refused(folder, f"manifest.json names {name!r}, which is outside the bundle")


LACKING: dict[str, Callable[[dict[str, Any]], object]] = {
    "no files": lambda manifest: manifest.pop("files"),
    "files are no table": lambda manifest: manifest.update(files=sorted(manifest["files"])),
    "a file without a size": lambda manifest: manifest["files"][SERVING].pop("bytes"),
    "a file without a hash": lambda manifest: manifest["files"][SERVING].pop("sha256"),
    "no calibration": lambda manifest: manifest.pop("calibration"),
    "no version": lambda manifest: manifest.pop("version"),
    "no name": lambda manifest: manifest.pop("name"),
}


@pytest.mark.parametrize("change", LACKING.values(), ids=LACKING)
def test_a_manifest_that_lacks_something(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    change_manifest(folder, change)
    refused(folder, "manifest.json does not say what it must: ")


def test_parts_that_do_not_fit_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="2 themes but 1 calibrations"):
        write(tmp_path / "bundle", calibrations=CALIBRATIONS[:1])


@pytest.mark.parametrize("steps", [NO_TRANSITIONS[:4], ((0.5, *NO_TRANSITIONS[0][1:]), *NO_TRANSITIONS[1:]), ((0.0,) * 4,) * 5])
def test_steps_between_tags_that_the_decoder_cannot_read(tmp_path: Path, steps: Any) -> None:
    with pytest.raises(BundleError, match="tag_transitions: expected 5 rows of as many numbers"):
        write(tmp_path / "bundle", tag_transitions=steps)


def test_a_folder_that_lacks_a_file_is_not_completed(folder: Path) -> None:
    (folder / CARD).unlink()
    (folder / MANIFEST).unlink()
    with pytest.raises(BundleError, match=r"MODEL_CARD\.md has not been written"):
        write_bundle(folder, "tiny", TWO_THEMES, CALIBRATIONS, 1.5, STEPS, 384, 96, {})
    assert not (folder / MANIFEST).exists()


def files_below(folder: Path) -> Iterator[str]:
    return (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


@pytest.mark.bundle
def test_the_bundle_that_ships_is_whole_and_holds_nothing_else() -> None:
    bundle = read_bundle(BUNDLED)
    assert len(bundle.calibrations) == len(bundle.themes) > 0
    assert 0 < bundle.overlap_tokens < bundle.window_tokens - 2
    assert set(files_below(BUNDLED)) == {MANIFEST, *manifest_of(BUNDLED)["files"]}
    for calibration in bundle.calibrations:
        low, high = calibration.review
        assert 0 <= low <= calibration.threshold <= high <= 1
        assert calibration.slope > 0
