"""The pages of `spec/`: what is generated in them, and what holds them to the code."""
