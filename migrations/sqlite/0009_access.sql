-- Who may do what. A scope is in its canonical form: small letters, no slash at the
-- end; `/` is everything.
CREATE TABLE role_assignments (
    id         BLOB PRIMARY KEY,
    principal  BLOB NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    role       TEXT NOT NULL,
    scope      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (principal, role, scope)
) STRICT;

CREATE UNIQUE INDEX principals_by_name ON principals (display_name COLLATE NOCASE);
