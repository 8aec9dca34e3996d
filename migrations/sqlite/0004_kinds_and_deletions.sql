-- Computes are listed by their type too, which is `AKS` or `Kubernetes`.
ALTER TABLE computes ADD COLUMN kind TEXT NOT NULL DEFAULT 'AKS';
CREATE INDEX computes_by_kind ON computes (workspace, kind, name_key);

-- Clusters that are to be deleted by themselves, which their reconciler looks for.
ALTER TABLE managed_clusters ADD COLUMN is_going INTEGER NOT NULL DEFAULT 0;
CREATE INDEX managed_clusters_going ON managed_clusters (id) WHERE is_going = 1;
