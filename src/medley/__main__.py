"""`python -m medley`: the same as the command `medley`."""

import sys

from medley.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
