//! A field has one of the types that leadhook reads, and the error names them.

leadhook::payload! {
    /// A parcel.
    pub struct Parcel {
        /// The weight in kilograms.
        pub weight: f32,
    }
}

fn main() {}
