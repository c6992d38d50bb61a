"""The pure core: no clock, no I/O, no logging. Everything here is a function of its arguments."""
