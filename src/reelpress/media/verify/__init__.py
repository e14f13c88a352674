"""Reading finished files back: what they must be, and whether they are."""
