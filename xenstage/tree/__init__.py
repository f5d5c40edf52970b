"""The tree room: opens a Xen tree at a base commit and prepares it for parsing and building.

Start at :func:`xenstage.tree.source.open_tree`.
"""
