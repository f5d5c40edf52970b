"""boot: Xen in an emulator, guests by the tree's own toolstack, and an honest word on what happened.

Start with :class:`xenstage.boot.model.Cell` and :class:`xenstage.boot.model.Outcome`.
"""
