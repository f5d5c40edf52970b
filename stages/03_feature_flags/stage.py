"""Stage 03, not written yet: feature flags on HVM guests, set once at creation, in two combinations."""

from xenstage.stage.declare import Stage

STAGE = Stage(
    number=3,
    name="feature_flags",
    title="give HVM guests feature flags",
    why_not="it will do this: feature flags on HVM guests, set once at creation, in two combinations",
)
