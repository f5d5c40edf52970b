"""Audit: the uses of some names in any tree, held against what is decided of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .conditions import Use
from .decisions import Decision, Decisions, pair

KNOWN, REWORDED, MOVED, NEW, VANISHED, LATER = "known", "reworded", "moved", "new", "vanished", "made later"
HOWS = (KNOWN, MOVED, REWORDED, NEW, VANISHED, LATER)


@dataclass(frozen=True)
class Kind:
    """What one ``kind`` of the decisions means.

    :param title: a few words.
    :param about: a sentence.
    :param answers: (guest, what the old question answers for it, what the new one does).
    """

    title: str
    about: str
    answers: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Audited:
    """What a stage audits.

    :param names: the names whose uses are judged.
    :param decisions: what is decided of each; of several, the first that is for a tree counts.
    :param kinds: by the decisions' ``kind``.
    :param subject: the subject of the patch that the decisions name.
    :param question: what is asked instead, for people; "" where the use stays.
    """

    names: tuple[str, ...]
    decisions: tuple[Decisions, ...]
    kinds: dict[str, Kind]
    subject: Callable[[str], str]
    question: Callable[[Decision], str]


@dataclass(frozen=True)
class Found:
    """A use, an entry, or both.

    :param how: one of :data:`HOWS`: the entry's use is there as it was; the same text in
        another function or file; another text in the same function, to be judged again
        (both where one use and one entry are left that could be it, and no more); a use
        that no entry knows; an entry without a use; an entry whose use a stage makes.
    """

    how: str
    use: Use | None
    decision: Decision | None


def audit(uses: Sequence[Use], decisions: Decisions) -> list[Found]:
    """Every use and every entry exactly once, uses in the tree's order, then entries without one."""
    entries = [d for d in decisions.entries if not d.after]
    pairs, unused = pair(uses, entries)
    by_use: dict[int, tuple[str, Decision]] = {i: (KNOWN, ds[0]) for i, (_, ds) in enumerate(pairs) if ds}
    left = [i for i in range(len(uses)) if i not in by_use]
    for how, same in ((MOVED, _moved), (REWORDED, _reworded)):
        for d in list(unused):
            mine = [i for i in left if same(uses[i], d)]
            if len(mine) == 1 and sum(same(uses[mine[0]], other) for other in unused) == 1:
                by_use[mine[0]] = (how, d)
                left.remove(mine[0])
                unused.remove(d)
    out = [Found(*_of(by_use.get(i), u)) for i, u in enumerate(uses)]
    gone = [d for d in unused if not d.elsewhere]
    return out + [Found(LATER if d.made_by else VANISHED, None, d) for d in gone]


def _of(known: tuple[str, Decision] | None, use: Use) -> tuple[str, Use, Decision | None]:
    return (NEW, use, None) if known is None else (known[0], use, known[1])


def _moved(use: Use, d: Decision) -> bool:
    text = bool(d.text) and " ".join(d.text.split()) == use.text and d.form == use.form
    here = (d.file == use.site.path) + (d.function == use.site.scope)
    return text and here == 1 and d.fits_inside(use)


def _reworded(use: Use, d: Decision) -> bool:
    return (d.file, d.function) == (use.site.path, use.site.scope) and d.fits_inside(use)
