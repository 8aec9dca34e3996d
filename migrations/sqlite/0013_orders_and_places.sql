-- Orders that are asked for, so that nothing is sorted: the newest operation of a
-- generation, and the oldest template deployment of a group.
DROP INDEX operations_of_target;
CREATE INDEX operations_of_target ON operations (target, generation, created_at);
CREATE INDEX template_deployments_by_age
    ON template_deployments (subscription, group_key, created_at);

CREATE INDEX assets_of_workspace ON assets (workspace);

-- Where assets have their artifacts: paths and prefixes with a slash at the end, so
-- that the delete of one finds out who else has them without reading all of them.
CREATE TABLE asset_places (
    asset     BLOB NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    place     TEXT NOT NULL,
    workspace BLOB NOT NULL,
    PRIMARY KEY (asset, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_by_place ON asset_places (workspace, place);
INSERT OR IGNORE INTO asset_places (asset, place, workspace)
    SELECT assets.id, rtrim(entry.value, '/') || '/', assets.workspace
    FROM assets, json_tree(assets.artifacts) AS entry WHERE entry.type = 'text';
CREATE TRIGGER assets_placed AFTER INSERT ON assets
BEGIN
    INSERT OR IGNORE INTO asset_places (asset, place, workspace)
        SELECT NEW.id, rtrim(entry.value, '/') || '/', NEW.workspace
        FROM json_tree(NEW.artifacts) AS entry WHERE entry.type = 'text';
END;
