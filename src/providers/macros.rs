//! The two macros that declare a provider's types: `payload!` and `events!`.

/// Declares a payload type, written as a struct with public fields.
///
/// The type is read as tolerantly as the payloads of this crate. The type of a field says whether the field
/// is required ([`Member`](crate::Member)) and in which forms its value is accepted
/// ([`Field`](crate::Field)). Unknown keys are ignored, and [`Delivery::unread`](crate::Delivery::unread) lists what is not read. A field's
/// key is its name, unless `#[key = "…"]` after the documentation gives another. Each field ends with a comma.
///
/// The struct is `#[non_exhaustive]` and implements `Clone`, `Debug`, `PartialEq`, `Serialize`,
/// `Deserialize` and `Field`. `Deserialize` accepts the documented form only, from an object in JSON.
///
/// ```
/// use leadhook::{Delivery, EnvelopeKeys, Event, Layout, Provider, events, payload};
///
/// /// A shop: `{"type": "order.paid", "payload": {"id": "7", "total": 5}}`.
/// pub struct Shop;
///
/// impl Provider for Shop {
///     const NAME: &'static str = "shop";
///     const LAYOUT: Layout = Layout::Enveloped(EnvelopeKeys::new("type", "payload"));
///     type Event = ShopEvent;
/// }
///
/// payload! {
///     /// An order.
///     pub struct Order {
///         /// The order's id.
///         pub id: String,
///         /// The sum.
///         pub total: Option<f64>,
///         /// The kind of order.
///         #[key = "type"]
///         pub kind: Option<String>,
///     }
/// }
///
/// events! {
///     /// An event of the shop.
///     pub enum ShopEvent of Shop {
///         /// An order was paid.
///         Paid(Order) = "order.paid",
///     }
/// }
///
/// // The total is a text, and the key `new` is unknown.
/// let body = r#"{"type": "order.paid", "payload": {"id": 7, "total": "5", "new": 1}}"#;
/// let delivery = Delivery::<Shop>::from_storage(body);
/// let ShopEvent::Paid(order) = delivery.read()?.event else { panic!() };
/// assert_eq!((order.id.as_str(), order.total), ("7", Some(5.0)));
/// assert_eq!(delivery.unread::<ShopEvent>()?.paths(), ["payload.new"]);
/// # Ok::<(), leadhook::ReadError>(())
/// ```
#[macro_export]
macro_rules! payload {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $(
            $(#[doc = $doc:literal])*
            $(#[key = $key:literal])?
            $field_vis:vis $field:ident: $type:ty,
        )*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $type,)*
        }

        $($crate::payload!(@check $field $($key)?);)*

        #[automatically_derived]
        impl $crate::Payload for $name {
            fn read(object: $crate::Object<'_>) -> Result<Self, $crate::ShapeError> {
                $(let mut $field = None;)*
                for (key, value) in object.members() {
                    match &*key {
                        $($crate::payload!(@key $field $($key)?) => object.read(&mut $field, value)?,)*
                        _ => value.ignore(),
                    }
                }
                Ok(Self { $($field: object.take($field, $crate::payload!(@key $field $($key)?))?,)* })
            }

            fn read_fast<'de, A: $crate::serde::de::MapAccess<'de>>(
                mut object: $crate::FastObject<A>,
            ) -> Result<Self, A::Error> {
                $(let mut $field = None;)*
                while let Some(key) = object.next_key()? {
                    match &*key {
                        $($crate::payload!(@key $field $($key)?) => object.read(&mut $field)?,)*
                        _ => object.ignore()?,
                    }
                }
                Ok(Self { $($field: object.take($field, $crate::payload!(@key $field $($key)?))?,)* })
            }

            fn write<M: $crate::serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                $($crate::Member::write_to(
                    &self.$field,
                    $crate::payload!(@key $field $($key)?),
                    map,
                )?;)*
                Ok(())
            }
        }

        #[automatically_derived]
        impl<'de> $crate::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                $crate::Payload::deserialize(deserializer)
            }
        }

        #[automatically_derived]
        impl $crate::serde::Serialize for $name {
            fn serialize<S: $crate::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                $crate::Payload::serialize(self, serializer)
            }
        }
    };

    (@key $field:ident) => { stringify!($field) };
    (@key $field:ident $key:literal) => { $key };

    (@check $field:ident) => {
        const _: () = assert!(
            !matches!(stringify!($field).as_bytes(), [b'r', b'#', ..]),
            "the key of a raw identifier must be given with `#[key = \"…\"]`",
        );
    };
    (@check $field:ident $key:literal) => {};
}

/// Declares an event enum with each known event, its name on the wire, and `Unknown`.
///
/// The data of each event is a type that [`payload!`](crate::payload) declares, or
/// [`RawJson`](crate::RawJson). `or Unknown` after a variant says that the provider documents the event's
/// name but not its body: data in an unexpected shape then makes it an unknown event instead of an error.
/// Each variant ends with a comma. [`payload!`](crate::payload) has an example.
///
/// A line after the enum, such as `lead(event) = event.order()?.lead();`, says whom an event is about. Its
/// expression is an `Option<Lead>`. A second line, such as `lead_id(event) =
/// Some(event.order()?.id.clone());`, gives the id of the record even if no contact data is known.
///
/// The enum is `#[non_exhaustive]` and implements [`Event`](crate::Event), `Clone`, `Debug`, `PartialEq`
/// and `Serialize`.
#[macro_export]
macro_rules! events {
    (
        $(#[$meta:meta])*
        $vis:vis enum $enum:ident of $provider:ident {
            $($(#[$variant_meta:meta])* $variant:ident($data:ty) $(or $fallback:ident)? = $name:literal,)*
        }
        $(lead($event:ident) = $lead:expr;)?
        $(lead_id($with_id:ident) = $id:expr;)?
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        $vis enum $enum {
            $($(#[$variant_meta])* $variant($data),)*
            /// An event that has no type in this version of the crate.
            ///
            /// It is not an error. Respond with 200, because a provider can count any response other than
            /// a 2xx as a failure of your endpoint.
            #[non_exhaustive]
            Unknown {
                /// The event's name.
                name: $crate::alloc::string::String,
                /// The event's data, which is null if the body has no data.
                data: $crate::RawJson,
            },
        }

        $(const _: () = assert!(
            <$data as $crate::Member>::IS_REQUIRED,
            "the data of an event must be a payload or raw JSON",
        );)*

        impl $crate::Event for $enum {
            type Provider = $provider;

            const NAMES: &'static [&'static str] = &[$($name),*];

            fn read(name: &str, data: $crate::Json<'_>) -> Result<Self, $crate::ShapeError> {
                match name {
                    $($name => {
                        let event = data.attempt(|data| $crate::Member::read(data).map(Self::$variant));
                        $(let event = event.or_else(|_| {
                            let data = $crate::Member::read(data)?;
                            Ok(Self::$fallback { name: name.into(), data })
                        });)?
                        event
                    })*
                    _ => Ok(Self::Unknown { name: name.into(), data: $crate::Member::read(data)? }),
                }
            }

            fn read_fast<'de, D: $crate::serde::Deserializer<'de>>(
                name: &str,
                data: D,
            ) -> Result<Self, D::Error> {
                match name {
                    $($name => $crate::Member::read_fast(data).map(Self::$variant),)*
                    _ => Ok(Self::Unknown { name: name.into(), data: $crate::Member::read_fast(data)? }),
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

            $(fn lead(&self) -> Option<$crate::Lead> {
                let $event = self;
                $lead
            })?

            $(fn lead_id(&self) -> Option<$crate::alloc::string::String> {
                let $with_id = self;
                $id
            })?
        }

        /// Serializes the event's data, without its name.
        impl $crate::serde::Serialize for $enum {
            fn serialize<S: $crate::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(data) => $crate::Member::write(data, serializer),)*
                    Self::Unknown { data, .. } => $crate::Member::write(data, serializer),
                }
            }
        }
    };
}
