"""A mock of the stages to come: features of guests, as a stage, on the sample and the real tree."""
