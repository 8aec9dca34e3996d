"""What a parameter may be."""
