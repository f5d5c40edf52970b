"""Stage 06, not written yet: PVH leaves the hypercall interface and the domain struct."""

from xenstage.stage.declare import Stage

STAGE = Stage(
    number=6,
    name="drop_pvh",
    title="drop PVH from the hypercall interface",
    why_not=("it will do this: PVH leaves the hypercall interface and the domain struct"),
)
