-- The file of the memory of noise that is correlated over the rounds. It tells the noise of past rounds.
ALTER TABLE federation ADD COLUMN noise TEXT;
