"""Trained models in other programs' formats."""
