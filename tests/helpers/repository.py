"""Where the repository is, and where processes that tests start find the helpers beside this."""

from pathlib import Path

HELPERS = Path(__file__).parent
REPOSITORY = HELPERS.parents[1]
