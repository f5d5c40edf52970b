"""Proofs that read the source: predicates, hypercalls, lifetimes."""
