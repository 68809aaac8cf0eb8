"""Where a site is written: a folder of this machine, or any address that fsspec can reach."""
