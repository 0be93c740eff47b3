"""Names of organs and their documents → official names. ``[…]`` marks the spans; the articles are written for these tests."""

import json
from pathlib import Path

import pytest

from data.departments.names import read_name
from data.departments.organs import organs
from data.departments.regions import regions
from data.records import Document, Kind, Paragraph
from model.linking import link

SEED = Path(__file__).resolve().parents[1].parent / "shared" / "seed" / "expected.json"


def linked(*paragraphs: str, region: str = "", title: str = "") -> list[str | None]:
    """The names of all marked spans, in order."""
    parsed, spans = [], []
    for index, marked in enumerate(paragraphs):
        text, own = "", []
        for piece in marked.split("["):
            inside, closed, outside = piece.rpartition("]")
            if closed:
                own.append((len(text), len(text) + len(inside)))
            text += inside + outside
        parsed.append(Paragraph(index, Kind.BODY, 0, len(text), text, ((0, 0, len(text)),)))
        spans.append(own)
    names = link(Document("test", tuple(parsed), region=region, title=title), spans)
    assert [len(own) for own in names] == [len(own) for own in spans]
    return [name for own in names for name in own]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("党中央", "中国共产党中央委员会"),
        ("中组部", "中共中央组织部"),
        ("国家发改委", "国家发展和改革委员会"),
        ("发展改革委", "国家发展和改革委员会"),
        ("公安部", "中华人民共和国公安部"),
        ("国务院", "中华人民共和国国务院"),
        ("国务院督查组", "国务院督查组"),
        ("全国人大常委会", "全国人民代表大会常务委员会"),
        ("最高法", "最高人民法院"),
        ("央行", "中国人民银行"),
        ("全国妇联", "中华全国妇女联合会"),
        ("共青团中央", "中国共产主义青年团中央委员会"),
        ("中央纪委国家监委", "中共中央纪律检查委员会、中华人民共和国国家监察委员会"),
        ("公安部交通管理局", "中华人民共和国公安部交通管理局"),
        ("中国驻埃及大使馆", "中华人民共和国驻埃及大使馆"),
    ],
)
def test_a_central_organ_needs_no_region(text: str, name: str) -> None:
    assert linked(f"[{text}]日前下发通知。") == [name]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("内蒙古自治区人社厅", "内蒙古自治区人力资源和社会保障厅"),
        ("内蒙古党委", "中共内蒙古自治区委员会"),
        ("赤峰市公安局", "赤峰市公安局"),
        ("赤峰市市场监管局", "赤峰市市场监督管理局"),
        ("长春市场监管局", "长春市市场监督管理局"),
        ("宁城县公安局", "宁城县公安局"),
        ("北京市人社局", "北京市人力资源和社会保障局"),
        ("北京市教委", "北京市教育委员会"),
        ("科左后旗旗委", "中共科尔沁左翼后旗委员会"),
        ("江苏省南京市鼓楼区法院", "南京市鼓楼区人民法院"),
        ("南京市中院", "南京市中级人民法院"),
        ("江苏高院", "江苏省高级人民法院"),
        ("深圳市坪山区委", "中共深圳市坪山区委员会"),
        ("长沙市市委组织部", "中共长沙市委员会组织部"),
        ("中共江西省委编办", "中共江西省委员会机构编制委员会办公室"),
        ("凉山州政府", "凉山彝族自治州人民政府"),
        ("喀什地委", "中共喀什地区委员会"),
        ("浙江省十三届人大常委会", "浙江省人民代表大会常务委员会"),
        ("政协青海省委员会", "中国人民政治协商会议青海省委员会"),
        ("国家税务总局赤峰市税务局", "国家税务总局赤峰市税务局"),
        ("杭州海关", "中华人民共和国杭州海关"),
        ("共青团湖南省委", "中国共产主义青年团湖南省委员会"),
        ("民革甘肃省委", "中国国民党革命委员会甘肃省委员会"),
        ("浙江省军区", "中国人民解放军浙江省军区"),
        ("内蒙古军区", "中国人民解放军内蒙古军区"),
        ("武警内蒙古总队某部", "中国人民武装警察部队内蒙古自治区总队"),
        ("第71集团军某旅", "中国人民解放军陆军第七十一集团军"),
        ("兵团教育局", "新疆生产建设兵团教育局"),
        ("香港特区政府", "香港特别行政区政府"),
        ("都匀市毛尖镇政府", "都匀市毛尖镇人民政府"),
        ("太原市迎泽区政府办", "太原市迎泽区人民政府办公室"),
        ("自贡市市监局注册科", "自贡市市场监督管理局注册科"),
        ("湖北省库区移民后期扶持中心", "湖北省库区移民后期扶持中心"),
    ],
)
def test_a_name_with_its_region_is_composed(text: str, name: str) -> None:
    assert linked(f"昨日，[{text}]公布结果。") == [name]


@pytest.mark.parametrize("text", ["南京市人社厅", "海军某部", "某旅", "资源环境执法局", "硬骨头六连", "办事处", "市场和质量监管委员会", "政府"])
def test_what_no_rule_can_tell_is_none(text: str) -> None:
    assert linked(f"昨日，[{text}]公布结果。", region="江苏省" if text == "南京市人社厅" else "") == [None]


def test_a_stated_region_goes_first_and_a_break_in_the_name_does_not_matter() -> None:
    assert linked("[自治区党委]部署，[自治区 教育厅]落实。", region="广西") == ["中共广西壮族自治区委员会", "广西壮族自治区教育厅"]
    assert linked("[市政府]与[省政府]会商。", region="浙江省温州市") == ["温州市人民政府", "浙江省人民政府"]
    assert linked("[县公安局]昨日通报。", region="江西省") == [None]
    # A place outside the stated region, named in passing, is not 市.
    assert linked("考察团从北京市归来，[市政府]已有安排。", region="浙江省") == [None]


def test_an_autonomous_region_is_not_a_province() -> None:
    article = "广西今年新设窗口六百个，山东派员前来学习。", "[自治区政务服务局]说，[省政府]一词在此无着。"
    assert linked(*article) == ["广西壮族自治区政务服务局", "山东省人民政府"]


@pytest.mark.parametrize(
    ("article", "name"),
    [
        (("本报呼和浩特3月4日电 （记者 王某）牧区办事点增至四十个。", "[自治区民政厅]公布名单。"), "内蒙古自治区民政厅"),
        (("牧区办事点增至四十个。", "[自治区民政厅]公布名单。", "（据《内蒙古日报》）"), "内蒙古自治区民政厅"),
        (("办事点增至四十个。", "[省民政厅]公布名单。", "（据《大众日报》）"), "山东省民政厅"),
        (("赤峰市街头新设岗亭。", "[市公安局]派员值守。"), "赤峰市公安局"),
        (("宁夏吴忠市的集市恢复了。", "[自治区商务厅]到场。"), "宁夏回族自治区商务厅"),
        (("宁夏吴忠市的集市恢复了。", "[市商务局]到场。"), "吴忠市商务局"),
        (("新华社北京3月4日电 窗口一律延时。", "[省民政厅]公布名单。"), None),
        (("江西、湖南两地签约。", "[省民政厅]公布名单。"), None),
        (("浙江省杭州市、宁波市各设一处。", "[市公安局]派员值守。"), None),
    ],
)
def test_a_name_without_region_takes_the_one_the_document_speaks_for(article: tuple[str, ...], name: str | None) -> None:
    assert linked(*article) == [name]


def test_the_headline_and_the_organ_named_in_full_speak_louder_than_a_place_in_passing() -> None:
    assert linked("干部赴浙江学习。[省委组织部]带队。", title="江西干部走出去 江西经济活起来") == ["中共江西省委员会组织部"]
    assert linked("从浙江、江苏归来，[江西省财政厅]拟文，[省人社厅]会签。")[1] == "江西省人力资源和社会保障厅"


def test_a_second_organ_takes_the_region_of_the_one_it_is_joined_to() -> None:
    assert linked("宁夏的客商到会，[内蒙古自治区党委]、[政府]发来贺信。") == ["中共内蒙古自治区委员会", "内蒙古自治区人民政府"]
    assert linked("[海南省人社厅]、[财政厅]和[教育厅]发文。", region="湖南") == [
        "海南省人力资源和社会保障厅",
        "海南省财政厅",
        "海南省教育厅",
    ]
    assert linked("[青岛市委][市政府]要求。", region="济南市") == ["中共青岛市委员会", "青岛市人民政府"]
    assert linked("[某某专班]、[财政局]发文。", region="济南市") == [None, None]


def test_a_short_form_of_centre_and_provinces_goes_with_its_neighbours() -> None:
    assert linked("[财政部]、[发展改革委]发文，湖南、江西试行。") == ["中华人民共和国财政部", "国家发展和改革委员会"]
    assert linked("[陕西省财政厅]、[发展改革委]发文。") == ["陕西省财政厅", "陕西省发展和改革委员会"]
    assert linked("[发展改革委]发文。", region="陕西省") == ["陕西省发展和改革委员会"]
    assert linked("湖南长沙的企业等来[国资委]的答复。") == [None]


def test_a_district_of_a_common_name_needs_its_city() -> None:
    assert linked("南京的居民来信。", "[鼓楼区教育局]已答复。") == ["南京市鼓楼区教育局"]
    assert linked("[鼓楼区教育局]已答复。") == [None]
    assert linked("南京、福州的居民来信。", "[鼓楼区教育局]已答复。") == [None]


def test_special_administrative_regions() -> None:
    assert linked("澳门回归纪念日，[特区政府]办酒会。") == ["澳门特别行政区政府"]
    assert linked("[特区政府]办酒会。") == [None]


def test_as_many_lists_of_spans_as_paragraphs() -> None:
    with pytest.raises(ValueError, match="list for each of 0 paragraphs, got 1"):
        link(Document("test", ()), [[]])


def test_regions_know_their_names_and_parents() -> None:
    table = regions()
    assert [one.name for one in table.named("内蒙古")] == ["内蒙古自治区"]
    assert [one.name for one in table.named("呼和浩特")] == ["呼和浩特市"]
    assert {one.official for one in table.named("鼓楼区")} == {"南京市鼓楼区", "徐州市鼓楼区", "福州市鼓楼区", "开封市鼓楼区"}
    assert [one.name for one in table["150429"].lineage()] == ["宁城县", "赤峰市", "内蒙古自治区"]
    assert [one.name for one in table["419001"].lineage()] == ["济源市", "河南省"]
    text = "大同社会里，江西省赣州市和上海合作组织、南京路"
    assert [(text[start:end], own[0].name) for start, end, own in table.mentions(text)] == [("江西省赣州市", "赣州市")]


def test_every_official_name_in_the_tables_reads_as_itself() -> None:
    """A table row that another row shadows would give an organ another organ's name."""
    for name in set(organs().central.values()):
        assert read_name(name).name == name
    places = {"p": "330000", "a": "150000", "m": "110000", "c": "1504", "d": "150429", "s": "81", "x": "66"}
    for forms in organs().types.values():
        for form in forms:
            for level in form.levels.replace("t", ""):
                region = regions()[places[level][:2] if level in "pamsx" else places[level]]
                name = form.name(region)
                if "、" not in name and "{province}" not in form.pattern:
                    assert linked(f"[{name}]") == [name]


@pytest.mark.shared
def test_the_seed_article_links_whole() -> None:
    paragraphs, spans, expected = [], [], []
    for index, one in enumerate(json.loads(SEED.read_text(encoding="utf-8"))["paragraphs"]):
        text, own, after = one["text"], [], 0
        for department in one["departments"]:
            start = text.index(department["text"], after)
            after = start + len(department["text"])
            own.append((start, after))
        paragraphs.append(Paragraph(index, Kind(one["kind"][0]), one["start"], one["end"], text, ((0, one["start"], len(text)),)))
        spans.append(own)
        expected.append([department["name"] for department in one["departments"]])
    assert sum(map(len, expected)) == 23
    assert link(Document("seed", tuple(paragraphs)), spans) == expected
