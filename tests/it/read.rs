//! Reading bodies, and the time and memory that it takes.

mod age;
mod left_out;
mod memory;
mod passes;
mod robustness;
mod tolerance;
mod unread;
