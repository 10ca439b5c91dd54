//! Requests to valgrind's memcheck, by the instructions that it looks for.

use std::{arch::asm, mem::size_of_val};

const RUNNING_ON_VALGRIND: usize = 0x1001;
const COUNT_ERRORS: usize = 0x1201;
const MAKE_MEM_UNDEFINED: usize = 0x4d43_0001;
const MAKE_MEM_DEFINED: usize = 0x4d43_0002;

/// Sends a request to valgrind, and returns 0 without valgrind.
fn request(code: usize, first: usize, second: usize) -> usize {
    let arguments = [code, first, second, 0, 0, 0];
    let mut result = 0;
    // SAFETY: the instructions change nothing: `rdi` is rotated by 128 bits in all. Valgrind reads
    // the arguments and writes `rdx`.
    unsafe {
        asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") &raw const arguments,
            inout("rdx") result,
        );
    }
    result
}

pub fn is_running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// Returns how often an undefined value has decided a branch or an address so far.
pub fn errors() -> usize {
    request(COUNT_ERRORS, 0, 0)
}

/// Marks bytes as secret, and with them every value that is computed from them.
pub fn make_undefined(bytes: &[u8]) {
    request(MAKE_MEM_UNDEFINED, bytes.as_ptr() as usize, bytes.len());
}

/// Marks a result as public.
pub fn make_defined<T>(value: &T) {
    request(
        MAKE_MEM_DEFINED,
        (&raw const *value) as usize,
        size_of_val(value),
    );
}
