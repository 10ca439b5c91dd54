//! Reading bodies, and the time and memory that it takes.

mod age_limit;
mod left_out;
mod memory;
mod robustness;
mod tolerance;
mod unread;
