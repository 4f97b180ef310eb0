//! Records there and back, and files that were damaged.
