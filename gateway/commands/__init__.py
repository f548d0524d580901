"""The commands of ``s3gw``, a module each; ``__main__`` loads one when it is called."""
