//! Bytes are the one writing of a message, or no message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_core::secagg::Confirmation;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Confirmation::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
});
