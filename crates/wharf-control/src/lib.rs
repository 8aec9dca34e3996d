//! What Wharf does: use cases and reconcilers
