"""The set of vectors as others take it: its files, what they say of themselves, and what verifies them."""
