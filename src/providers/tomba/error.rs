//! A look-up that failed.

use alloc::string::String;

payload! {
    /// Why a look-up failed, as Tomba's API answers. That it is ever posted to a webhook is an
    /// assumption.
    pub struct LookupError {
        /// The kind of error, such as `invalid_request`.
        kind = "type": Option<String>,
        /// What went wrong, in words.
        message: Option<String>,
        /// HTTP's status.
        code: Option<u64>,
    }
}
