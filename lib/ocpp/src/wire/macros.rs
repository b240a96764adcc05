//! Macros that define messages and enumerations once, with everything that follows from the definition.

macro_rules! wire_serde {
    ($name:ty) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serde::Serialize::serialize(&$crate::wire::Wire::write(self), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = <serde_json::Value as serde::Deserialize>::deserialize(deserializer)?;
                $crate::wire::Reader::new()
                    .read(&value)
                    .map(|(message, _)| message)
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! wire_reader {
    ($ty:ty) => {
        <$ty as $crate::wire::Wire>::read
    };
    ($ty:ty, $path:path) => {
        $path
    };
}

/// Defines a struct of public fields with their JSON names:
/// `name: Type = "wireName" [via reading_function] [, check checking_function];`
macro_rules! wire_struct {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(
                $(#[$field_meta:meta])*
                $field:ident : $ty:ty = $wire:literal $(via $via:path)? $(, check $check:path)? ;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $ty, )*
        }

        impl $name {
            /// Its fields in the standard's order.
            pub const FIELDS: &'static [$crate::wire::Field] = &[
                $( $crate::wire::Field {
                    name: $wire,
                    required: !<$ty as $crate::wire::Wire>::OPTIONAL,
                }, )*
            ];
        }

        impl $crate::wire::Wire for $name {
            fn read(
                value: &serde_json::Value,
                reader: &mut $crate::wire::Reader,
            ) -> Result<Self, $crate::wire::Fault> {
                let object = reader.object(value, &[$($wire),*])?;
                $(
                    let $field: $ty = reader.field(object, $wire, wire_reader!($ty $(, $via)?))?;
                    $( reader.check($wire, $check(&$field))?; )?
                )*
                let _ = object;
                Ok(Self { $($field),* })
            }

            fn write(&self) -> serde_json::Value {
                #[allow(unused_mut, reason = "messages without fields write an empty object")]
                let mut object = serde_json::Map::new();
                $(
                    if !$crate::wire::Wire::is_absent(&self.$field) {
                        $crate::wire::put(&mut object, $wire, $crate::wire::Wire::write(&self.$field));
                    }
                )*
                serde_json::Value::Object(object)
            }
        }

        wire_serde!($name);
    };
}

/// Defines an enumeration with its words: `Variant = "Word",`.
macro_rules! wire_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
        }

        impl $name {
            /// Every value, in the standard's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )*
                }
            }

            /// The value of a word, exactly as spelt.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $( $word => Some(Self::$variant), )*
                    _ => None,
                }
            }
        }

        impl ::core::fmt::Display for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(
                value: &serde_json::Value,
                _: &mut $crate::wire::Reader,
            ) -> Result<Self, $crate::wire::Fault> {
                const COMPLAINT: &str = concat!("is not one of the words of ", stringify!($name));
                let place = $crate::wire::listed_word(value, &[$($word),*], COMPLAINT)?;
                Self::ALL.get(place).copied().ok_or_else(|| {
                    $crate::wire::Fault::new($crate::wire::FaultKind::NotListed, COMPLAINT)
                })
            }

            fn write(&self) -> serde_json::Value {
                serde_json::Value::String(self.as_str().into())
            }
        }

        wire_serde!($name);
    };
}
