"""Harm: what a careless and a hostile user do, as a matrix: ``python -m tests.harm``."""
