"""The matrix: which cells there are, running and keeping them, judging and blaming."""
