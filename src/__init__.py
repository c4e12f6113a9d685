"""The trading day. It knows no vendor, no network, and no clock of its own."""
