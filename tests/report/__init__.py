"""Tests of the page of everything that was proved."""
