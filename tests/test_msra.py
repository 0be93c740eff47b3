"""The scoring of the MSRA benchmark, on tags made by hand."""

from tests.benchmarks.msra import TAGS, entities, f1

OFFSETS = [(i, i + 1) for i in range(6)]


def tags(*names: str) -> list[int]:
    return [TAGS.index(name) for name in names]


def test_entities_of_bio_tags() -> None:
    found = entities(tags("B-ORG", "I-ORG", "B-ORG", "O", "I-PER", "I-LOC"), OFFSETS, 7)
    assert found == {(7, 0, 2, "ORG"), (7, 2, 3, "ORG"), (7, 4, 5, "PER"), (7, 5, 6, "LOC")}


def test_f1_counts_exact_matches_of_a_type() -> None:
    gold = {(0, 0, 2, "ORG"), (0, 3, 5, "PER"), (1, 0, 2, "ORG")}
    found = {(0, 0, 2, "ORG"), (0, 3, 4, "PER")}
    assert f1(gold, found) == 2 / 5
    assert f1(gold, found, ("ORG",)) == 2 / 3
    assert f1(gold, found, ("PER",)) == 0
