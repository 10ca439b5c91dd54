//! Reading bodies: which are accepted, which are not, and what both cost.

mod age_limit;
mod robustness;
mod tolerance;
