-- Whose masked update was acknowledged. What it says is not kept: a masked round does not survive its coordinator.
CREATE TABLE hidden_updates (
    round INTEGER NOT NULL,
    client INTEGER NOT NULL REFERENCES clients (client),
    PRIMARY KEY (round, client)
) STRICT, WITHOUT ROWID;
