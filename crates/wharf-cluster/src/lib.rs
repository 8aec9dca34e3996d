//! How clusters are moved: backends and providers
