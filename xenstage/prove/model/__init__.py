"""The guest model: what one tree means by its guest types, and functions read under it.

Start with :class:`xenstage.prove.model.special.World`.
"""
