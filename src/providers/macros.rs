//! The macros that declare payload types and event enums.

/// Declares a payload type: its documented fields, and which of them must be there.
///
/// Fields in `@required` come first. A field that Rust would spell otherwise has its name on the wire
/// after `=`.
macro_rules! payload {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident {
            $(@required { $($(#[$rmeta:meta])* $rfield:ident: $rtype:ty,)* })?
            $($(#[$fmeta:meta])* $field:ident $(= $wire:literal)?: $type:ty,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        $vis struct $name {
            $($(
                $(#[$rmeta])*
                #[serde(with = "crate::read::lenient::Lenient")]
                $vis $rfield: $rtype,
            )*)?
            $(
                $(#[$fmeta])*
                $(#[serde(rename = $wire)])?
                #[serde(
                    default,
                    with = "crate::read::lenient::Lenient",
                    skip_serializing_if = "crate::read::lenient::Lenient::is_absent"
                )]
                $vis $field: $type,
            )*
        }

        impl crate::read::lenient::Payload for $name {
            fn is_documented_key(key: &str) -> bool {
                $($(key == stringify!($rfield) || <$rtype as crate::read::lenient::Lenient>::is_documented_key(key) ||)*)?
                $(key == wire_name!($field $($wire)?) || <$type as crate::read::lenient::Lenient>::is_documented_key(key) ||)*
                false
            }
        }
    };
}

macro_rules! wire_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $wire:literal) => {
        $wire
    };
}
/// Declares an event enum: each documented event by its name on the wire, and `Unknown`.
macro_rules! events {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident of $provider:ident {
            $($(#[$vmeta:meta])* $variant:ident($data:ty) = $name:literal,)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $enum {
            $($(#[$vmeta])* $variant($data),)*
            /// An event that this version of the crate doesn't know. It is no error: answer with
            /// success, or the provider counts a failure.
            #[non_exhaustive]
            Unknown {
                /// The event's name.
                name: String,
                /// The event's data, null where there is none.
                data: RawJson,
            },
        }

        impl crate::provider::Event for $enum {
            type Provider = $provider;

            const NAMES: &'static [&'static str] = &[$($name),*];

            fn read<'de, D: serde::Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error> {
                match name {
                    $($name => crate::read::lenient::Lenient::deserialize(data).map(Self::$variant),)*
                    _ => Ok(Self::Unknown {
                        name: name.into(),
                        data: serde::Deserialize::deserialize(data)?,
                    }),
                }
            }

            fn name(&self) -> &str {
                match self {
                    $(Self::$variant(_) => $name,)*
                    Self::Unknown { name, .. } => name,
                }
            }

            fn lead(&self) -> Option<crate::lead::Lead> {
                match self {
                    $(Self::$variant(data) => crate::providers::EventData::lead(data),)*
                    Self::Unknown { .. } => None,
                }
            }

            fn is_documented_key(key: &str) -> bool {
                $(<$data as crate::read::lenient::Lenient>::is_documented_key(key))||*
            }
        }

        /// Writes the event's data, without its name.
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
