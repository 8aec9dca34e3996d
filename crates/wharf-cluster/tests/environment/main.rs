//! Environments with the real `uv`, real interpreters and real packages: they need
//! the package index that the machine's variables name.

mod builds;
mod refusals;
mod scene;
mod survival;
