"""``lanmu label``: files in, answers and rejected records out, and the exit status."""

import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from data.records import Document, LabelledDocument
from model.classifier import Classifier
from serve import label as label_module
from serve.cli import main
from serve.files import guess_encoding, read_file
from tests.fakes import fake_classifier

ARTICLE = "市水务局减材料、减环节。\n\n全市训练、训练。"
Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Run:
    """Run ``lanmu label`` in an empty folder; gives the exit status."""
    folder = tmp_path_factory.mktemp("bundle")
    monkeypatch.setattr(Classifier, "open", lambda *_: fake_classifier(folder))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: bytes = b"") -> int:
        monkeypatch.setattr(sys, "argv", ["lanmu", "label", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def read(path: str) -> list[dict[str, Any]]:
    return objects(Path(path).read_text(encoding="utf-8"))


def line(**values: Any) -> bytes:
    return json.dumps(values, ensure_ascii=False).encode() + b"\n"


def test_an_article_becomes_the_document_of_the_api(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    Path("稿件.txt").write_text(ARTICLE, encoding="utf-8")
    assert run("稿件.txt") == 0
    captured = capfd.readouterr()
    [document] = objects(captured.out)
    assert captured.err == ""
    assert (document["bundle"], document["id"]) == ("fake@0123456789ab", "稿件.txt")
    assert [(one["start"], one["end"], [theme["id"] for theme in one["themes"]]) for one in document["paragraphs"]] == [
        (0, 12, ["streamline"]),
        (14, 22, ["drill"]),
    ]
    assert document["themes"] == [{"id": "streamline", "label": "精减", "paragraphs": [0]}, {"id": "drill", "label": "演训", "paragraphs": [1]}]
    assert "市水务局" in captured.out


def test_a_jsonl_file_gives_a_line_a_document_in_order(run: Run) -> None:
    Path("in.jsonl").write_bytes(line(id="a", text="减减。") + b"\r\n \n" + line(text="训训。") + line(id="c", paragraphs=["无", "速速"]).rstrip())
    assert run("in.jsonl", "-o", "out.jsonl") == 0
    documents = read("out.jsonl")
    assert [(one["id"], [theme["id"] for theme in one["themes"]]) for one in documents] == [
        ("a", ["streamline"]),
        ("in.jsonl:4", ["drill"]),
        ("c", ["speed_up"]),
    ]
    assert sorted(os.listdir()) == ["in.jsonl", "out.jsonl"]


def test_many_files_and_batches_keep_their_order(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_module, "BATCH_DOCUMENTS", 4)
    Path("one.jsonl").write_bytes(b"".join(line(id=str(number), text="减" * (number % 5 + 1)) for number in range(50)))
    Path("two.txt").write_text("速速", encoding="utf-8")
    assert run("one.jsonl", "two.txt", "-o", "out.jsonl", "--scores", "all") == 0
    documents = read("out.jsonl")
    assert [one["id"] for one in documents] == [*map(str, range(50)), "two.txt"]
    assert [one["paragraphs"][0]["themes"][0]["score"] for one in documents[:5]] == [0.5, 0.8808, 0.982, 0.9975, 0.9997]
    assert len(documents[0]["paragraphs"][0]["themes"]) == 3


def test_batches_are_small_in_documents_and_in_characters(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = Classifier.label

    def label(classifier: Classifier, documents: Sequence[Document]) -> list[LabelledDocument]:
        sizes.append(len(documents))
        return real(classifier, documents)

    monkeypatch.setattr(Classifier, "label", label)
    monkeypatch.setattr(label_module, "BATCH_CHARACTERS", 100)
    Path("in.jsonl").write_bytes(line(text="减" * 10) * 70 + line(text="减" * 150) + line(text="减"))
    assert run("in.jsonl", "-o", "out.jsonl") == 0
    assert sizes == [10] * 7 + [1, 1]


def test_what_cannot_be_read_is_set_aside_with_its_reason(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    bad = ["{", '{"id": "b"}', '{"text": "甲", "titel": "乙"}', '{"text": "甲\\ud842"}', '["甲"]', '{"text": "　"}', '{"text": "甲", "text": "乙"}']
    Path("in.jsonl").write_bytes(line(id="a", text="减减。") + "\n".join(bad).encode() + b"\n" + line(id="z", text="训训。"))
    Path("empty.txt").write_bytes(b"")
    assert run("in.jsonl", "empty.txt", "-o", "out.jsonl") == 1
    assert [one["id"] for one in read("out.jsonl")] == ["a", "z"]
    rejected = read("out.jsonl.rejected.jsonl")
    assert [(one["file"], one["line"], one["record"]) for one in rejected] == [
        *(("in.jsonl", number, record) for number, record in enumerate(bad, 2)),
        ("empty.txt", None, None),
    ]
    reasons = [one["reason"] for one in rejected]
    assert reasons[1:3] == [
        "text: expected either text or paragraphs, got neither",
        "titel: unknown field; expected one of id, title, date, region, text, paragraphs, got '乙'",
    ]
    assert reasons[0].startswith("expected JSON, got something else")
    assert reasons[3:] == [
        "text: expected Unicode text, got half of a UTF-16 pair at character 1",
        "expected an object, got a list",
        "text: expected a text, got only white space",
        "text: expected each key once, got 'text' twice",
        "text: expected a text, got an empty one",
    ]
    assert capfd.readouterr().err == "lanmu: 2 labelled, 8 set aside\n"


def test_what_an_earlier_run_set_aside_does_not_stay(run: Run) -> None:
    Path("in.jsonl").write_bytes(b"{")
    assert run("in.jsonl", "-o", "out.jsonl") == 1
    assert Path("out.jsonl.rejected.jsonl").exists()
    Path("in.jsonl").write_bytes(line(text="减减。"))
    assert run("in.jsonl", "-o", "out.jsonl") == 0
    assert not Path("out.jsonl.rejected.jsonl").exists()


def test_gb18030_files_give_the_same_labels(run: Run) -> None:
    text = "𠮷县" + ARTICLE
    Path("utf8.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    Path("gb.txt").write_bytes(text.encode("gb18030"))
    Path("gb.jsonl").write_bytes(line(id="x", text=text).decode().encode("gb18030") * 2)
    assert run("utf8.txt", "gb.txt", "gb.jsonl", "-o", "out.jsonl") == 0
    first, *others = [one["paragraphs"] for one in read("out.jsonl")]
    assert len(others) == 3
    assert all(one == first for one in others)
    assert text[first[0]["start"] : first[0]["end"]] == first[0]["text"]


def test_a_byte_that_is_no_text_is_named_by_its_place(run: Run) -> None:
    good = line(id="好", text="减少材料，减少环节。")
    broken = good.replace("少".encode(), b"\xff", 1)
    Path("in.jsonl").write_bytes(good + broken + good)
    Path("one.txt").write_bytes(ARTICLE.encode().replace("务".encode(), b"\xe5\x8a"))
    Path("gb.txt").write_bytes(ARTICLE.encode("gb18030") + b"\xff")
    Path("utf16.txt").write_bytes(ARTICLE.encode("utf-16"))
    assert run("in.jsonl", "one.txt", "gb.txt", "utf16.txt", "-o", "out.jsonl") == 1
    assert len(read("out.jsonl")) == 2
    by_place = {(one["file"], one["line"]): one for one in read("out.jsonl.rejected.jsonl")}
    assert list(by_place) == [("in.jsonl", 2), ("one.txt", None), ("gb.txt", None), ("utf16.txt", None)]
    assert by_place["in.jsonl", 2]["reason"].endswith(f"at byte {len(good) + broken.index(0xFF)}")
    assert "\\xff" in by_place["in.jsonl", 2]["record"]
    assert by_place["one.txt", None]["reason"].startswith("expected text in UTF-8, got")
    assert by_place["one.txt", None]["reason"].endswith("at byte 6")
    assert by_place["gb.txt", None]["reason"].startswith("expected text in GB18030 or UTF-8, got")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("", "utf-8"), ("plain", "utf-8"), ("市水务局", "utf-8"), ("市水务局", "gb18030"), ("a" * 1000 + "局", "gb18030"), ("𠮷", "gb18030")],
)
def test_the_encoding_is_told_from_the_bytes(text: str, encoding: str) -> None:
    assert guess_encoding(text.encode(encoding)) == encoding


def test_lines_longer_than_the_sample_are_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.files._SAMPLE_BYTES", 40)
    path = tmp_path / "in.jsonl"
    texts = ["短。", "长" * 200, "减\u2028速", "尾" * 30]
    path.write_bytes(b"".join(line(text=text) for text in texts))
    sent = list(read_file(str(path)))
    assert [one.line for one in sent] == [1, 2, 3, 4]
    assert [one.document.text for one in sent if one.document] == texts
    assert sum(one.bytes for one in sent) == path.stat().st_size


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_standard_input_is_an_article_or_jsonl(run: Run, capfd: pytest.CaptureFixture[str], encoding: str) -> None:
    assert run("-", stdin=ARTICLE.encode(encoding)) == 0
    assert run("-", "-o", "-", stdin=b" \n" + (line(text="减减。") + line(id="b", text="无")).decode().encode(encoding)) == 0
    assert [one["id"] for one in objects(capfd.readouterr().out)] == ["stdin", "stdin:2", "b"]


def test_with_standard_output_rejected_records_go_to_standard_error(run: Run, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("-", stdin=line(text="减减。") + b"{}\n") == 1
    captured = capfd.readouterr()
    assert len(objects(captured.out)) == 1
    rejected, summary = captured.err.splitlines()
    assert json.loads(rejected) == {"file": "stdin", "line": 2, "reason": "text: expected either text or paragraphs, got neither", "record": "{}"}
    assert summary == "lanmu: 1 labelled, 1 set aside"


def test_the_region_is_for_documents_that_name_none(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(line(text="甲") + line(text="乙", region="浙江"))
    article = tmp_path / "a.txt"
    article.write_text("丙", encoding="utf-8")
    documents = [one.document for name in (path, article) for one in read_file(str(name), "内蒙古")]
    assert [one.region for one in documents if one] == ["内蒙古", "浙江", "内蒙古"]


def test_offsets_count_utf16_where_asked(run: Run) -> None:
    Path("a.txt").write_text("𠮷市水务局", encoding="utf-8")
    assert run("a.txt", "-o", "out.jsonl", "--offset-unit", "utf-16") == 0
    [department] = read("out.jsonl")[0]["paragraphs"][0]["departments"]
    assert (department["start"], department["end"]) == (2, 6)


def test_nothing_is_written_when_the_run_breaks_off(run: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.jsonl").write_bytes(line(text="减减。") * 200)
    Path("out.jsonl").write_text("earlier\n")
    real, calls = Classifier.label, iter(range(100))
    monkeypatch.setattr(Classifier, "label", lambda self, documents: real(self, documents) if next(calls) < 2 else 1 / 0)
    assert run("in.jsonl", "-o", "out.jsonl") == 2
    assert sorted(os.listdir()) == ["in.jsonl", "out.jsonl"]
    assert Path("out.jsonl").read_text() == "earlier\n"
    error = capfd.readouterr().err
    assert error.startswith("lanmu: error: ZeroDivisionError")
    assert error.count("\n") == 1


@pytest.mark.parametrize("out", ["in.jsonl", "./in.jsonl", "link"])
def test_a_file_is_never_both_read_and_written(run: Run, capfd: pytest.CaptureFixture[str], out: str) -> None:
    content = line(text="减减。")
    Path("in.jsonl").write_bytes(content)
    os.symlink("in.jsonl", "link")
    assert run("in.jsonl", "-o", out) == 2
    assert Path("in.jsonl").read_bytes() == content
    assert capfd.readouterr().err == "lanmu: error: in.jsonl is both read and written; name another file with -o\n"


def test_a_device_is_written_and_not_replaced(run: Run) -> None:
    Path("a.txt").write_text("减减", encoding="utf-8")
    assert run("a.txt", "-o", "/dev/null") == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'FILE...'."),
        (("missing.txt",), "File 'missing.txt' does not exist."),
        ((".",), "is a directory"),
        (("a.txt", "--scores", "some"), "'some' is not one of"),
        (("a.txt", "--nonsense"), "No such option"),
        (("a.txt", "-o", "nowhere/out.jsonl"), "No such file or directory"),
    ],
)
def test_wrong_use_is_told_in_one_line(run: Run, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str) -> None:
    Path("a.txt").write_text("减减", encoding="utf-8")
    assert run(*arguments) == 2
    error = capfd.readouterr().err
    assert error.startswith("lanmu: error: ")
    assert message in error
    assert error.count("\n") == 1
