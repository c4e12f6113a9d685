"""The edges to markets: one file a vendor, a recording or a generator."""
