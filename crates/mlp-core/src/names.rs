//! Enumerations that go by names in flags and files. One macro, so that a name is written once and every such type offers the
//! same: `ALL`, `name`, `Display` and `FromStr`.

/// `named!(Type, "kind of thing", Variant => "name", …)` for an enumeration without data. For the crates of this workspace only.
#[doc(hidden)]
#[macro_export]
macro_rules! named {
    ($type:ident, $kind:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl $type {
            /// Every one there is, in the order of the documentation.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Its name in flags and files.
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
            type Err = $crate::UnknownName;

            fn from_str(name: &str) -> Result<Self, $crate::UnknownName> {
                Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| $crate::UnknownName {
                    kind: $kind,
                    name: name.to_owned(),
                    expected: Self::ALL.map(Self::name).to_vec(),
                })
            }
        }
    };
}

pub(crate) use named;
