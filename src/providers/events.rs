//! Declares the events of a provider whose envelope names them.

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

        impl crate::Event for $enum {
            type Provider = $provider;

            const NAMES: &'static [&'static str] = &[$($name),*];

            fn read<'de, D: serde::Deserializer<'de>>(name: &str, data: D) -> Result<Self, D::Error> {
                match name {
                    $($name => crate::lenient::Lenient::deserialize(data).map(Self::$variant),)*
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

            fn lead(&self) -> Option<crate::Lead> {
                match self {
                    $(Self::$variant(data) => data.lead().into(),)*
                    Self::Unknown { .. } => None,
                }
            }

            fn documents(key: &str) -> bool {
                $(<$data as crate::lenient::Lenient>::documents(key))||*
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
