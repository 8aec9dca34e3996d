-- What a workspace and a resource group keep beside their names, and the template
-- deployments of a group.

-- `kept` holds the members of a PUT that Wharf does not interpret but gives back.
ALTER TABLE workspaces ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';
ALTER TABLE workspaces ADD COLUMN kept TEXT NOT NULL DEFAULT '{}';
ALTER TABLE resource_groups ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';

CREATE TABLE template_deployments (
    id           BLOB PRIMARY KEY,
    subscription BLOB NOT NULL,
    group_key    TEXT NOT NULL,
    group_name   TEXT NOT NULL,
    name_key     TEXT NOT NULL,
    name         TEXT NOT NULL,
    document     TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (subscription, group_key, name_key),
    FOREIGN KEY (subscription, group_key) REFERENCES resource_groups (subscription, name_key)
) STRICT;
