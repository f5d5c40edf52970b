"""Real patches of the tree's history, each verified against its parent; see ``bench``."""
