"""The command line `gcl`, one file for each command; start reading at `main`."""
