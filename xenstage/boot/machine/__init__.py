"""Emulators: which machine can run a Xen, its command line, its serial log and its saved state."""
