"""Stage 04, not written yet: tests for PVH-ness become feature tests wherever possible."""

from xenstage.stage.declare import Stage

STAGE = Stage(
    number=4,
    name="replace_tests",
    title="test features instead of PVH-ness",
    why_not=("it will do this: tests for PVH-ness become feature tests wherever possible"),
)
