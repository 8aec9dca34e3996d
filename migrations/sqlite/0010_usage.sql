-- How much a workspace uses, counted in the transaction that uses it, and how much it
-- may use. Triggers count, so that no insert can be forgotten and no race lets one
-- pass; `quotas` is written anew at each start. A kind without a row has no limit.
CREATE TABLE quotas (
    kind TEXT PRIMARY KEY,
    most INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
    workspace BLOB NOT NULL,
    kind      TEXT NOT NULL,
    used      INTEGER NOT NULL,
    PRIMARY KEY (workspace, kind)
) STRICT, WITHOUT ROWID;

INSERT INTO usage (workspace, kind, used)
    SELECT workspace, 'models', count(*) FROM models GROUP BY workspace;
INSERT INTO usage (workspace, kind, used)
    SELECT workspace, 'services', count(*) FROM endpoints GROUP BY workspace;
INSERT INTO usage (workspace, kind, used)
    SELECT workspace, 'computes', count(*) FROM computes GROUP BY workspace;
INSERT INTO usage (workspace, kind, used)
    SELECT workspace, 'operations', count(*) FROM operations
    WHERE is_open = 1 AND workspace IS NOT NULL GROUP BY workspace;
INSERT INTO usage (workspace, kind, used)
    SELECT workspace, 'bytes', sum(json_extract(content, '$.size')) FROM artifacts
    WHERE content IS NOT NULL GROUP BY workspace;

-- What a transaction uses too much of. The writer looks here before it keeps a job, and
-- takes the job back when there is a row; so it is empty whenever anybody reads.
CREATE TABLE usage_over (
    kind TEXT NOT NULL,
    used INTEGER NOT NULL,
    most INTEGER NOT NULL
) STRICT;
CREATE TRIGGER usage_grows AFTER UPDATE OF used ON usage
WHEN NEW.used > OLD.used AND NEW.used > (SELECT most FROM quotas WHERE kind = NEW.kind)
BEGIN
    INSERT INTO usage_over (kind, used, most)
        SELECT kind, OLD.used, most FROM quotas WHERE kind = NEW.kind;
END;
CREATE TRIGGER usage_begins AFTER INSERT ON usage
WHEN NEW.used > (SELECT most FROM quotas WHERE kind = NEW.kind)
BEGIN
    INSERT INTO usage_over (kind, used, most)
        SELECT kind, 0, most FROM quotas WHERE kind = NEW.kind;
END;
CREATE TRIGGER usage_ends AFTER DELETE ON workspaces
BEGIN
    DELETE FROM usage WHERE workspace = OLD.id;
END;

CREATE TRIGGER models_counted AFTER INSERT ON models
BEGIN
    INSERT INTO usage (workspace, kind, used) VALUES (NEW.workspace, 'models', 1)
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER models_uncounted AFTER DELETE ON models
BEGIN
    UPDATE usage SET used = used - 1 WHERE workspace = OLD.workspace AND kind = 'models';
END;

CREATE TRIGGER endpoints_counted AFTER INSERT ON endpoints
BEGIN
    INSERT INTO usage (workspace, kind, used) VALUES (NEW.workspace, 'services', 1)
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER endpoints_uncounted AFTER DELETE ON endpoints
BEGIN
    UPDATE usage SET used = used - 1 WHERE workspace = OLD.workspace AND kind = 'services';
END;

CREATE TRIGGER computes_counted AFTER INSERT ON computes
BEGIN
    INSERT INTO usage (workspace, kind, used) VALUES (NEW.workspace, 'computes', 1)
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER computes_uncounted AFTER DELETE ON computes
BEGIN
    UPDATE usage SET used = used - 1 WHERE workspace = OLD.workspace AND kind = 'computes';
END;

CREATE TRIGGER operations_counted AFTER INSERT ON operations
WHEN NEW.is_open = 1 AND NEW.workspace IS NOT NULL
BEGIN
    INSERT INTO usage (workspace, kind, used) VALUES (NEW.workspace, 'operations', 1)
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + 1;
END;
CREATE TRIGGER operations_uncounted AFTER UPDATE OF is_open ON operations
WHEN OLD.is_open = 1 AND NEW.is_open = 0
BEGIN
    UPDATE usage SET used = used - 1 WHERE workspace = OLD.workspace AND kind = 'operations';
END;
CREATE TRIGGER operations_removed AFTER DELETE ON operations WHEN OLD.is_open = 1
BEGIN
    UPDATE usage SET used = used - 1 WHERE workspace = OLD.workspace AND kind = 'operations';
END;

CREATE TRIGGER artifacts_counted AFTER INSERT ON artifacts WHEN NEW.content IS NOT NULL
BEGIN
    INSERT INTO usage (workspace, kind, used)
        VALUES (NEW.workspace, 'bytes', json_extract(NEW.content, '$.size'))
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER artifacts_recounted AFTER UPDATE OF content ON artifacts
WHEN NEW.content IS NOT OLD.content
BEGIN
    INSERT INTO usage (workspace, kind, used)
        VALUES (NEW.workspace, 'bytes', coalesce(json_extract(NEW.content, '$.size'), 0)
            - coalesce(json_extract(OLD.content, '$.size'), 0))
        ON CONFLICT (workspace, kind) DO UPDATE SET used = used + excluded.used;
END;
CREATE TRIGGER artifacts_uncounted AFTER DELETE ON artifacts WHEN OLD.content IS NOT NULL
BEGIN
    UPDATE usage SET used = used - json_extract(OLD.content, '$.size')
        WHERE workspace = OLD.workspace AND kind = 'bytes';
END;
