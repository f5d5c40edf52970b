"""Stage 05, not written yet: the remaining is_pvh tests are fixed or become constraints on a feature set; all is_hvm tests are audited."""

from xenstage.stage.declare import Stage

STAGE = Stage(
    number=5,
    name="audit",
    title="audit the remaining is_pvh and all is_hvm tests",
    why_not=(
        "it will do this: the remaining is_pvh tests are fixed or become constraints on a feature set; all is_hvm tests are audited"
    ),
)
