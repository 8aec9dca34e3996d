//! The road of one scoring request: TLS, keys, split, admission, replicas
