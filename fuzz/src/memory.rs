//! The largest allocation that was asked for while a property was looked at.

use crate::properties::{ALLOWANCE, Property, named};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

struct Measured;

#[global_allocator]
static MEASURED: Measured = Measured;
static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is the system's allocator; the sizes are noted beside.
unsafe impl GlobalAlloc for Measured {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Looks at a property, and at the memory that it takes.
pub fn check(name: &str, bytes: &[u8]) {
    let Property { holds, expansion, .. } = named(name);
    LARGEST.store(0, Ordering::Relaxed);
    holds(bytes);
    let (largest, bound) = (LARGEST.load(Ordering::Relaxed), ALLOWANCE + expansion * bytes.len());
    assert!(largest <= bound, "{} bytes of input ask for {largest} bytes at once", bytes.len());
}
