//! The error of a lookup.

use alloc::string::String;

crate::payload! {
    /// The error of a failed lookup, in the form of Tomba's API.
    pub struct LookupError {
        /// The kind of error, such as `invalid_request`.
        #[key = "type"]
        pub kind: Option<String>,
        /// The error in words, such as `The bulk was not found`.
        pub message: Option<String>,
        /// The HTTP status, such as `404`.
        pub code: Option<u64>,
    }
}
