"""The series room: a stage's patches as commits, then as mail.

Start at :func:`xenstage.series.make.make_series`.
"""
