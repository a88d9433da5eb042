"""Placeholder."""


def render(*a: object) -> str:
    return ""
