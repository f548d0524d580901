"""Where a request points: path style or virtual-host style, from the raw target and the Host."""
