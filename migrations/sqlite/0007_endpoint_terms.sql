-- What endpoints are looked for by: tags, properties, and the models of their newest
-- spec (name and version). The endpoint's name is here too, so that a page of a list
-- is one walk along an index.
CREATE TABLE endpoint_terms (
    endpoint  BLOB NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    kind      TEXT NOT NULL,
    term      TEXT NOT NULL,
    value     TEXT NOT NULL,
    workspace BLOB NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (endpoint, kind, term, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_terms_by_value ON endpoint_terms (workspace, kind, term, value, name);
CREATE INDEX endpoint_terms_by_term ON endpoint_terms (workspace, kind, term, name);

INSERT INTO endpoint_terms (endpoint, kind, term, value, workspace, name)
SELECT endpoints.id, 'tag', label.key, label.value, endpoints.workspace, endpoints.name
FROM endpoints, json_each(endpoints.spec, '$.tags') AS label;

INSERT INTO endpoint_terms (endpoint, kind, term, value, workspace, name)
SELECT endpoints.id, 'property', label.key, label.value, endpoints.workspace, endpoints.name
FROM endpoints, json_each(endpoints.spec, '$.properties') AS label;

INSERT INTO endpoint_terms (endpoint, kind, term, value, workspace, name)
SELECT endpoints.id, 'model', used.name, CAST(used.version AS TEXT), endpoints.workspace,
    endpoints.name
FROM endpoints JOIN endpoint_models AS used ON used.endpoint = endpoints.id;
