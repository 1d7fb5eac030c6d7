CREATE TABLE federation (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    plan TEXT NOT NULL,
    model TEXT NOT NULL,
    previous_model TEXT
) STRICT;

CREATE TABLE clients (
    client INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;

-- Nonces of signatures, as long as one could be sent again; `created` is in seconds since the Unix epoch.
CREATE TABLE nonces (
    created INTEGER NOT NULL,
    client INTEGER NOT NULL REFERENCES clients (client),
    nonce BLOB NOT NULL,
    PRIMARY KEY (created, client, nonce)
) STRICT, WITHOUT ROWID;

-- Rounds that are over: the record as JSON, and its digest.
CREATE TABLE rounds (
    round INTEGER PRIMARY KEY,
    sealed TEXT NOT NULL,
    sha256 TEXT NOT NULL UNIQUE
) STRICT;

-- The round that is open: as it was opened, and the file of the sum of what has been counted since.
CREATE TABLE open_round (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    round INTEGER NOT NULL UNIQUE,
    as_opened TEXT NOT NULL,
    sum TEXT
) STRICT;

-- The primary key is the promise that an update counts once.
CREATE TABLE contributions (
    round INTEGER NOT NULL,
    client INTEGER NOT NULL REFERENCES clients (client),
    weight INTEGER NOT NULL CHECK (weight > 0),
    update_sha256 TEXT NOT NULL,
    PRIMARY KEY (round, client)
) STRICT, WITHOUT ROWID;

CREATE TABLE declines (
    round INTEGER NOT NULL,
    client INTEGER NOT NULL REFERENCES clients (client),
    PRIMARY KEY (round, client)
) STRICT, WITHOUT ROWID;

-- Who came after the end of a round; that is not known when its record is sealed.
CREATE TABLE latecomers (
    round INTEGER NOT NULL REFERENCES rounds (round),
    client INTEGER NOT NULL REFERENCES clients (client),
    PRIMARY KEY (round, client)
) STRICT, WITHOUT ROWID;
