//! Reading bodies: which are accepted, which are not, and what both cost.

mod age_limit;
mod left_out;
mod memory;
mod robustness;
mod tolerance;
mod unread;
