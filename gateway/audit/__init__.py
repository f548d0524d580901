"""The audit log: who asked for what, what came of it, in lines that nobody can change unnoticed."""
