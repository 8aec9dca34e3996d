//! Test support: real servers, scratch directories, clients; never in a release build
