//! Room for what arrives: the bytes of a body, and the numbers that it becomes, until the store has dealt with them; and
//! for answers that are made for one client, until they are sent.

use crate::occupancy::{Occupancy, Place};
use crate::request_error::RequestError;
use crate::service::Charter;
use bytes::Bytes;
use privet_core::protocol::UpdateMessage;
use privet_core::round::StageContent;
use privet_core::secagg::Stage;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Up to how many bytes a body is read where it arrived: to hand it to another thread would take longer.
pub(crate) const READ_AT_ONCE: usize = 16 << 10;

/// How much memory a body of a kind takes, in bytes, at the most, in either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// The body itself.
    pub(crate) body: usize,
    /// What is read from it.
    pub(crate) read: usize,
}

impl Size {
    /// Of an update.
    pub(crate) fn of_update(charter: &Charter) -> Size {
        let numbers = charter.coordinates();
        Size { body: UpdateMessage::encoded_len(numbers), read: size_of::<i32>() * numbers }
    }

    /// Of the message of a stage; nothing where rounds are not masked.
    pub(crate) fn of_stage(charter: &Charter, stage: Stage) -> Size {
        let layout = charter.rules.masking.map(|masking| masking.masking.layout(charter.coordinates()));
        let Some(layout) = layout else { return Size { body: 0, read: 0 } };
        let body = StageContent::longest(stage, &layout, charter.rules.places);
        let read = match stage {
            // Words travel in as few bits as they need, and are added in registers.
            Stage::Input if layout.ring().is_wide() => size_of::<u64>() * layout.words(),
            Stage::Input => size_of::<u32>() * layout.words(),
            // Keys and shares, each with its owner's number.
            _ => 2 * body,
        };
        Size { body, read }
    }

    /// Of what a participant is sent for its part in a stage; nothing where rounds are not masked.
    pub(crate) fn of_task(charter: &Charter, stage: Stage) -> Size {
        let body = match charter.rules.masking {
            Some(_) => StageContent::longest_task(stage, charter.rules.places),
            None => 0,
        };
        Size { body, read: 0 }
    }

    fn total(self) -> usize {
        self.body.saturating_add(self.read)
    }
}

/// All the room that there is.
pub(crate) struct Rooms {
    /// By the KiB.
    permits: Arc<Semaphore>,
    by_client: Occupancy<u32>,
    patience: Duration,
    bodies_per_client: usize,
}

/// Room that is taken, until it is dropped.
pub(crate) struct Room {
    permit: OwnedSemaphorePermit,
    _place: Place<u32>,
}

impl Rooms {
    /// So many bytes, or as many as one body of any of these kinds takes, and so many bodies for each client; who finds no room
    /// waits for it for a time.
    pub(crate) fn new(bytes: usize, kinds: &[Size], patience: Duration, bodies_per_client: usize) -> Rooms {
        let bytes = kinds.iter().map(|size| size.total()).fold(bytes, usize::max);
        let permits = Arc::new(Semaphore::new(kibibytes(bytes)));
        Rooms { permits, by_client: Occupancy::default(), patience, bodies_per_client }
    }

    /// Takes room for a body and for what is read from it.
    pub(crate) async fn take(&self, client: u32, size: Size) -> Result<Room, RequestError> {
        let place = self.by_client.enter(client, self.bodies_per_client);
        let place = place.ok_or(RequestError::TooManyBodies { client })?;
        let permits = Arc::clone(&self.permits).acquire_many_owned(kibibytes(size.total()) as u32);
        match timeout(self.patience, permits).await {
            Ok(Ok(permit)) => Ok(Room { permit, _place: place }),
            Ok(Err(_)) | Err(_) => Err(RequestError::Overloaded),
        }
    }
}

impl Room {
    /// The body is read and gone: gives back all room but that of what was read.
    pub(crate) fn release_body(&mut self, size: Size) {
        self.keep(size.read);
    }

    /// An answer that keeps its room until it is sent, or whoever asked for it has gone away; what it does not take of the
    /// room is given back.
    pub(crate) fn answer(mut self, body: Vec<u8>) -> Bytes {
        self.keep(body.len());
        Bytes::from_owner(Roomed { body, _room: self })
    }

    fn keep(&mut self, bytes: usize) {
        let spare = self.permit.num_permits().saturating_sub(kibibytes(bytes));
        drop(self.permit.split(spare));
    }
}

/// Bytes in a room.
struct Roomed {
    body: Vec<u8>,
    _room: Room,
}

impl AsRef<[u8]> for Roomed {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// How many permits so many bytes take.
fn kibibytes(bytes: usize) -> usize {
    bytes.div_ceil(1024).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn a_body_takes_room_for_itself_and_for_what_is_read_from_it() {
        let size = Size { body: 3 << 10, read: 5 << 10 };
        let rooms = Rooms::new(12 << 10, &[size], MILLISECOND, 2);
        let mut first = rooms.take(1, size).await.unwrap();
        assert!(matches!(rooms.take(2, size).await, Err(RequestError::Overloaded)));
        first.release_body(size);
        let second = rooms.take(2, Size { body: 3 << 10, read: 4 << 10 }).await.unwrap();
        assert!(matches!(rooms.take(3, Size { body: 1, read: 0 }).await, Err(RequestError::Overloaded)));
        drop(first);
        assert_eq!(rooms.permits.available_permits(), 5);
        drop(second);
        assert_eq!(rooms.permits.available_permits(), 12);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_takes_room_until_its_last_byte_is_gone() {
        let size = Size { body: 8 << 10, read: 0 };
        let rooms = Rooms::new(8 << 10, &[size], MILLISECOND, 2);
        let mut answer = rooms.take(1, size).await.unwrap().answer(vec![7; 5 << 10]);
        assert_eq!(rooms.permits.available_permits(), 3);
        let sent = answer.split_to(4 << 10);
        drop(sent);
        assert!(matches!(rooms.take(2, size).await, Err(RequestError::Overloaded)));
        drop(answer);
        assert!(rooms.take(2, size).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_always_room_for_one_body_of_any_kind_and_no_client_has_all_of_it() {
        let sizes = [Size { body: 9 << 10, read: 0 }, Size { body: 1, read: 20 << 10 }];
        let rooms = Rooms::new(1, &sizes, MILLISECOND, 1);
        for size in sizes {
            let _room = rooms.take(1, size).await.unwrap();
            let second = rooms.take(1, Size { body: 1, read: 1 }).await;
            assert!(matches!(second, Err(RequestError::TooManyBodies { client: 1 })));
        }
    }
}
