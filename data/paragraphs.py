"""Raw text → paragraphs: re-joins what columns and pages broke, and keeps apart what is apart.

A heading glued to body, or two whole paragraphs glued to each other, gives an editor labels that fit neither; a sentence
left in two halves only costs some. So a line goes on with the paragraph before it when something shows that it does, and
begins its own otherwise. The rules, the first that fits deciding:

1.  Lines end at LF, CR LF, CR, form feed, vertical tab, NEL, U+2028 and U+2029. Spaces of every width, byte-order marks and
    zero-width characters at a line's edges are not part of it. （上接第一版） and （下转第四版） are split off their lines.
2.  A page number or a page jump is a paragraph of its own (a credit), and what stands after it is held against what stands before.
3.  A line that begins with a closing mark (，。、；：！？”》）…) goes on.
4.  After a credit line nothing goes on. Credits, captions, list items, numbered sections and lines that begin with —— begin their own.
5.  An indented line begins its own where indentation tells starts: the line before has none, or some running text has none.
6.  Lines of one width, closely set, were broken by that width (:mod:`data.lines`): the next goes on, even mid-word. If such a line
    ends with a final mark, the next goes on only after ；, or where it would be indented, or stand after a blank line, if it did
    not. An article's first line without a mark is a title even at that width.
7.  After a finished sentence (。！？…；： and closing marks, or these and a credit in the same line) nothing goes on.
8.  A half that must go on — it ends with a comma, an opening mark, inside a quote, bracket or book title, or with a word such as 的 —
    goes on with anything but a line set as a heading (with —— inside or words spaced apart).
9.  Nothing else goes on with a heading-like line, and a heading-like line goes on with nothing: 聚焦主责，提升效能 is no half of the
    sentence below it, unless the line right below is finished and shorter still.
10. Running text (it holds ，。； or is of wrapped lines) that ends with a word goes on, also across blank lines; but a caption does not,
    nor does it where every line is indented.
11. A half that must go on also finds its other half behind captions and photo credits.

Two halves are joined without a space, but with one between two Latin words. Kinds are told afterwards by :mod:`data.kinds`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.kinds import HEADS, Ending, Shape, ending, has_clause, is_particle_led, must_go_on, shape, stops
from data.kinds import TITLE_LENGTH, tell_kinds
from data.lines import Line, indents_starts, parts_by_blanks, read_lines, usual_blanks
from data.records import Paragraph
