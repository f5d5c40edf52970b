"""arms: a condition or statement with a directive inside, as the two texts that it can be."""

from __future__ import annotations

from collections.abc import Sequence

from .body import NotUnderstood

Arms = tuple[str, tuple[str, ...], tuple[str, ...]]  # the directive, the words with it true, with it false


def arms(words: Sequence[str]) -> Arms | None:
    """The first ``#if`` among words and both readings of them; None where there is none.

    The words are those of tokens, in which a directive is ``#if`` (``#ifdef`` and so on),
    its operands and a newline.  Further directives are left in the readings.

    :raises NotUnderstood: for a directive that no ``#endif`` ends, and for ``#elif``.
    """
    start = next((i for i, w in enumerate(words) if w.startswith("#") and len(w) > 1 and w[1:].strip().isalpha()), None)
    if start is None:
        return None
    stop = _line(words, start)
    text = " ".join(words[start:stop])
    if not text.lstrip("# \t").startswith("if"):
        raise NotUnderstood(f"a directive inside a condition: {text}")
    depth, at, other, end = 0, stop, None, None
    while at < len(words) and end is None:
        name = words[at].lstrip("# \t") if words[at].startswith("#") else ""
        if name.startswith("if"):
            depth += 1
        elif name == "endif":
            end = at if depth == 0 else None
            depth -= 1
        elif name == "elif" and depth == 0:
            raise NotUnderstood(f"#elif inside a condition that begins with {text}")
        elif name == "else" and depth == 0:
            other = at
        at += 1
    if end is None:
        raise NotUnderstood(f"nothing ends {text}")
    after = tuple(words[_line(words, end) + 1 :])
    first = tuple(words[stop + 1 : other if other is not None else end])
    second = tuple(words[_line(words, other) + 1 : end]) if other is not None else ()
    return text, (*words[:start], *first, *after), (*words[:start], *second, *after)


def _line(words: Sequence[str], at: int) -> int:
    """Index of the newline that ends a directive."""
    return next((i for i in range(at, len(words)) if words[i] == "\n"), len(words))
