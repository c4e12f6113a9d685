"""The edges to the machine: time, calendar, lock, messages, logging."""
