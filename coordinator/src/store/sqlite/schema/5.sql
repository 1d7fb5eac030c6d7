-- Whether a client has been shut out.
ALTER TABLE clients ADD COLUMN revoked INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1));

-- The digests of one-time tokens that nobody has used.
CREATE TABLE tokens (
    sha256 TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
