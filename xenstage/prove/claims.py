"""claim_in: does a message say that nothing changes, in whatever words?

Decided so, and kept to by the tests: what stands in quotation marks or in lines that begin
with ">" is somebody else's; so is what another patch "said" or "claimed".  A negation in
front of the words, without a comma between, takes them back ("this is not a case of no
functional change"), and so does what follows with "except", "other than" and the like.
A claim about a part ("no functional change on ARM") is taken at its word as a claim: who
says it has looked.
"""

from __future__ import annotations

import re
import unicodedata

_WHAT = (
    r"(?:functional(?:ity)?|function|behaviou?r(?:al)?|semantics?|logic(?:al)?|operational|observable|"
    r"(?:guest|user)[- ]visible|runtime|binary|object[- ]code|code[- ]generation)"
)
_ADJECTIVES = (
    r"(?:(?:intended|intentional|actual|real|visible|user[- ]visible|guest[- ]visible|expected|further|other|net|known|"
    r"whatsoever|any|overall|resulting) )*"
)
_WHOSE = r"(?:(?:the|its|any|our|xen's|generated|resulting|existing|current|overall|actual|run-?time) )*"
_CHANGE = r"(?:change[sd]?|difference|differences|impact|effects?|modifications?|alterations?)"
_TO_CHANGE = r"(?:chang(?:e|ing)|alter(?:ing)?|affect(?:ing)?|modify(?:ing)?)"
_ONLY = (
    r"(?:pure(?:ly)?|just|only|merely|simply|strictly|solely|entirely|nothing (?:but|more than)) "
    r"(?:an? )?(?:bit of )?"
)
_COSMETIC = (
    r"(?:cosmetics?(?: \w+)?|code (?:motion|movement|move)|movement of code|refactor(?:ing|ed)?|clean ?-?ups?|"
    r"tid(?:y|ying)(?: up)?|mechanical|stylistic|style|formatting|(?:white ?-?space)|renam(?:e|es|ing)|"
    r"re-?indent(?:ation|ing)?)"
)
_PHRASES = (
    # no (intended) functional change; no behavioural difference
    rf"\bno {_ADJECTIVES}(?:{_WHAT}(?:(?:,| or| and|/) ?(?:or )?{_WHAT})* )+{_ADJECTIVES}{_CHANGE}",
    # no change in behaviour, to the generated code
    rf"\b(?:no|without|not? (?:an?|any)) {_ADJECTIVES}{_CHANGE} (?:is |are )?(?:(?:intended|expected|meant) )?"
    rf"(?:in|of|to|on|for) {_WHOSE}(?:{_WHAT}|code|binary|binaries|objects?)\b",
    rf"\bnot (?:an?|any) {_ADJECTIVES}{_WHAT} {_CHANGE}",
    rf"\bwithout (?:an?y? )?{_ADJECTIVES}{_WHAT} {_CHANGE}",
    # does not change the behaviour; not intended to affect any functionality
    r"\b(?:not|never|without) (?:(?:intended|meant|supposed|intend|expected) to |actually |in any way )*"
    rf"{_TO_CHANGE} {_WHOSE}{_WHAT}\b",
    r"\b(?:function(?:ality)?|behaviou?r|semantics|logic|generated code)(?: of \w+)? "
    r"(?:is|are|stays?|remains?|should be|should stay) (?:entirely |completely |exactly )?"
    r"(?:unchanged|the same|identical|unaffected|as before)",
    r"\bfunctionally (?:equivalent|identical|neutral|the same|unchanged)",
    r"\bnothing (?:functional )?changes? (?:in|to|about) (?:the )?(?:function(?:ality)?|behaviou?r|semantics)\b",
    rf"\b{_WHAT} {_CHANGE}: ?(?:none|no)\b",
    rf"\bnon-{_WHAT} {_CHANGE}",
    r"\bnfci?\b",
    rf"\b{_ONLY}(?:{_COSMETIC})\b",
    rf"\b(?:{_COSMETIC})(?: changes?| patch)?[,:]? (?:only|alone)\b",
    r"\bcode (?:motion|movement)\b",
    r"\bno change intended\b",
)
_CLAIM = re.compile("|".join(f"(?:{p})" for p in _PHRASES))
_TAKEN_BACK = re.compile(
    r"\b(?:not|never|cannot|hardly|neither|nor|than|far from|instead of|despite|contrary to|unlike|notwithstanding|"
    r"besides|apart from|in addition to|after|before|following|whether|if)\b[^,;:()!?–—]{0,48}\Z"
)
_SAID = re.compile(
    r"\b(?:said|claimed|promised|announced|asserted|labelled|(?:was|were) (?:\w+ )?(?:as|to be))\b[^;!?]{0,60}\Z"
)
_BUT = re.compile(
    r"[ ,(:;-]*(?:\w+ )?"
    r"(?:except|apart from|other than|besides|beyond|aside from|save for|unless|until|but for|modulo)\b"
)
_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|‘[^’]*’|`+[^`']*['`]+|(?<!\w)'[^']*'(?!\w)")


def claim_in(message: str) -> str:
    """The first words that claim it, white space and case evened out; "" for none."""
    lines = [line for line in message.splitlines() if not line.lstrip().startswith((">", "|"))]
    for paragraph in re.split(r"\n\s*\n|\n\s*(?=[-*] )", "\n".join(lines)):
        for sentence in re.split(r"(?<=[.!?]) ", _even(paragraph)):
            for m in _CLAIM.finditer(sentence):
                before, after = sentence[: m.start()], sentence[m.end() :]
                if not (_TAKEN_BACK.search(before) or _SAID.search(before) or _BUT.match(after)):
                    return m.group().strip()
    return ""


def _even(text: str) -> str:
    """Lower case, plain hyphens and blanks, no quotations, no emphasis, no invisible characters."""
    text = unicodedata.normalize("NFKC", text).lower().replace("\u2010", "-").replace("\u2011", "-")
    text = re.sub(r"[*_\u200b\u00ad]", "", re.sub(r"\s+", " ", text))
    return _QUOTED.sub(" … ", text.replace("n't", " not").replace("n\u2019t", " not"))
