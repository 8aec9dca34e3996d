-- What computes are served with over TLS. Certificate and key are sealed.
CREATE TABLE compute_certificates (
    compute     BLOB PRIMARY KEY REFERENCES computes (id) ON DELETE CASCADE,
    host        TEXT NOT NULL UNIQUE,
    certificate BLOB NOT NULL,
    key         BLOB NOT NULL
) STRICT;

-- Leaf labels that were ever used, so that a label gets the same name again. The
-- holder is the compute that is served under it now.
CREATE TABLE leaf_labels (
    workspace BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    label     TEXT NOT NULL,
    tail      TEXT NOT NULL,
    holder    BLOB REFERENCES computes (id) ON DELETE SET NULL,
    used_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace, label)
) STRICT, WITHOUT ROWID;
-- No two workspaces share a name, however their labels and tails add up.
CREATE UNIQUE INDEX leaf_labels_name ON leaf_labels (label || tail);
CREATE INDEX leaf_labels_of_holder ON leaf_labels (holder) WHERE holder IS NOT NULL;
CREATE INDEX leaf_labels_unheld ON leaf_labels (workspace, used_at) WHERE holder IS NULL;
