"""Inputs on which backends must agree with the reference.

Start reading at `case`, one input; `groups` says what each fixed case tries.
"""
