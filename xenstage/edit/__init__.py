"""The edit room: edits are data, applied once to bytes that are checked first.

Start at :class:`xenstage.edit.edits.Edit` and :func:`xenstage.edit.edits.apply_edits`.
"""
