"""The command line: one verb, one module.  Start at :func:`xenstage.cli.main.main`."""
