"""The gates of reliability: each a figure to meet, and mutants of the product that it must catch.

``python -m tests.torture`` runs them at full length; ``test_gates.py`` runs a short form of each.
"""
