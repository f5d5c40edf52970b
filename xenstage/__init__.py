"""xenstage: staged refactoring of the Xen hypervisor, as programs that write patch series.

The rooms, in the order in which a value passes through them: :mod:`xenstage.tree`
(git and make), :mod:`xenstage.index` (C), :mod:`xenstage.edit` (bytes),
:mod:`xenstage.stage` (what a stage declares), :mod:`xenstage.series` (mail
conventions), :mod:`xenstage.builds` (proofs by building).  None of them knows
what a stage is about; only the folders under ``stages/`` do.
"""

__version__ = "0.1.0"
