"""XenstageError: the one way in which the tool says that it stops.

An error says what happened (``title``), why (``why``), and what to type next
(``remedy``), and carries the exit code of its kind.  The codes are documented in
``docs/errors.md`` and are part of the interface.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every verb (docs/errors.md)."""

    OK = 0
    FAIL = 1  # the work was done and its verdict is bad: a build failed, a counterexample was found
    USAGE = 2  # the command line is wrong (argparse uses the same code)
    TREE = 3  # the tree or the base commit cannot be used
    SITE = 4  # a site that a stage needs is missing, doubled, or unknown to it
    TOOLS = 5  # a compiler, libclang, git or an identity is missing
    OUTPUT = 6  # the output directory cannot be written, or holds something else
    PARSE = 7  # the C parser reported an error
    SKIPPED = 8  # nothing failed, but something could not run here (verify)
    INFRA = 9  # the machine, not the patch, kept a proof from ending
    NOT_SHOWN = 10  # no counterexample was found, and it is not shown that there is none (verify)
    TERMINATED = 143  # SIGTERM; as after Ctrl-C
    INTERRUPTED = 130  # Ctrl-C; run the same command again to go on


class XenstageError(Exception):
    """The tool stops: nothing was lost, nothing half-written stays.

    :param code: the exit code of this kind of error.
    :param title: what happened, one line, no full stop.
    :param why: the reason, with every site, file or flag that it is about.
    :param remedy: what to type or to do next.
    """

    def __init__(self, code: Exit, title: str, *, why: str, remedy: str) -> None:
        super().__init__(title)
        self.code = code
        self.title = title
        self.why = why
        self.remedy = remedy

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _rebuild, (self.code, self.title, self.why, self.remedy)

    def render(self) -> str:
        """The text for stderr: three paragraphs, the last of which can be typed."""
        text = f"xenstage: {self.title}\n  why:  {_indent(self.why)}\n  next: {_indent(self.remedy)}"
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")  # names that are no text


def _rebuild(code: Exit, title: str, why: str, remedy: str) -> XenstageError:
    """Unpickle: errors cross from the parsing processes to the main one."""
    return XenstageError(code, title, why=why, remedy=remedy)


def _indent(text: str) -> str:
    return text.strip().replace("\n", "\n        ")
