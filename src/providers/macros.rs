//! The two macros that declare a provider's types: `payload!` and `events!`.

/// Declares a payload type, written as a struct.
///
/// A field is required unless its type is an `Option`, a `Vec` or `FormData`. Every field is read and
/// written by the rule of its type, [`Lenient`](crate::read::lenient::Lenient). The only attribute
/// that a field may have is `#[serde(rename = "…")]`.
macro_rules! payload {
    ($(#[$($meta:tt)*])* $vis:vis struct $name:ident { $($fields:tt)* }) => {
        payload! { @default [$(#[$($meta)*])* $vis struct $name] [] $($fields)* }
    };

    // Looks at one field after another, and marks those that may be missing with `default`.
    (@default $head:tt [$($seen:tt)*]
        $(#[$($meta:tt)*])* $vis:vis $field:ident: Option<$type:ty>, $($rest:tt)*) => {
        payload! { @default $head
            [$($seen)* [default] $(#[$($meta)*])* $vis $field: Option<$type>,] $($rest)* }
    };
    (@default $head:tt [$($seen:tt)*]
        $(#[$($meta:tt)*])* $vis:vis $field:ident: Vec<$type:ty>, $($rest:tt)*) => {
        payload! { @default $head
            [$($seen)* [default] $(#[$($meta)*])* $vis $field: Vec<$type>,] $($rest)* }
    };
    (@default $head:tt [$($seen:tt)*]
        $(#[$($meta:tt)*])* $vis:vis $field:ident: FormData, $($rest:tt)*) => {
        payload! { @default $head
            [$($seen)* [default] $(#[$($meta)*])* $vis $field: FormData,] $($rest)* }
    };
    (@default $head:tt [$($seen:tt)*]
        $(#[$($meta:tt)*])* $vis:vis $field:ident: $type:ty, $($rest:tt)*) => {
        payload! { @default $head
            [$($seen)* [] $(#[$($meta)*])* $vis $field: $type,] $($rest)* }
    };

    // Declares the struct, once all of its fields have been looked at.
    (@default [$(#[$($meta:tt)*])* $vis:vis struct $name:ident] [$(
        [$($default:ident)?]
        $(#[doc = $doc:literal])*
        $(#[serde(rename = $key:literal)])?
        $field_vis:vis $field:ident: $type:ty,
    )*]) => {
        $(#[$($meta)*])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        $vis struct $name {
            $(
                $(#[doc = $doc])*
                #[serde(
                    $($default,)?
                    $(rename = $key,)?
                    with = "crate::read::lenient::Lenient",
                    skip_serializing_if = "crate::read::lenient::Lenient::is_absent"
                )]
                $field_vis $field: $type,
            )*
        }

        impl crate::read::lenient::Payload for $name {
            const ELEMENT_SIZES: crate::read::lenient::ElementSizes = {
                let sizes = (0, 0);
                $(let sizes = crate::read::lenient::larger(
                    sizes,
                    <$type as crate::read::lenient::Lenient>::ELEMENT_SIZES,
                );)*
                sizes
            };

            fn is_documented_key(key: &str) -> bool {
                $(
                    key == payload!(@key $field $($key)?)
                        || <$type as crate::read::lenient::Lenient>::is_documented_key(key)
                )||*
            }
        }
    };

    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };
}

/// Declares an event enum with each documented event, its name on the wire, and `Unknown`.
///
/// `or Unknown` after a variant says that the provider documents the event's name but not its body.
/// Data of an unexpected shape then makes it an unknown event instead of an error.
macro_rules! events {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident of $provider:ident {
            $($(#[$variant_meta:meta])* $variant:ident($data:ty) $(or $fallback:ident)? = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $enum {
            $($(#[$variant_meta])* $variant($data),)*
            /// An event that has no type in this version of the crate.
            ///
            /// It is not an error. Respond with 200, because the provider counts every other response
            /// as a failure.
            #[non_exhaustive]
            Unknown {
                /// The event's name.
                name: String,
                /// The event's data, which is null if the body has no data.
                data: RawJson,
            },
        }

        impl crate::provider::Event for $enum {
            type Provider = $provider;

            const NAMES: &'static [&'static str] = &[$($name),*];

            const ELEMENT_SIZES: (usize, usize) = {
                let sizes = (0, 0);
                $(let sizes = crate::read::lenient::larger(
                    sizes,
                    <$data as crate::read::lenient::Lenient>::ELEMENT_SIZES,
                );)*
                sizes
            };

            fn read<'de, D: serde::Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error> {
                match name {
                    $($name => crate::read::lenient::Lenient::deserialize(data).map(Self::$variant),)*
                    _ => Ok(Self::Unknown {
                        name: name.into(),
                        data: serde::Deserialize::deserialize(data)?,
                    }),
                }
            }

            fn read_unexpected<'de, D: serde::Deserializer<'de>>(
                name: &str,
                data: D,
            ) -> Result<Option<Self>, D::Error> {
                match name {
                    $($($name => {
                        let data = serde::Deserialize::deserialize(data)?;
                        Ok(Some(Self::$fallback { name: name.into(), data }))
                    })?)*
                    _ => {
                        let _ = data;
                        Ok(None)
                    }
                }
            }

            fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Unknown { name, .. } => name,
                }
            }

            fn is_known(&self) -> bool {
                !matches!(self, Self::Unknown { .. })
            }

            fn lead(&self) -> Option<crate::lead::Lead> {
                #[allow(unused_imports, reason = "not every provider has events without a lead")]
                use crate::providers::EventData;

                match self {
                    $(Self::$variant(data) => data.lead(),)*
                    Self::Unknown { .. } => None,
                }
            }

            fn is_documented_key(key: &str) -> bool {
                $(<$data as crate::read::lenient::Lenient>::is_documented_key(key))||*
            }
        }

        /// Serializes the event's data, without its name.
        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(data) => data.serialize(serializer),)*
                    Self::Unknown { data, .. } => data.serialize(serializer),
                }
            }
        }
    };
}
