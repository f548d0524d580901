"""What the steps of the hot path cost, in CPU time, as ratios to yardsticks of the same run."""
