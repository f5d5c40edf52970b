"""Guests: the Linux ones, the probes and what they measured, and what kernels say of themselves."""
