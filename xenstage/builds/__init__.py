"""The build room: does every patch of a series build?

Start at :func:`xenstage.builds.builder.build_commit`.
"""
