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
            const ELEMENT_SIZES: crate::read::lenient::ElementSizes = {
                let sizes = (0, 0);
                $($(let sizes = crate::read::lenient::larger(sizes, <$rtype as crate::read::lenient::Lenient>::ELEMENT_SIZES);)*)?
                $(let sizes = crate::read::lenient::larger(sizes, <$type as crate::read::lenient::Lenient>::ELEMENT_SIZES);)*
                sizes
            };

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
///
/// `(assumed)` after the name says that the provider documents no body for the event, so that it is
/// `Unknown` if its data does not have the assumed shape.
macro_rules! events {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident of $provider:ident {
            $($(#[$vmeta:meta])* $variant:ident($data:ty) = $name:literal $(($assumed:tt))?,)*
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

            const ELEMENT_SIZES: (usize, usize) = {
                let sizes = (0, 0);
                $(let sizes = crate::read::lenient::larger(sizes, <$data as crate::read::lenient::Lenient>::ELEMENT_SIZES);)*
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

            fn read_unexpected<'de, D: serde::Deserializer<'de>>(name: &str, data: D) -> Result<Option<Self>, D::Error> {
                const ASSUMED: &[(&str, &str)] = &[$($((stringify!($assumed), $name),)?)*];

                if !ASSUMED.iter().any(|(_, assumed)| name == *assumed) {
                    return Ok(None);
                }
                let data = serde::Deserialize::deserialize(data)?;
                Ok(Some(Self::Unknown { name: name.into(), data }))
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
