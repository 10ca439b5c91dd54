//! A number is an `f64`.

leadhook::payload! {
    /// A parcel.
    pub struct Parcel {
        /// The weight in kilograms.
        pub weight: f64,
    }
}

fn main() {}
