"""The build room: does every patch of a series build?

Start at :func:`xenstage.build.builder.build_commit`.
"""
