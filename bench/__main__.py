"""``python -m bench``: our own load beside the limits; ``python -m bench compare``: the peers."""

import sys


def main() -> None:
    """Imports late: the client processes of a comparison import this module too."""
    if sys.argv[1:2] == ["compare"]:
        from bench.compare import main as compare

        compare(sys.argv[2:])
        return
    from bench.load import main as load

    load(sys.argv[1:])


if __name__ == "__main__":
    main()
