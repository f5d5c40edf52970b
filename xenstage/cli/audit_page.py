"""audit_page: the audit as one HTML file that needs no script.

Choices by class, file and maintainer are radio buttons and rules of the style sheet; where a
browser does not know ``:has()``, everything is shown.  Nothing of the tree is markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from ..boot.report.page import Markup, document, tag
from ..boot.report.style import STYLE
from ..mail.maintainers import Section, owners
from ..stage.audit import KNOWN, Audited, Found
from ..stage.conditions import Use
from ..stage.view import View

AROUND = 3
_MORE = """
fieldset{border:1px solid var(--line);border-radius:6px;margin:0 0 .75rem;max-height:13rem;overflow:auto}
fieldset label{display:inline-block;margin:.1rem .9rem .1rem 0}
mark{background:var(--infra-bg);color:inherit}
table.truth{border-collapse:collapse;margin:.3rem 0}
table.truth th,table.truth td{border:1px solid var(--line);padding:.1rem .6rem;text-align:left;font-weight:400}
table.truth tr.other td{background:var(--infra-bg)}
"""


def audit_page(
    title: str, found: Sequence[Found], audited: Audited, view: View, maintainers: Sequence[Section]
) -> bytes:
    """The page's bytes.

    :param maintainers: sections of the tree's MAINTAINERS.
    """
    choices = _Choices(found, audited, maintainers)
    articles = [_article(f, audited, view, choices, i) for i, f in enumerate(found, 1)]
    parts = (tag("h1", title), _lead(found), _sums(found, audited), *choices.fields(), *articles)
    return document(title, STYLE + _MORE + choices.rules(), *parts)


def _lead(found: Sequence[Found]) -> Markup:
    uses = sum(f.use is not None for f in found)
    known = sum(f.how == KNOWN for f in found)
    return tag("p", f"{uses} uses, {known} of them as they were judged.", class_="lead")


def _sums(found: Sequence[Found], audited: Audited) -> Markup:
    rows = [tag("tr", tag("th", "class"), tag("th", "uses"), tag("th", "what it means"))]
    for kind, about in audited.kinds.items():
        number = sum(f.use is not None and f.decision is not None and f.decision.kind == kind for f in found)
        rows.append(tag("tr", tag("td", about.title), tag("td", str(number)), tag("td", about.about)))
    return tag("table", *rows, class_="truth")


class _Choices:
    """What can be chosen, and which classes of elements stand for it."""

    def __init__(self, found: Sequence[Found], audited: Audited, maintainers: Sequence[Section]) -> None:
        self._sections = list(maintainers)
        self._kinds = audited.kinds
        files = sorted({self.file(f) for f in found})
        owners = sorted({o for f in found for o in self.owners(f)})
        classes = list(dict.fromkeys(self.kind(f) for f in found))
        self.groups = {"class": classes, "file": files, "maintainer": owners}

    def kind(self, f: Found) -> str:
        """What a use is listed under: its class, or how it stands to the audit where it has none."""
        return self._kinds[f.decision.kind].title if f.decision is not None and f.how == KNOWN else f.how

    @staticmethod
    def file(f: Found) -> str:
        """The file of a use, or of the entry that has none."""
        return f.use.site.path if f.use is not None else f.decision.file if f.decision is not None else ""

    def owners(self, f: Found) -> list[str]:
        """Sections of MAINTAINERS."""
        return [s.title for s in owners(self.file(f), self._sections)] or ["nobody"]

    def classes(self, f: Found) -> str:
        """Classes of a use's element."""
        of = {"class": [self.kind(f)], "file": [self.file(f)], "maintainer": self.owners(f)}
        return " ".join(f"{g}-{self.groups[g].index(v)}" for g, values in of.items() for v in values)

    def rules(self) -> str:
        """A rule for each choice: what is not of it is not shown."""
        ids = [(g, f"{g}-{i}") for g, values in self.groups.items() for i in range(len(values))]
        return "\n".join(f"body:has(#{i}:checked) article:not(.{i}){{display:none}}" for _, i in ids)

    def fields(self) -> Iterable[Markup]:
        """The radio buttons."""
        for group, values in self.groups.items():
            every = _radio(group, f"{group}-all", "all", chosen=True)
            yield tag(
                "fieldset",
                tag("legend", group),
                every,
                *(_radio(group, f"{group}-{i}", v) for i, v in enumerate(values)),
            )


def _radio(group: str, identity: str, text: str, *, chosen: bool = False) -> Markup:
    button = (
        f'<input type="radio" name="{html.escape(group)}" id="{html.escape(identity)}"{" checked" if chosen else ""}>'
    )
    return tag("label", Markup(button), " " + text)


def _article(f: Found, audited: Audited, view: View, choices: _Choices, number: int) -> Markup:
    d, u = f.decision, f.use
    path, scope = choices.file(f), u.site.scope if u is not None else d.function if d is not None else ""
    where = f"{path}:{u.site.line} " if u is not None else f"{path} "
    rows: list[Markup] = []
    if d is not None:
        rows += [*_row("guards", d.reason), *_row("for PVH", d.effect), *_row("instead", audited.question(d))]
        rows += _row("patch", audited.subject(d.patch))
    rows += _row("maintainer", "; ".join(_owner(s) for s in owners(path, choices._sections)))
    return tag(
        "article",
        tag("h3", where, tag("code", scope)),
        tag("p", tag("span", choices.kind(f), class_="chip " + ("pass" if f.how == KNOWN else "infra"))),
        _source(view, u) if u is not None else None,
        _truth(f, audited),
        tag("dl", *rows),
        class_=choices.classes(f),
        id=f"site-{number}",
    )


def _owner(section: Section) -> str:
    return f"{section.title} ({', '.join(p.name for p in section.people)})" if section.people else section.title


def _row(name: str, text: str) -> list[Markup]:
    return [tag("dt", name), tag("dd", text)] if text else []


def _source(view: View, use: Use) -> Markup:
    """The lines of the condition and some around it, the use marked."""
    path, start, end = use.site.path, use.where.start, use.where.end
    for _ in range(AROUND + 1):
        start = max(view.line_start(path, max(start - 1, 0)), 0)
        end = min(view.line_end(path, min(end + 1, len(view.read(path)))), len(view.read(path)))
    data = view.read(path)
    before, name, after = (
        data[a:b].decode("utf-8", "replace")
        for a, b in ((start, use.site.offset), use.site.call, (use.site.call[1], end))
    )
    return tag("pre", before, tag("mark", name), after)


def _truth(f: Found, audited: Audited) -> Markup | None:
    """What the use's question, negated or not, answers for each guest now and then."""
    if f.decision is None or f.use is None or not audited.question(f.decision):
        return None
    no = f.use.negated
    sign = "!" if no else ""
    asked = audited.question(f.decision)
    asked = f"!({asked})" if no and " " in asked else sign + asked
    head = tag(
        "tr",
        tag("th", "guest"),
        tag("th", f"{sign}{f.use.site.name}()"),
        tag("th", asked),
    )
    rows = [
        tag(
            "tr",
            tag("td", guest),
            tag("td", str(a ^ no)),
            tag("td", str(b ^ no)),
            **({"class_": "other"} if a != b else {}),
        )
        for guest, a, b in audited.kinds[f.decision.kind].answers
    ]
    return tag("table", head, *rows, class_="truth")
