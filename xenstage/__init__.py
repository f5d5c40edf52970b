"""xenstage: staged refactoring of the Xen hypervisor, as programs that write patch series.

The rooms, and which of them may import from which, stand in docs/how-it-works.md
(``tests/unit/test_rooms.py`` holds the picture against the imports).
"""

__version__ = "0.1.0"
