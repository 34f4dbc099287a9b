"""`python -m tengen`."""

import sys

from tengen.cli import main

sys.exit(main())
