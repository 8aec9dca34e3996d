-- Ids are 16-byte GUIDs, times are microseconds since 1970 (UTC), documents are
-- JSON in Wharf's own spelling. A `*_key` column is the lower-case form in which
-- ARM compares names.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE principals (
    id           BLOB PRIMARY KEY,
    client_id    BLOB NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    secret_hash  BLOB NOT NULL
) STRICT;

CREATE TABLE subscriptions (
    id           BLOB PRIMARY KEY,
    display_name TEXT NOT NULL,
    tenant       BLOB NOT NULL
) STRICT;

CREATE TABLE resource_groups (
    subscription BLOB NOT NULL REFERENCES subscriptions (id),
    name_key     TEXT NOT NULL,
    name         TEXT NOT NULL,
    location     TEXT NOT NULL,
    PRIMARY KEY (subscription, name_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE workspaces (
    id            BLOB PRIMARY KEY,
    subscription  BLOB NOT NULL,
    group_key     TEXT NOT NULL,
    group_name    TEXT NOT NULL,
    name_key      TEXT NOT NULL,
    name          TEXT NOT NULL,
    location      TEXT NOT NULL,
    friendly_name TEXT NOT NULL,
    description   TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (subscription, group_key, name_key),
    FOREIGN KEY (subscription, group_key) REFERENCES resource_groups (subscription, name_key)
) STRICT;

CREATE TABLE managed_clusters (
    id           BLOB PRIMARY KEY,
    subscription BLOB NOT NULL,
    group_key    TEXT NOT NULL,
    group_name   TEXT NOT NULL,
    name_key     TEXT NOT NULL,
    name         TEXT NOT NULL,
    spec         TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    observed     TEXT NOT NULL,
    kubeconfig   BLOB,
    created_at   INTEGER NOT NULL,
    modified_at  INTEGER NOT NULL,
    UNIQUE (subscription, group_key, name_key),
    FOREIGN KEY (subscription, group_key) REFERENCES resource_groups (subscription, name_key)
) STRICT;

-- One cluster is attached once: `cluster` is unique.
CREATE TABLE computes (
    id          BLOB PRIMARY KEY,
    workspace   BLOB NOT NULL REFERENCES workspaces (id),
    name_key    TEXT NOT NULL,
    name        TEXT NOT NULL,
    cluster     BLOB NOT NULL UNIQUE REFERENCES managed_clusters (id),
    spec        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    observed    TEXT NOT NULL,
    is_settled  INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (workspace, name_key)
) STRICT;
CREATE INDEX computes_unsettled ON computes (id) WHERE is_settled = 0;

-- `target` has no foreign key: operations outlive what they were about.
CREATE TABLE operations (
    id          BLOB PRIMARY KEY,
    workspace   BLOB,
    verb        TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target      BLOB NOT NULL,
    target_name TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    is_open     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    step        TEXT,
    created_at  INTEGER NOT NULL,
    ended_at    INTEGER
) STRICT;
CREATE INDEX operations_of_target ON operations (target, generation);
CREATE INDEX operations_open ON operations (target) WHERE is_open = 1;

-- An operation that has ended never changes, whatever the code above does.
CREATE TRIGGER operations_end_once BEFORE UPDATE ON operations WHEN OLD.is_open = 0
BEGIN
    SELECT RAISE (ABORT, 'an operation that has ended never changes');
END;

CREATE TABLE artifacts (
    id         BLOB PRIMARY KEY,
    workspace  BLOB NOT NULL REFERENCES workspaces (id),
    path       TEXT NOT NULL,
    content    TEXT,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace, path)
) STRICT;

-- Blocks of a blob that is not whole yet.
CREATE TABLE blocks (
    artifact BLOB NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    block    TEXT NOT NULL,
    digest   TEXT NOT NULL,
    size     INTEGER NOT NULL,
    PRIMARY KEY (artifact, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE assets (
    id         BLOB PRIMARY KEY,
    workspace  BLOB NOT NULL REFERENCES workspaces (id),
    name       TEXT NOT NULL,
    artifacts  TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Remembers the newest version that was ever given out, so that the number of a
-- deleted model is never used again.
CREATE TABLE model_versions (
    workspace BLOB NOT NULL REFERENCES workspaces (id),
    name      TEXT NOT NULL,
    newest    INTEGER NOT NULL,
    PRIMARY KEY (workspace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
    id          BLOB PRIMARY KEY,
    workspace   BLOB NOT NULL REFERENCES workspaces (id),
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    spec        TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX models_newest_first ON models (workspace, name, version DESC);

CREATE TABLE endpoints (
    id          BLOB PRIMARY KEY,
    workspace   BLOB NOT NULL REFERENCES workspaces (id),
    name        TEXT NOT NULL,
    compute     BLOB NOT NULL REFERENCES computes (id),
    spec        TEXT NOT NULL,
    generation  INTEGER NOT NULL,
    status      TEXT NOT NULL,
    is_settled  INTEGER NOT NULL DEFAULT 0,
    keys        BLOB NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    modified_at INTEGER NOT NULL,
    UNIQUE (workspace, name)
) STRICT;
CREATE INDEX endpoints_of_compute ON endpoints (compute, name);
CREATE INDEX endpoints_unsettled ON endpoints (id) WHERE is_settled = 0;

-- Which models the newest spec of an endpoint uses.
CREATE TABLE endpoint_models (
    endpoint  BLOB NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    workspace BLOB NOT NULL,
    name      TEXT NOT NULL,
    version   INTEGER NOT NULL,
    PRIMARY KEY (endpoint, name, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_models_of_model ON endpoint_models (workspace, name, version);
