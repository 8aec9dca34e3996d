//! What things are: names, specs, states and the pure decisions about them
