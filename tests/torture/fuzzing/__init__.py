"""Fuzzing: inputs nobody would send, in great number, and what must hold of each of them.

``mutation`` makes inputs, ``campaign`` runs a target on them and watches time and memory; the
targets are in ``targets``, and what was found worth keeping in ``tests/torture/corpus``.
"""
