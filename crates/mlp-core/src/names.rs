//! A macro for enums that have names in flags and files. It writes `ALL`, `name`, `Display` and
//! `FromStr`.

use thiserror::Error;

/// An unknown name, with the names that exist.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown {kind} `{}`; expected one of {}", name.escape_debug(), expected.join(", "))]
pub struct UnknownName {
    /// The kind of thing, such as `activation`.
    pub kind: &'static str,
    /// The name that was given.
    pub name: String,
    /// The known names.
    pub expected: Vec<&'static str>,
}

/// `named!(Type, "kind of thing", Variant => "name", …)`, for this workspace only.
#[doc(hidden)]
#[macro_export]
macro_rules! named {
    ($type:ident, $kind:literal, $($variant:ident => $name:literal),+ $(,)?) => {
        impl $type {
            /// All variants, in the order of the documentation.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Returns the name used in flags and files.
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
