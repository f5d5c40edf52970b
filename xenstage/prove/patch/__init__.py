"""Proofs of the patch as a mail: form, residue, and a second opinion on the uses of names."""
