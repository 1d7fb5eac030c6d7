-- Whether noise is drawn from a seed that was given: then nothing is promised, by this process or a later one.
ALTER TABLE federation ADD COLUMN given_noise INTEGER NOT NULL DEFAULT 0 CHECK (given_noise IN (0, 1));

-- The privacy ledger: what each round that was opened was about to release, as JSON, and how far that may be from
-- what the event says. Written with the opening of the round, never changed, never removed.
CREATE TABLE ledger (
    round INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    distance REAL NOT NULL CHECK (distance >= 0)
) STRICT;
