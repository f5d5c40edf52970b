"""World and Env: what one tree means by its guest types, and one assignment under which it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ...ctext.expr import Expr


class Table(dict[int, dict[str, Expr]]):
    """Number to member ("" for an array of handlers) to a handler or a number; what is not
    there is 0.

    :param length: the rows that it is declared to have, the last ones perhaps empty.
    :param members: those of a row, in order.
    """

    def __init__(self, length: int, members: tuple[str, ...], rows: Mapping[int, dict[str, Expr]] | None = None):
        super().__init__(rows or {})
        self.length, self.members = length, members


@dataclass(frozen=True)
class World:
    """What one tree means by its guest types.

    :param truth: predicate to kind of guest to answer; a kind that is not there is open:
        the answer depends on more than the kind.
    :param fields: field of struct domain that tells kinds apart, to kind to value.
    :param constant: values of macros and enumerators.
    :param tables: arrays of handlers.
    :param selectors: functions that only choose another one by the type of the current guest.
    :param of_vcpu: the predicates whose argument is a virtual CPU; that of the others is a domain.
    :param kinds: one kind of each set that nothing tells apart: those to look at.
    :param plain: kinds that are made without any flag, and what is not made yet.
    :param flags: the creation flags that make a difference to a guest's kind.
    :param unread: names that ask for the type but are no predicates, with the reason.
    :param asks: predicate to the fields that its answer comes from.
    :param unsettled: fields that creation sets by kind, but that say nothing later, with the reason.
    """

    truth: Mapping[str, Mapping[str, int]]
    fields: Mapping[str, Mapping[str, int]]
    constant: Callable[[str], int | None]
    tables: Mapping[str, Table] = field(default_factory=dict)
    selectors: Mapping[str, Expr] = field(default_factory=dict)
    of_vcpu: frozenset[str] = frozenset()
    kinds: tuple[str, ...] = ()
    plain: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    asks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unsettled: Mapping[str, str] = field(default_factory=dict)

    @property
    def containers(self) -> tuple[str, ...]:
        """The kinds to look at that are not made without any flag."""
        return tuple(k for k in self.kinds if k not in self.plain)

    @property
    def words(self) -> set[str]:
        """Every name that tells kinds apart: predicates and fields."""
        return {*self.truth, *self.fields}


@dataclass
class Env:
    """One assignment of types and values, under which functions are read.

    :param types: object (C text of a domain) to guest type.
    :param values: variables that have a value: an int, or a number of another type.
    :param alias: locals that stand for another object throughout.
    :param null: pointers that are NULL.
    :param others: variables that are pointers to something else than a domain.
    :param asked: objects whose type was asked for and is not in ``types``.
    :param wrong: reads that are not valid for the type.
    """

    world: World
    types: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, int | Expr] = field(default_factory=dict)
    alias: Mapping[str, Expr] = field(default_factory=dict)
    null: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()
    asked: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
