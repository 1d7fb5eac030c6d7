//! Bytes are the one writing of a message, or no message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_core::secagg::SharesMessage;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = SharesMessage::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
});
