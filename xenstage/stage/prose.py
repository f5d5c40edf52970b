"""Prose: comments, messages, documents and files that are no C; whole files."""

from __future__ import annotations

import re

from ..ctext.lexer import Kind, tokenize
from ..index.sweep import C_SUFFIXES, sweep, word_pattern
from .base import Base, Region


class Prose(Base):
    """What a view offers of text."""

    def prose(self, pattern: str, path: str = "") -> list[Region]:
        """Matches of a regular expression in comments and in files that are not C.

        White space in the tree may be any; the pattern should say ``\\s+``.

        :param path: a file, or a folder that ends in "/".
        """
        compiled = re.compile(pattern.encode())
        out: list[Region] = []
        for file in self.files.paths():
            if path and file != path and not (path.endswith("/") and file.startswith(path)):
                continue
            data = self.read(file)
            found = list(compiled.finditer(data))
            if not found:
                continue
            comments = None
            if file.endswith(C_SUFFIXES):
                comments = [(t.start, t.end) for t in tokenize(data) if t.kind is Kind.COMMENT]
            for m in found:
                if comments is None or any(a <= m.start() < b for a, b in comments):
                    out.append(self.region(file, m.start(), m.end(), "prose"))
        return out

    def text(self, path: str, pattern: str) -> Region:
        """The one match of a regular expression in a file of any kind (.pod, .markdown, .ml, .txt).

        A blank in the pattern stands for any white space, line ends included; ``^`` and
        ``$`` match at lines.

        :raises XenstageError: (SITE) when there is none, or more than one.
        """
        loose = re.compile(re.sub(r"(?<!\\) +", r"\\s+", pattern).encode(), re.M)
        found = list(loose.finditer(self.read(self.whole_file(path).path)))
        if len(found) != 1:
            lines = ", ".join(f"{path}:{self.line(path, m.start())}" for m in found)
            raise self.unknown(
                f"{path} has {len(found)} of what the stage needs once",
                f"looked for: {pattern}\nfound at: {lines or 'nowhere'}",
            )
        return self.region(path, found[0].start(), found[0].end(), f"text in {path}")

    def replace_text(self, path: str, pattern: str, new: str, *, rule: str, reason: str) -> None:
        """Put new text in the place of the one match of :meth:`text`."""
        self.replace(self.text(path, pattern), new, rule=rule, reason=reason)

    def rename(self, old: str, new: str, *, rule: str, reason: str, path: str = "") -> int:
        """Rename an identifier wherever it stands as a word: code, labels, messages, comments, assembly, documents.

        :param path: a folder that ends in "/", or a file; uses elsewhere are left to the stage.
        :returns: how many uses there are.
        :raises XenstageError: (SITE) when there is none, or the new name is taken already.
        """
        taken = sweep(self.files, [new])
        if taken:
            where = ", ".join(f"{h.path}:{self.line(h.path, h.offset)}" for h in taken[:4])
            raise self.unknown(f"{old} cannot be called {new}: that name is taken", where)
        hits = [h for h in sweep(self.files, [old]) if not path or h.path == path or h.path.startswith(path)]
        if not hits:
            raise self.unknown(f"there is no {old} to rename", f"looked in {path or 'the whole tree'}")
        for h in hits:
            self.replace(self.region(h.path, h.offset, h.offset + len(old), old), new, rule=rule, reason=reason)
        return len(hits)

    def reword(self, region: Region, words: dict[str, str], *, rule: str, reason: str) -> int:
        """Put other words in the place of words in a region's comments and messages (not in its code).

        :param words: what stands there to what shall; whole words.
        :returns: how many were replaced.
        """
        count = 0
        for token in self.tokens(region):
            if token.kind not in (Kind.COMMENT, Kind.STRING):
                continue
            for m in word_pattern(words).finditer(token.text.encode("latin-1")):
                at = self.region(region.path, token.start + m.start(), token.start + m.end(), region.what)
                self.replace(at, words[at.text], rule=rule, reason=reason)
                count += 1
        return count

    # Whole files ---------------------------------------------------------

    def add_file(self, path: str, text: str, *, rule: str, reason: str) -> None:
        """Add a file.

        :raises XenstageError: (SITE) when the tree has it already.
        """
        if self.files.has(path):
            raise self.unknown(f"{path} is there already", "the stage means to add it")
        self.insert(path, 0, text, rule=rule, reason=reason)
        self.added.append(path)

    def delete_file(self, path: str, *, rule: str, reason: str) -> None:
        """Take a file away: all of its bytes, and the file."""
        self.replace(self.whole_file(path), "", rule=rule, reason=reason)
        self.deleted.append(path)
