-- Registered environments. A version never changes; `ordinal` counts registrations
-- within a name, the largest is the latest; `number` is the version where it is one.
CREATE TABLE environments (
    id         BLOB PRIMARY KEY,
    workspace  BLOB NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    number     INTEGER,
    ordinal    INTEGER NOT NULL,
    document   TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace, name, version)
) STRICT;
CREATE UNIQUE INDEX environments_latest ON environments (workspace, name, ordinal);
CREATE INDEX environments_numbered ON environments (workspace, name, number);

-- A label is at one version of a name; it moves when it is given again.
CREATE TABLE environment_labels (
    workspace BLOB NOT NULL,
    name      TEXT NOT NULL,
    label     TEXT NOT NULL,
    version   TEXT NOT NULL,
    PRIMARY KEY (workspace, name, label),
    FOREIGN KEY (workspace, name, version)
        REFERENCES environments (workspace, name, version) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX environment_labels_of_version ON environment_labels (workspace, name, version);

-- What lists of models are filtered by: `t?NAME` and `t=NAME<31>VALUE` for a tag, `p`
-- for a property likewise, `r=` a run, `d=` a dataset, `f=` a framework.
-- `newest_first` is minus the version, so that one direction orders names and versions.
CREATE TABLE model_terms (
    model        BLOB NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    term         TEXT NOT NULL,
    workspace    BLOB NOT NULL,
    name         TEXT NOT NULL,
    newest_first INTEGER NOT NULL,
    PRIMARY KEY (model, term)
) STRICT, WITHOUT ROWID;
CREATE INDEX models_of_term ON model_terms (workspace, term, name, newest_first);

INSERT OR IGNORE INTO model_terms (model, term, workspace, name, newest_first)
    SELECT models.id, 't?' || it.key, workspace, name, -version
        FROM models, json_each(models.spec, '$.tags') AS it
    UNION ALL
    SELECT models.id, 't=' || it.key || char(31) || it.value, workspace, name, -version
        FROM models, json_each(models.spec, '$.tags') AS it
    UNION ALL
    SELECT models.id, 'p?' || it.key, workspace, name, -version
        FROM models, json_each(models.spec, '$.properties') AS it
    UNION ALL
    SELECT models.id, 'p=' || it.key || char(31) || it.value, workspace, name, -version
        FROM models, json_each(models.spec, '$.properties') AS it
    UNION ALL
    SELECT models.id, 'd=' || json_extract(it.value, '$.id'), workspace, name, -version
        FROM models, json_each(models.spec, '$.extra.datasets') AS it
        WHERE json_extract(it.value, '$.id') IS NOT NULL
    UNION ALL
    SELECT id, 'r=' || json_extract(spec, '$.extra.runId'), workspace, name, -version
        FROM models WHERE json_extract(spec, '$.extra.runId') IS NOT NULL
    UNION ALL
    SELECT id, 'f=' || json_extract(spec, '$.framework'), workspace, name, -version
        FROM models WHERE json_extract(spec, '$.framework') IS NOT NULL;
