"""What the style asks for and a machine can see."""
