"""The same numbers in O(B D) memory: logits a tile at a time, forward and backward."""
