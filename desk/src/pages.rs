//! The pages: what each shows and does.

pub(crate) mod change;
pub(crate) mod overview;
pub(crate) mod person;
pub(crate) mod row;
pub(crate) mod rows;
pub(crate) mod source;
