//! Who may ask, and in which dialect: the HTTPS surfaces
