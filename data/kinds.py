"""What a line or a paragraph is, told from its shape, and from its neighbours where the shape leaves it open.

A *shape* is what the text alone shows; a *kind* is what that makes of it in its article: the same short line is a title
before an article's first body and a heading after it.
"""

import re
from collections.abc import Sequence
from enum import Enum

from data.records import Kind

TITLE_LENGTH = 60  # longest heading, in characters
HEAD_LENGTH = 30  # longest heading that holds a comma
TITLE_COMMA_LENGTH = 45  # the same before an article's first body, where headlines stand
_CAPTION_LENGTH = 300
_VERSE_LINES = 4  # so many heading-like lines in a row are verse, slogans or a list of names
_TAIL = 160  # characters that tell how a text ends

FINAL = "。！？…；：!?;:."
_CLOSERS = "”’」』）)】》〉]\"'"
_HANGING = "，、,“‘「『（(【《〈["
# A comma between digits (2,300) parts no clauses, and a half-width full stop (3.5, Wi-Fi.) only does between Chinese characters.
_HALF_WIDTH_STOP = r"(?<=[\u3400-\u9fff”)])\.(?=[\u3400-\u9fff“])"
_CLAUSE = re.compile(rf"[，。；！？]|[,;!?](?!\d)|{_HALF_WIDTH_STOP}")
_STOP = re.compile(rf"[。；！？]|[;!?](?!\d)|{_HALF_WIDTH_STOP}")


class Ending(Enum):
    """How a text ends."""

    CLOSED = "closed"  # its sentence is finished
    OPEN = "open"  # with a word: a heading, or half a sentence
    HANGING = "hanging"  # with a comma or an opening mark: half a sentence


class Shape(Enum):
    """What the text alone shows."""

    FURNITURE = "furniture"  # a page number, or where the article goes on
    CREDIT = "credit"
    CAPTION = "caption"
    SECTION = "section"  # a numbered section head: 一、 （二） 第三章
    ITEM_HEAD = "item head"  # a list item without a final mark
    ITEM = "item"
    SUBTITLE = "subtitle"  # a short line that begins with ——
    HEAD = "head"
    LONG_HEAD = "long head"  # with a comma, of a length that only headlines have
    ASK = "ask"  # a short line that ends with a question, an exclamation or an ellipsis
    BODY = "body"


_NUMERAL = "一二三四五六七八九十百零〇"
_JUMP = rf"(?:下转|上接|紧接|转|接)\s*(?:本报)?\s*第?\s*[A-Za-z]?\s*[\d{_NUMERAL}]{{1,4}}\s*版[^（）()。，]{{0,10}}"
_FURNITURE = re.compile(
    rf"[-—–－·•~～]+\s*\d{{1,4}}\s*[-—–－·•~～]+|\d{{1,3}}|\d{{1,4}}\s*/\s*\d{{1,4}}|[（(【\[]?\s*{_JUMP}[）)】\]]?"
    rf"|第\s*[\d{_NUMERAL}]{{1,4}}\s*[页版](?:\s*[,，/]?\s*共\s*[\d{_NUMERAL}]{{1,4}}\s*[页版])?"
)
JUMP_START = re.compile(rf"[（(]\s*{_JUMP}[）)]")
JUMP_END = re.compile(rf"[（(]\s*{_JUMP}[）)]\Z")

# 三、四月间 is no third section.
_SECTION = re.compile(
    rf"[{_NUMERAL}]{{1,3}}、(?![{_NUMERAL}]+[月季年线级类产次])|[（(][{_NUMERAL}]{{1,3}}[）)]|第[{_NUMERAL}\d]{{1,4}}[章节编篇](?:\s|\Z)"
)
_ITEM = re.compile(
    rf"\d{{1,3}}[、.．](?!\d)|[（(]\d{{1,3}}[）)]|\d{{1,2}}[）)]|[①-⒛❶-❿]|第[{_NUMERAL}\d]{{1,6}}[条款](?:\s|\Z)|[●○■□◆◇★☆※►▶➤•·▪]|[-*–]\s|[—―─]{{2}}"
)
_CAPTION = re.compile(
    rf"[▲△▼▽]|[（(]?(?:图为|图中为|图片说明|图说|图注|资料图[：:]|图[：:]|[上下左右]图(?:[：:为是]|\s|[①-⑨\d（(])|图[{_NUMERAL}①-⑳\d]{{1,3}}(?:[：:为.]|\s|\Z))"
)

_LABELS = (
    "来源|稿源|信息来源|文章来源|图片来源|作者|本文作者|作者单位|记者|通讯员|编辑|责任编辑|责编|责任校对|校对|编审|审核|审校|审签|初审|复审|终审|监制|总监制|策划|总策划|统筹"
    "|主编|执行主编|副主编|美编|美术编辑|视觉|制图|绘图|插画|版式|版式设计|版面设计|摄影|摄像|剪辑|撰稿|撰文|执笔|供稿|供图|图源|文|图文|文图|文字|整理|编译|值班主任|值班编委"
    "|新媒体编辑|本版编辑|本期编辑|本版责编|发布时间|发布日期"
)
_PAPER = "本报|本刊|本台|本网|本社|新华社|中新社|人民日报"
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯"
    "龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤包乌"
)
_DATE = rf"(?:\d{{4}}|[{_NUMERAL}]{{4}})\s?[年./-]\s?[\d{_NUMERAL}]{{1,3}}\s?[月./-]\s?[\d{_NUMERAL}]{{1,3}}\s?日?"
_DATE_LINE = re.compile(rf"{_DATE}(?:\s*\d{{1,2}}[:：]\d{{2}}(?:[:：]\d{{2}})?)?(?:\s*星期.)?(?:\s*来源\s*[：:].{{0,30}})?")
_CREDIT = re.compile(
    rf"(?:{_LABELS})\s*[：:／/丨|].{{1,50}}|(?:文|图|文图|图文)[／/].{{1,30}}"
    rf"|(?:据|摘自|转自|原载|载于|选自)\s?《[^》]{{1,20}}》[^（(]{{0,12}}|据新华社(?:电|报道)?"
    rf"|(?:{_PAPER})[^\s，。；（(\d]{{0,8}}(?:记者|通讯员|评论员|观察员)(?:[{_SURNAMES}][\u3400-\u9fff]{{1,3}}|[×xX＊*○]{{2,4}})?(?:[\s、].{{0,30}})?"
    rf"|(?:{_PAPER})[^，。；（(]{{2,14}}日[电讯]|(?:新华社|中新社)发.{{0,20}}"
    rf"|\S{{2,14}}供图|资料(?:图片|照片|图)|图片(?:由|来自|来源).{{1,20}}|[{_SURNAMES}][\u3400-\u9fff]{{1,3}}摄(?:影)?"
    rf"|{_DATE_LINE.pattern}"
)
# What makes a credit of a line that stands in brackets as a whole.
_CREDIT_IN_BRACKETS = re.compile(
    rf"(?:据|来源|原载|摘自|转自|选自|转载|载于|综合|作者|本文|执笔|记者|通讯员|编辑|责编|责任编辑|供稿|摄影|图片|资料|照片|本版|本组|{_PAPER}).{{0,58}}"
    rf"|.{{1,50}}(?:摄|摄影|报道|供稿|供图|提供|整理|日电|日讯)|完|[{_SURNAMES}][\u3400-\u9fff]{{1,2}}"
)
_BETWEEN_NAMES = re.compile(r"[\s/／：:、|丨]+")
_ROLE = re.compile(r"[^，。；]{0,10}(?:记者|通讯员|评论员|实习生)")
_NAME = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff·]{1,6}|[×xX＊*○]{2,4}|[A-Za-z.]{1,15}")
_WORK = re.compile(r"摄|摄影|摄影报道|报道|供图|供稿|绘|制图|文|图|文图")
# …。 李明 摄
_PHOTOGRAPHER = re.compile(
    r"(?:[。！？”）\s]|[（(])(?:[^\s，。；（(]{0,10}记者\s*)?[\u3400-\u9fff×·]{1,6}(?:[\s、][\u3400-\u9fff×·]{1,6}){0,3}[\s/／]*(?<![拍抓航])(?:摄|供图)[）)]?\Z"
)
_CONTACT = re.compile(r"(?:\d{3,4}-)?\d{7,12}\Z|(?:https?://|www\.)\S+\Z|[\w.]+@[\w.]+\Z")
_ENDS_IN_BRACKETS = re.compile(r"[（(][^（）()]{1,150}[）)]\Z")
_AUTHOR_IN_BRACKETS = re.compile(rf"[（(](?:本文|本版)?(?:作者|记者|通讯员|责任编辑|执笔|{_PAPER})[^。！？（）()]{{1,140}}[）)]")


def has_clause(text: str) -> bool:
    """Whether ``text`` holds a mark that parts clauses or sentences, as running text does."""
    return _CLAUSE.search(text) is not None


def has_stop(text: str) -> bool:
    """Whether ``text`` holds a mark that ends a sentence, which headings do not."""
    return _STOP.search(text) is not None


def stops(text: str) -> bool:
    """Whether ``text`` ends with a final mark, closing quotes and brackets aside."""
    return text.rstrip(_CLOSERS)[-1:] in tuple(FINAL)


def ending(text: str) -> Ending:
    """How ``text`` (trimmed, not empty) ends; closing marks and a credit after the last full stop change nothing."""
    tail = text[-_TAIL:]
    if tail[-1] in _HANGING:
        return Ending.HANGING
    core = tail.rstrip(_CLOSERS)
    if not core or core[-1] in FINAL or core[-1] in "—―":
        return Ending.CLOSED
    last = max(tail.rfind(mark) for mark in "。！？!?.")
    if last >= 0 and is_credit(tail[last + 1 :].lstrip(_CLOSERS).strip()):
        return Ending.CLOSED
    if tail[-1] in "）)":
        bracket = _ENDS_IN_BRACKETS.search(tail)
        if bracket and (is_credit(bracket[0]) or stops(tail[: bracket.start()])):
            return Ending.CLOSED
    if tail[-1].isascii() and _CONTACT.search(tail[-TITLE_LENGTH:]):
        return Ending.CLOSED
    return Ending.OPEN


def is_credit(text: str) -> bool:
    """Whether ``text`` only says who wrote, took or edited something, where it is from, or its date."""
    if text[:1] in ("（", "(") and _AUTHOR_IN_BRACKETS.fullmatch(text):
        return True
    if len(text) > TITLE_LENGTH:
        return False
    core = text.strip("□■◇◆●○◎▲△★☆※丨|—― \u3000\t\xa0")
    if len(core) < 2 or has_clause(core):
        return False
    if core[0] in "（(【[" and core[-1] in "）)】]" and (inner := core[1:-1].strip()):
        return _CREDIT_IN_BRACKETS.fullmatch(inner) is not None or is_credit(inner)
    return _CREDIT.fullmatch(core) is not None or _is_byline(core)


def _is_byline(core: str) -> bool:
    words = _BETWEEN_NAMES.split(core)
    if len(words) < 2 or not all(_ROLE.fullmatch(word) or _NAME.fullmatch(word) for word in words):
        return False
    return _ROLE.fullmatch(words[0]) is not None or _WORK.fullmatch(words[-1]) is not None


def shape(text: str) -> Shape:
    """What ``text`` (trimmed, not empty) looks like. Takes the same time for any length beyond a few hundred characters."""
    if len(text) <= TITLE_LENGTH and _FURNITURE.fullmatch(text):
        return Shape.FURNITURE
    if len(text) <= _CAPTION_LENGTH and _CAPTION.match(text):
        return Shape.CAPTION
    if is_credit(text):
        return Shape.CREDIT
    if len(text) <= _CAPTION_LENGTH and _PHOTOGRAPHER.search(text, max(0, len(text) - TITLE_LENGTH)):
        return Shape.CAPTION
    # A heading is short and its sentence is not finished.
    short = len(text) <= TITLE_LENGTH and not has_stop(text) and ending(text) is Ending.OPEN
    comma = short and has_clause(text)
    head = short and len(text) <= (HEAD_LENGTH if comma else TITLE_LENGTH)
    if _SECTION.match(text):
        return Shape.SECTION if short else Shape.ITEM
    if _ITEM.match(text):
        if head and text[0] in "—―─":
            return Shape.SUBTITLE
        return Shape.ITEM_HEAD if head else Shape.ITEM
    if head:
        return Shape.HEAD
    if short and len(text) <= TITLE_COMMA_LENGTH:
        return Shape.LONG_HEAD
    if len(text) <= HEAD_LENGTH and text[-1] in "？！…?!" and not has_stop(text[:-1].rstrip("？！…?!")):
        return Shape.ASK
    return Shape.BODY


def tell_kinds(texts: Sequence[str]) -> list[Kind]:
    """The kind of each paragraph of a document, from its shape and its neighbours.

    - Every heading-like line before an article's first body is a title; after it, a heading. A credit ends an article.
    - Numbered sections are headings wherever they stand; other list items without a final mark are headings where body follows.
    - Four or more heading-like lines in a row within an article, or with nothing after them, are verse or a list: body.
    - A line between body and a date signs the document: credit.
    """
    shapes = [shape(text.strip()) if text.strip() else Shape.BODY for text in texts]
    kinds: list[Kind] = []
    fresh = True  # no body yet in this article
    run_end = 0
    for index, own in enumerate(shapes):
        following = next((other for other in shapes[index + 1 : index + 4] if other is not Shape.FURNITURE), None)
        if own is Shape.HEAD and index >= run_end:
            run_end = index + 1
            while run_end < len(shapes) and shapes[run_end] is Shape.HEAD:
                run_end += 1
            verse = run_end - index >= _VERSE_LINES and (not fresh or run_end == len(shapes))
        kind = _kind(own, following, fresh)
        if own is Shape.HEAD and verse and not fresh:
            kind = Kind.BODY
        elif own is Shape.HEAD and not fresh and following is Shape.CREDIT and _DATE_LINE.fullmatch(texts[index + 1].strip()):
            kind = Kind.CREDIT
        kinds.append(kind)
        if own is Shape.CREDIT:
            fresh = True
        elif kind is Kind.BODY or (own is Shape.HEAD and verse):
            fresh = False
    return kinds


def _kind(own: Shape, following: Shape | None, fresh: bool) -> Kind:
    match own:
        case Shape.FURNITURE | Shape.CREDIT:
            return Kind.CREDIT
        case Shape.CAPTION:
            return Kind.CAPTION
        case Shape.SECTION:
            return Kind.HEADING
        case Shape.ITEM_HEAD:
            return Kind.HEADING if following in (Shape.BODY, Shape.LONG_HEAD) else Kind.BODY
        case Shape.HEAD | Shape.SUBTITLE:
            return Kind.TITLE if fresh else Kind.HEADING
        case Shape.LONG_HEAD | Shape.ASK:
            return Kind.TITLE if fresh and following is not None else Kind.BODY
        case _:
            return Kind.BODY
