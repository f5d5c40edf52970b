"""agree: whether the linker's hypercall tables hold what the source says, word for word, to their ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model.special import Table

Words = Mapping[str, Sequence[Any]]  # table's symbol -> its 8-byte words: names of functions, or numbers


def agree(
    tables: Mapping[str, Table], assembly: Mapping[str, Mapping[int, str]], words: Words
) -> tuple[list[str], int]:
    """Where a binary's tables are not what the source says, and how many words are looked at.

    :param tables: the C tables; their symbols' sizes in the image must be the declared ones.
    :param assembly: symbol of a table in assembly to handler by number.
    """
    wrong: list[str] = []
    count = 0
    for name, table in sorted(tables.items()):
        found = words.get(name)
        if found is None:
            wrong.append(f"{name} is not in the binary")
            continue
        wide = len(table.members)
        if len(found) != table.length * wide:
            said = f"{table.length} rows of {wide} words" if wide > 1 else f"{table.length} rows"
            wrong.append(f"{name} has {len(found)} words in the binary, the source says {said}")
        for number in range(table.length):
            for k, member in enumerate(table.members):
                place = f"{name}[{number}]{'.' + member if member else ''}"
                said = table.get(number, {}).get(member, ("num", 0))[1]
                count += 1
                wrong += _word(place, said, found, number * wide + k)
    for symbol, rows in sorted(assembly.items()):
        if symbol not in words:
            wrong += [f"{symbol} is not in the binary"] if rows else []
            continue
        for number, handler in sorted(rows.items()):
            count += 1
            wrong += _word(f"{symbol}[{number}]", handler, words[symbol], number)
    return wrong, count


def _word(place: str, said: Any, found: Sequence[Any], at: int) -> list[str]:
    if at >= len(found):
        return [f"{place} is not in the binary, the source says {said}"]
    got = found[at]
    same = said == got or (isinstance(got, str) and said in got.split("|"))
    return [] if same else [f"{place} is {got}, the source says {said}"]
