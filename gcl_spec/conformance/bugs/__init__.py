"""Known bugs, built to be noticed: what the checks are checked with."""
