"""View: the tree as one patch of a stage sees it, and the edits that the patch makes.

A view answers questions (where is this defined, where is this used, what does it stand
in) and collects edits.  Every question that must have one answer says so: none or two is
an error that names the place, never a smaller result.

What a view offers stands by subject in modules of its own: :mod:`.base` (bytes, uses,
plain edits), :mod:`.definitions`, :mod:`.matching` (patterns), :mod:`.conditions` (what a
use stands in), :mod:`.asking` (another question instead), :mod:`.blocks` (gates, early
returns), :mod:`.switches`, :mod:`.prose` (text, renaming, whole files), :mod:`.interfaces` (.idl files) and
:mod:`.decisions`, :mod:`.pieces`.  Layout is nobody's business: :mod:`.layout` sees to it afterwards.
"""

from __future__ import annotations

from .base import Region
from .blocks import Gate
from .decisions import Deciding
from .definitions import Definitions
from .interfaces import Interfaces
from .layout import WIDTH
from .matching import Matching
from .pieces import Pieces
from .prose import Prose
from .switches import Switches

__all__ = ["WIDTH", "Gate", "Region", "View"]


class View(Definitions, Matching, Pieces, Switches, Deciding, Prose, Interfaces):
    """See the module's text."""
