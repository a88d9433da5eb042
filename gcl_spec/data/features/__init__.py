"""Outputs of frozen towers, computed once and kept."""
