//! A journal on a disk that fails as asked.
