"""Stage 05, not written yet: remaining is_pvh tests become constraints on features; all is_hvm tests are audited."""

from xenstage.stage.declare import Stage

STAGE = Stage(
    number=5,
    name="audit",
    title="audit the remaining is_pvh and all is_hvm tests",
    why_not="it will do this: remaining is_pvh tests become constraints on features; all is_hvm tests are audited",
)
