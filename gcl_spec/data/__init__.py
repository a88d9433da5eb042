"""Training data: sources, order, pictures, tokens, cached features."""
