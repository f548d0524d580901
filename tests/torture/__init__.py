"""The gates of reliability: each a figure to meet, and mutants of the product that it must catch.

``python -m tests.torture`` runs them at full length; ``test_gates.py`` runs a short form of each.
"""

import sys
from pathlib import Path

_STORE = str(Path(__file__).parent.parent / "store")
if _STORE not in sys.path:  # pytest has it from pyproject.toml
    sys.path.append(_STORE)
