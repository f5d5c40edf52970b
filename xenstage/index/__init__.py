"""The index room: every textual use of some names, with what is known about each.

Start at :func:`xenstage.index.sites.index_names`.
"""
