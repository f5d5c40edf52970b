"""Proofs of what others are compiled against: the public headers, the layouts, LIBXL_HAVE_*."""
