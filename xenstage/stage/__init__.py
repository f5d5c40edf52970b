"""The stage room: what a stage declares, and the view of the tree that it gets.

Start at :class:`xenstage.stage.declare.Stage`; ``docs/writing-a-stage.md`` shows one.
"""
