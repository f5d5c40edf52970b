"""The mutants: what may go wrong with the written stages, and the proof that must see it."""

from __future__ import annotations

from .abi import READERS
from .audit import AUDIT
from .conditions import CHAINS, CONDITIONS, CREATION, LIFETIMES
from .dropped import DROPPED
from .features import FEATURES
from .gates import GATES
from .heads import HEADS
from .meaning import MEANING
from .others import BREAKS, FORM, INTERFACE, RESIDUE
from .preprocessor import PREPROCESSOR
from .tables import TABLES

MUTANTS = (
    *CONDITIONS, *CHAINS, *CREATION, *TABLES, *LIFETIMES, *BREAKS, *INTERFACE, *FORM, *RESIDUE,
    *HEADS, *PREPROCESSOR, *READERS, *MEANING, *FEATURES, *GATES,
    *AUDIT, *DROPPED,
)  # fmt: skip
