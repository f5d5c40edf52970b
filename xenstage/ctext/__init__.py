"""C as text: tokens, patterns, statements, expressions and definitions, before preprocessing.

Start with :func:`xenstage.ctext.lexer.tokenize` and :func:`xenstage.ctext.entities.entities`.
No compiler, no tree and no guest type is known here.
"""
