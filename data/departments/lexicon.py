"""The register's names by kind, as a tagger reads them: every name that may help to tell where an organ's name begins and ends."""

from data.departments.organs import organs
from data.departments.regions import regions

ENDINGS = (
    *("委员会", "常务委员会", "常委会", "党委", "党组", "工委", "地委", "团委", "纪委", "监委", "政法委"),
    *("委", "编办", "网信办", "办公厅", "办公室", "办事处", "办", "政府", "人大", "政协", "法院", "检察院", "院"),
    *("部", "厅", "局", "分局", "管理局", "总局", "署", "司", "处", "科", "所", "站", "中心", "海关", "央行", "银行"),
    *("总队", "支队", "大队", "中队", "队", "战区", "军区", "集团军", "舰队", "基地", "兵团", "军", "师", "旅", "团"),
    *("营", "连", "人武部", "武装部", "学院", "大学", "工会", "总工会", "妇联", "科协", "残联", "文联", "作协"),
    *("侨联", "工商联", "红十字会", "协会", "学会", "联合会", "会", "大使馆", "领事馆", "气象台", "公司", "集团"),
)
"""How names of organs end, and of what is easily taken for one."""


def lexicon_names() -> dict[str, list[str]]:
    """Names of regions, of organs without their region, of central organs, and endings."""
    found = organs()
    parts = {part for key in found.types for part in key.split("{}")}
    return {
        "region": sorted(name for name in regions().names() if len(name) > 1),
        "organ": sorted(part for part in parts if len(part) > 1),
        "central": sorted(found.central.keys() | found.unsure.keys()),
        "ending": list(ENDINGS),
    }
