"""A claim that nothing changes is one in any words; what is negated, quoted or limited is none."""

from __future__ import annotations

import pytest

from xenstage.prove.claims import claim_in

CLAIMS = """\
No functional change.
No functional change intended.
No intended functional change.
NO FUNCTIONAL CHANGES.
no functional changes intended
No func­tional change.
No functional  change.
There should be no functional change.
This is a cleanup; there's no functional change.
No intentional change in behaviour.
No change in behaviour.
No change in behavior is intended.
No changes to functionality.
No change of semantics.
No behavioural change
No behavioral changes.
No semantic change.
No semantic or functional change.
No functional or behavioural changes.
No functionality change.
No functional difference.
No user-visible functional change.
No visible behaviour change.
No effect on functionality.
Not a functional change.
This isn't a functional change.
Without functional change.
Without any change in behaviour.
This does not change behaviour.
This patch doesn't change any functionality.
It is not intended to change behaviour.
The behaviour stays the same.
Behaviour is unchanged.
Functionally equivalent.
Functional change: none
A non-functional change.
NFC
x86: tidy the dispatcher (NFC)
x86: tidy the dispatcher [NFCI]
Purely cosmetic.
Just cosmetic changes.
Only cosmetic.
Cosmetic only.
Code motion.
Code motion only.
Pure code motion.
Pure code movement, nothing else.
Just refactoring.
Refactoring only.
Cleanup only.
Clean-up only.
Purely mechanical.
Merely a rename.
No binary change.
No change to the generated code.
This does not touch the tools, no functional change.
We cannot do both at once. No functional change.
No functional change on ARM.
No change intended.
*No functional change*
"""
NONE = """\
This is not "no functional change".
This is not 'no functional change'.
This is not a case of no functional change.
I would not call this no functional change.
It is not shown that nothing changes in function: abi: 2 findings.
Commit 0123456789ab claimed no functional change, which was wrong.
That patch said no functional change was intended.
Despite the claim of no functional change, a flag was lost.
"x86: tidy up (no functional change)" broke this.
> No functional change.
No functional change except that a guest may now read the flag.
No functional change other than a better message.
No functional change, apart from the log.
Change the behaviour of the pump.
This is a functional change.
Functional changes follow.
A change in behaviour for PVH guests.
Besides code motion, this fixes the return value.
After the code motion, fix the check.
This is more than just cosmetic: it changes the order.
Fix the pump.
"""


@pytest.mark.parametrize("text", CLAIMS.splitlines())
def test_is_a_claim(text: str) -> None:
    assert claim_in(f"x86: a subject\n\nSome words before.\n{text}\n\nSigned-off-by: A <a@b>\n")


@pytest.mark.parametrize("text", NONE.splitlines())
def test_is_none(text: str) -> None:
    assert claim_in(f"x86: a subject\n\nSome words before.\n{text}\n\nSigned-off-by: A <a@b>\n") == ""


def test_over_two_lines() -> None:
    assert claim_in("x86: a subject\n\nThis moves code.  No\nfunctional\nchange.\n") == "no functional change"


def test_a_claim_behind_a_quotation_counts() -> None:
    assert claim_in("s\n\n> No functional change.\nThis was wrong. Code motion only here.\n") == "code motion only"


def test_what_stands_in_another_paragraph_takes_nothing_back() -> None:
    assert claim_in("s\n\nWe should not do this\n\nNo functional change\n\nSigned-off-by: A <a@b>\n")
