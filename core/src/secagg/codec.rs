//! How messages are written: fixed fields, little-endian numbers, lists with their length in front and in ascending
//! order of clients. Every message has exactly one writing, and nothing is allocated before its length is checked.
//!
//! ```text
//! offset  length
//!      0       4  "psa1"
//!      4       1  stage
//!      5       4  round
//!      9          the stage's own fields
//! ```

const MAGIC: &[u8; 4] = b"psa1";

/// Why some bytes are no message of a stage.
#[derive(Debug, thiserror::Error, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// They do not begin as a message does.
    #[error("the bytes do not begin with \"psa1\": they are no message of secure aggregation")]
    Magic,
    /// They are of another stage.
    #[error("the message is of stage {found}, stage {expected} is awaited")]
    Stage {
        /// The stage that is awaited.
        expected: u8,
        /// The stage in the header.
        found: u8,
    },
    /// They end too early.
    #[error("the message ends {missing} bytes too early")]
    TooShort {
        /// How many bytes are missing for the next field.
        missing: u64,
    },
    /// They go on behind the end.
    #[error("{excess} bytes follow the end of the message")]
    Trailing {
        /// How many.
        excess: usize,
    },
    /// A list is not in ascending order of clients from 1, without doubles.
    #[error("client {client} stands where clients ascend from 1, each once")]
    Order {
        /// The client that is out of order.
        client: u32,
    },
    /// A public key is not written canonically.
    #[error("a public key of client {client} is no canonical point")]
    Point {
        /// Whose key.
        client: u32,
    },
    /// A share is not written canonically.
    #[error("the share of client {client}'s secret is no vector of field elements")]
    FieldElement {
        /// Whose secret.
        client: u32,
    },
    /// The words of a vector are of another width.
    #[error("the words of the vector have {found} bits, and do not belong into words of {expected}")]
    Ring {
        /// The width of the words that hold them.
        expected: u32,
        /// The width in the message.
        found: u32,
    },
    /// A bit behind the last word is set.
    #[error("bits behind the last word of the vector are set")]
    Padding,
}

/// Begins a message.
pub(super) fn header(stage: u8, round: u32) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(stage);
    bytes.extend(round.to_le_bytes());
    bytes
}

/// Appends the length of a list.
pub(super) fn write_len(bytes: &mut Vec<u8>, length: usize) {
    let length = u32::try_from(length).expect("clients and coordinates are counted in 32 bits");
    bytes.extend(length.to_le_bytes());
}

/// Reads a message from its beginning to its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the header; gives the round.
    pub(super) fn new(bytes: &'a [u8], stage: u8) -> Result<(Reader<'a>, u32), DecodeError> {
        let mut reader = Reader { rest: bytes };
        if reader.array()? != *MAGIC {
            return Err(DecodeError::Magic);
        }
        match reader.array()? {
            [found] if found == stage => Ok(()),
            [found] => Err(DecodeError::Stage { expected: stage, found }),
        }?;
        let round = reader.number()?;
        Ok((reader, round))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let missing = (N as u64).saturating_sub(self.rest.len() as u64);
        let (field, rest) = self.rest.split_first_chunk().ok_or(DecodeError::TooShort { missing })?;
        self.rest = rest;
        Ok(*field)
    }

    pub(super) fn number(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let there = self.rest.len() as u64;
        if length > there {
            return Err(DecodeError::TooShort { missing: length - there });
        }
        let (field, rest) = self.rest.split_at(length as usize);
        self.rest = rest;
        Ok(field)
    }

    /// A list of items, each a client and what `item` reads, of `item_len` bytes together. Clients ascend.
    pub(super) fn list<T>(
        &mut self,
        item_len: usize,
        mut item: impl FnMut(u32, &mut Reader<'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let length = u64::from(self.number()?);
        let mut items = Reader { rest: self.bytes(length * item_len as u64)? };
        let mut last = 0;
        (0..length)
            .map(|_| {
                let client = items.number()?;
                if client <= last {
                    return Err(DecodeError::Order { client });
                }
                last = client;
                item(client, &mut items)
            })
            .collect()
    }

    pub(super) fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            excess => Err(DecodeError::Trailing { excess }),
        }
    }
}
