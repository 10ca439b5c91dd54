//! A receiver that stores first, answers, and works later. `README.md` says what for.

pub mod inbox;
pub mod routes;
pub mod worker;
