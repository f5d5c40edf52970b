"""The mail room: who gets a patch, what mailboxes hold, what people said of a patch.

Start at :func:`xenstage.mail.maintainers.recipients`.
"""
