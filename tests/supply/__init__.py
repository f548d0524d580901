"""What s3gw is made of: a bill of materials, and what is known to be wrong with it."""
