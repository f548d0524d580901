"""``python -m tests.costs``: measure every step and write the baseline.

Run it on a quiet machine, when a step has become cheaper, or dearer for a reason worth its price.
"""

from tests.costs import baseline
from tests.costs.measure import MORE_ROUNDS, ratio
from tests.costs.steps import steps


def main() -> None:
    with steps() as every:
        measured = {name: ratio(step, MORE_ROUNDS) for name, step in every.items()}
    baseline.write(measured)
    print(baseline.FILE.read_text())


if __name__ == "__main__":
    main()
