"""Who sent a request, and a guard on its body. Decides nothing about what they may do."""
