//! Enums with one name per variant, as written in flags and files.

/// `named!(Type, "kind of thing", Variant => "name", ...)` implements `ALL`, `name`, `Display` and
/// `FromStr`.
macro_rules! named {
    ($type:ident, $kind:literal, $($variant:ident => $name:literal),+) => {
        impl $type {
            /// All variants.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name in flags and files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::Error;

            /// # Errors
            /// [`Error::UnknownName`](crate::Error::UnknownName).
            fn from_str(name: &str) -> Result<Self, $crate::Error> {
                Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
                    let expected = Self::ALL.map(Self::name).to_vec();
                    $crate::Error::UnknownName { kind: $kind, name: name.to_owned(), expected }
                })
            }
        }
    };
}

pub(crate) use named;
