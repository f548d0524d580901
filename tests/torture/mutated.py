"""``python -m tests.torture.mutated MODULE:FUNCTION COMMAND...``: s3gw with a defect put in first.

Workers are forked, so they have it too.
"""

import sys
from importlib import import_module

from gateway.__main__ import main

if __name__ == "__main__":
    module, _, function = sys.argv.pop(1).partition(":")
    getattr(import_module(module), function)()
    main()
