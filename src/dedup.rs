//! Each event handled once, although it is delivered many times.

mod key;

pub use key::Key;
