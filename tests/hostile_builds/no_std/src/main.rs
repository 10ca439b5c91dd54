//! Verifies and reads a delivery without `std`.
#![no_std]
#![no_main]

extern crate alloc;

use core::{
    alloc::{GlobalAlloc, Layout},
    ffi::{c_int, c_void},
    panic::PanicInfo,
};

use chrono::{DateTime, TimeDelta};
use leadhook::{Delivery, Graphoid, Receiver, Secret, Signer, graphoid::GraphoidEvent};

#[link(name = "c")]
unsafe extern "C" {
    fn aligned_alloc(align: usize, size: usize) -> *mut c_void;
    fn free(memory: *mut c_void);
    fn abort() -> !;
}

struct Libc;

// SAFETY: `aligned_alloc` gives memory of this size and alignment, and `free` takes it back.
unsafe impl GlobalAlloc for Libc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { aligned_alloc(layout.align().max(16), layout.size().next_multiple_of(16)).cast() }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _: Layout) {
        unsafe { free(memory.cast()) }
    }
}

#[global_allocator]
static ALLOCATOR: Libc = Libc;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    unsafe { abort() }
}

/// Named by the tables of the precompiled `alloc`, and never called, because a panic aborts.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

/// As `rust_eh_personality`.
#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    unsafe { abort() }
}

#[unsafe(no_mangle)]
extern "C" fn main() -> c_int {
    let body = r#"{"id":"evt_1","event":"lead.won","timestamp":"1970-01-01T00:00:05Z","data":{"lead":{"id":"lead_1","name":"Acme Corp"}}}"#;
    let secret = Secret::new("whsec_5d41402abc4b").unwrap();
    let (_, header) = Signer::<Graphoid>::new(&secret).header(body.as_bytes());
    let receiver = Receiver::<Graphoid>::new(&secret);
    let delivery: Delivery<Graphoid> = receiver.authenticate([header], body).unwrap();
    let envelope = delivery.read().unwrap();
    if envelope.age(DateTime::UNIX_EPOCH) != Some(TimeDelta::seconds(-5)) {
        return 1;
    }
    match envelope.event {
        GraphoidEvent::LeadWon(won) if won.lead.name.as_deref() == Some("Acme Corp") => 0,
        _ => 1,
    }
}
