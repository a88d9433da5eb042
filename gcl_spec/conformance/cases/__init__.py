"""Inputs on which backends must agree with the reference."""
