//! The server against clients that break rules.
