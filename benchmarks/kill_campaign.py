"""Kills a real training at many random moments, and compares it with an unbroken run to the bit.

    python benchmarks/kill_campaign.py --kills 30 --backend torch
    python benchmarks/kill_campaign.py --kills 30 --backend jax --set data.path=FOLDER

All other options are those of `gcl verify-resume`, which does the work.
"""

import sys

from gcl_cli.main import main

KILLS = ["--kills", "30"]

if __name__ == "__main__":
    given = sys.argv[1:]
    main(["verify-resume", *([] if "--kills" in given else KILLS), *given])
