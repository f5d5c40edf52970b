"""Tests of the command line, on the bundled sample and on repositories made from it."""
