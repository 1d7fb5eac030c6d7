//! Bytes are the one writing of a message, or no message.
#![no_main]

use libfuzzer_sys::fuzz_target;
use privet_core::secagg::MaskedInput;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = MaskedInput::<u32>::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = MaskedInput::<u64>::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
});
