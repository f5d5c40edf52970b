"""Proofs that need a build: builds, objects, and what covers a function that differs."""
