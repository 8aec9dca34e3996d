-- What a sweep of the blobs must know: who names a file.

-- A block's file is its own and belongs to one row. Blocks of before this table are
-- forgotten; their uploads broke off when the server was stopped.
DROP TABLE blocks;
CREATE TABLE blocks (
    artifact BLOB NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    block    TEXT NOT NULL,
    file     BLOB NOT NULL UNIQUE,
    size     INTEGER NOT NULL,
    PRIMARY KEY (artifact, block)
) STRICT, WITHOUT ROWID;

-- Running totals of an artifact's blocks, and when the newest of them came.
ALTER TABLE artifacts ADD COLUMN block_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE artifacts ADD COLUMN block_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE artifacts ADD COLUMN blocks_at INTEGER;
CREATE INDEX artifacts_with_blocks ON artifacts (blocks_at) WHERE blocks_at IS NOT NULL;

CREATE INDEX artifacts_of_digest ON artifacts (json_extract(content, '$.digest'));

-- Which blobs an endpoint needs: those of its newest spec, and those of older ones
-- until the newest is reached, since a replica of theirs may serve until then.
CREATE TABLE endpoint_blobs (
    endpoint   BLOB NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    digest     TEXT NOT NULL,
    generation INTEGER NOT NULL,
    PRIMARY KEY (endpoint, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_blobs_of_digest ON endpoint_blobs (digest);
INSERT INTO endpoint_blobs (endpoint, digest, generation)
    SELECT DISTINCT endpoints.id, found.value, endpoints.generation
    FROM endpoints, json_tree(endpoints.spec, '$.deployments') AS found
    WHERE found.key = 'digest' AND found.type = 'text';

CREATE INDEX models_of_asset ON models (workspace, json_extract(spec, '$.asset'));
