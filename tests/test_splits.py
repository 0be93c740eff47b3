"""Splits that keep near-duplicates together."""

import random

import pytest

from data.corpus import Record
from training.splits import near_duplicate_groups, split

CITIES = ["青禾", "石泉", "临岚", "北屏", "东渡", "云溪", "南麓", "柳河", "安远", "丰宁", "白沙", "金口", "平陆", "长塘", "新塬", "大柳"]
TAILS = ["招商", "防汛", "医保", "文旅", "教育", "养老", "电网", "粮食", "林草", "水利", "信访", "统计", "审计", "档案", "交通", "海关"]


def made_up(count: int) -> list[Record]:
    """Paragraphs that are unlike each other: each of its own random characters."""
    letters = random.Random(2)
    pool = "".join(chr(code) for code in range(0x4E00, 0x5200))
    return [Record(f"p{i:03}", CITIES[i % 16] + TAILS[i // 16 % 16] + "".join(letters.choices(pool, k=60)) + "。") for i in range(count)]


def test_split_keeps_near_duplicates_together_and_shares_are_met() -> None:
    originals = made_up(400)
    copies = [Record(f"z{one.id}", f"　{one.text[:-1]}，记者昨日获悉。") for one in originals]
    parts = split([*originals, *copies])
    place = {one.id: name for name, part in parts.items() for one in part}
    assert len(place) == 800
    assert all(place[one.id] == place[f"z{one.id}"] for one in originals)
    assert len(parts["train"]) / 800 == pytest.approx(0.8, abs=0.06)
    assert len(parts["dev"]) / 800 == pytest.approx(0.1, abs=0.05)
    groups = near_duplicate_groups([*originals, *copies])
    assert len(set(groups.values())) == 400
    assert groups["zp007"] == "p007"


def test_a_near_duplicate_of_a_near_duplicate_is_in_the_group() -> None:
    text = made_up(1)[0].text
    chain = [
        Record("c", text),
        Record("b", text[15:] + "甲乙丙丁戊己庚辛壬癸子丑寅卯辰"),
        Record("a", text[30:] + "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉戌亥天地玄黄宇宙洪荒"),
    ]
    assert len(set(near_duplicate_groups([chain[0], chain[2]]).values())) == 2
    assert near_duplicate_groups(chain) == {"a": "a", "b": "a", "c": "a"}


def test_split_does_not_hang_on_the_order_and_does_on_the_seed() -> None:
    records = made_up(200)
    shuffled = records[:]
    random.Random(9).shuffle(shuffled)
    parts, again = split(records), split(shuffled)
    assert {name: {one.id for one in part} for name, part in parts.items()} == {name: {one.id for one in part} for name, part in again.items()}
    assert again["train"] == [one for one in shuffled if one in parts["train"]]
    assert {one.id for one in split(records, seed="other")["dev"]} != {one.id for one in parts["dev"]}
    # A record stays where it is when others are added.
    assert {one.id for one in split(records[:100])["dev"]} <= {one.id for one in parts["dev"]}


def test_split_folds_short_texts_and_checks_what_it_is_given() -> None:
    twins = near_duplicate_groups([Record("a", "１２　３"), Record("b", "123"), Record("c", "124")])
    assert twins == {"a": "a", "b": "a", "c": "c"}
    assert split([Record("a", "文")], {"all": 1.0, "none": 0.0}) == {"all": [Record("a", "文")], "none": []}
    with pytest.raises(ValueError, match="make 1 together"):
        split([], {"train": 0.8, "dev": 0.1})
    with pytest.raises(ValueError, match="ids must differ"):
        split([Record("a", "一"), Record("a", "二")])
