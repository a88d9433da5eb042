"""`python -m gcl_cli` is `gcl`."""

from gcl_cli.main import main

main()
