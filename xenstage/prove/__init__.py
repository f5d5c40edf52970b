"""The proof room: does a patch do what its message says, and nothing else?

Start at :func:`xenstage.prove.judge.judge_patch`.  A proof is a function from a
:class:`xenstage.prove.case.Case` to a :class:`xenstage.prove.result.Proof`.  None of
them knows how a patch came about: a person's patch is judged like a stage's.
"""
