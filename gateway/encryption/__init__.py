"""Encryption of objects: frames, keys, headers, bodies. The store sees ciphertext only."""
