-- The key of the leases, so that one that was given before a restart is good after it.
ALTER TABLE federation ADD COLUMN lease_key BLOB CHECK (length(lease_key) = 32);
