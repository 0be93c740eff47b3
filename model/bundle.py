"""The one artefact that training writes and serving loads: one writer, one reader.

A bundle is a folder:

=====================  ==================================================================
``manifest.json``      format version, hash and size of each file, calibration, provenance
``serving.onnx``       the weights for serving: one quantized ONNX file for every CPU runtime
``network.safetensors``  the weights to go on training from (fp16, embedding tables int8), with ``config.json``
``tokenizer.json``     Hugging Face ``tokenizers``
``lexicon.tsv``        the names that the network was shown beside the characters
``ngrams.npz``         the n-grams of both heads' linear parts, as hashes
``themes.toml``        the themes it was trained on, in the order of the head's outputs
``MODEL_CARD.md``      what it is, from what, how good
=====================  ==================================================================
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.themes import Theme, ThemeFileError, parse_themes, themes_to_toml
from model.decoding import Calibration
from model.encoding import LEXICON, NGRAMS, TOKENIZER
from model.errors import BundleError
from model.tags import TAGS, O, Transitions

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
SERVING = "serving.onnx"
NETWORK = "network.safetensors"
CONFIG = "config.json"
THEMES = "themes.toml"
CARD = "MODEL_CARD.md"
_REQUIRED = (SERVING, NETWORK, CONFIG, TOKENIZER, LEXICON, NGRAMS, THEMES, CARD)

BUNDLED = Path(__file__).parent / "bundles" / "small"
"""The bundle that ships with lanmu."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle, checked.

    Attributes:
        path: Its folder.
        version: The first 12 hex digits of the hash over its files' hashes, calibration and windows.
        name: Its name.
        themes: In the order of the theme head's outputs.
        calibrations: One a theme.
        tag_temperature: Of the department head.
        tag_transitions: What steps between its tags add; see :func:`model.decoding.decode_spans`.
        window_tokens: Longest window in tokens, the special tokens included.
        overlap_tokens: Tokens that neighbouring windows share.
        about: What else the manifest says: parity, figures, provenance.
    """

    path: Path
    version: str
    name: str
    themes: tuple[Theme, ...]
    calibrations: tuple[Calibration, ...]
    tag_temperature: float
    tag_transitions: Transitions
    window_tokens: int
    overlap_tokens: int
    about: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Name and version, as answers carry it."""
        return f"{self.name}@{self.version}"


def read_bundle(path: Path) -> Bundle:
    """Open the bundle at ``path`` and check every file against the manifest.

    Raises:
        BundleError: If it is missing, damaged, of another format, or its parts do not fit each other.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"no bundle at {path}: {MANIFEST} is missing") from None
    except (OSError, ValueError) as error:
        raise BundleError(f"bundle {path}: {MANIFEST} cannot be read: {error}") from error
    found = manifest.get("format_version") if isinstance(manifest, dict) else None
    if type(found) is not int or found < 1:
        raise BundleError(f"bundle {path}: {MANIFEST} has no format_version")
    if found < FORMAT_VERSION:
        raise BundleError(f"bundle {path}: format {found} is older than this lanmu reads ({FORMAT_VERSION}); train it again")
    if found > FORMAT_VERSION:
        raise BundleError(f"bundle {path}: format {found} is newer than this lanmu reads ({FORMAT_VERSION}); update lanmu")
    try:
        files = manifest["files"]
        if missing := [name for name in _REQUIRED if name not in files]:
            raise BundleError(f"bundle {path}: {MANIFEST} lists no {missing[0]}")
        for name, expected in files.items():
            _check_file(path, name, expected)
        if manifest["version"] != _version(manifest):
            raise BundleError(f"bundle {path}: {MANIFEST} was changed after it was written (version {manifest['version']})")
        themes = parse_themes((path / THEMES).read_text(encoding="utf-8"), str(path / THEMES))
        calibrations = tuple(Calibration(**{**one, "review": tuple(one["review"])}) for one in manifest["calibration"])
        if len(calibrations) != len(themes):
            raise BundleError(f"bundle {path}: {len(themes)} themes but {len(calibrations)} calibrations")
        return Bundle(
            path=path,
            version=manifest["version"],
            name=manifest["name"],
            themes=themes,
            calibrations=calibrations,
            tag_temperature=float(manifest["tag_temperature"]),
            tag_transitions=_transitions(manifest["tag_transitions"]),
            window_tokens=int(manifest["window_tokens"]),
            overlap_tokens=int(manifest["overlap_tokens"]),
            about=manifest.get("about", {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ThemeFileError) as error:
        raise BundleError(f"bundle {path}: {MANIFEST} does not say what it must: {error!r}") from error


def _transitions(rows: Sequence[Sequence[float]]) -> Transitions:
    steps = tuple(tuple(float(value) for value in row) for row in rows)
    if [len(row) for row in steps] != [len(TAGS)] * len(TAGS) or steps[O][O] != 0:
        raise ValueError(f"tag_transitions: expected {len(TAGS)} rows of as many numbers, that from outside to outside 0")
    return steps


def _check_file(path: Path, name: str, expected: Mapping[str, Any]) -> None:
    if Path(name).name != name:
        raise BundleError(f"bundle {path}: {MANIFEST} names {name!r}, which is outside the bundle")
    try:
        content = (path / name).read_bytes()
    except OSError:
        raise BundleError(f"bundle {path}: {name} is missing or cannot be read") from None
    if len(content) != expected["bytes"]:
        raise BundleError(f"bundle {path}: {name} is damaged: expected {expected['bytes']} bytes, got {len(content)}")
    if hashlib.sha256(content).hexdigest() != expected["sha256"]:
        raise BundleError(f"bundle {path}: {name} is damaged: its SHA-256 is not the manifest's")


def _version(manifest: Mapping[str, Any]) -> str:
    """Hash of all that a label depends on."""
    parts = {key: manifest[key] for key in ("format_version", "calibration", "tag_temperature", "tag_transitions", "window_tokens", "overlap_tokens")}
    parts["files"] = {name: manifest["files"][name]["sha256"] for name in (SERVING, TOKENIZER, LEXICON, NGRAMS, THEMES)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def write_bundle(
    path: Path,
    name: str,
    themes: Sequence[Theme],
    calibrations: Sequence[Calibration],
    tag_temperature: float,
    tag_transitions: Transitions,
    window_tokens: int,
    overlap_tokens: int,
    about: Mapping[str, Any],
) -> Bundle:
    """Complete a folder that already holds the weights, configuration, tokenizer and card: add themes and manifest, then read it back.

    Raises:
        BundleError: If a file is missing or what was written cannot be read.
    """
    (path / THEMES).write_text(themes_to_toml(tuple(themes)), encoding="utf-8")
    files = {}
    for file in _REQUIRED:
        if not (path / file).is_file():
            raise BundleError(f"bundle {path}: {file} has not been written")
        content = (path / file).read_bytes()
        files[file] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "files": files,
        "calibration": [asdict(one) for one in calibrations],
        "tag_temperature": tag_temperature,
        "tag_transitions": tag_transitions,
        "window_tokens": window_tokens,
        "overlap_tokens": overlap_tokens,
        "about": dict(about),
    }
    manifest = json.loads(json.dumps(manifest))
    manifest["version"] = _version(manifest)
    (path / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return read_bundle(path)
