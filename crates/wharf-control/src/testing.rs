//! A whole App for tests.
