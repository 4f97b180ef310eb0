//! The client against the server, over all three carriers.
