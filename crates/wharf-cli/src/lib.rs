//! A person's shell: a thin client of the APIs
