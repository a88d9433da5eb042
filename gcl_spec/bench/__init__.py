"""What a loss costs, in matrix products of the same library, and how much memory it takes."""
