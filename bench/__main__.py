"""``python -m bench``: our own load beside the limits; compare, growth and workers beside it."""

import sys
from importlib import import_module

COMMANDS = ("compare", "growth", "workers")


def main() -> None:
    """Imports late: the client processes of a comparison import this module too."""
    asked = sys.argv[1:]
    name = asked.pop(0) if asked and asked[0] in COMMANDS else "load"
    import_module(f"bench.{name}").main(asked)


if __name__ == "__main__":
    main()
