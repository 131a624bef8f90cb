//! A macro for code that is compiled in this crate for `f32` and `f64`.

/// Writes a trait and its two implementations. They are concrete, so that generic code that they
/// call is compiled once, with this crate's optimization level, instead of in every crate that
/// trains a network.
macro_rules! instances {
    (
        $(#[$about:meta])* trait $name:ident;
        $($(#[$doc:meta])* fn $method:ident($($argument:ident: $type:ty),+ $(,)?) $(-> $result:ty)? = $body:expr;)+
    ) => {
        $(#[$about])*
        #[allow(clippy::too_many_arguments, reason = "operands, in the order of their formula")]
        pub trait $name: Sized {
            $($(#[$doc])* fn $method($($argument: $type),+) $(-> $result)?;)+
        }

        $crate::instances::instances!(of f32, $name: $(fn $method($($argument: $type),+) $(-> $result)? = $body;)+);
        $crate::instances::instances!(of f64, $name: $(fn $method($($argument: $type),+) $(-> $result)? = $body;)+);
    };
    (
        of $number:ty, $name:ident:
        $(fn $method:ident($($argument:ident: $type:ty),+) $(-> $result:ty)? = $body:expr;)+
    ) => {
        impl $name for $number {
            $(fn $method($($argument: $type),+) $(-> $result)? {
                $body
            })+
        }
    };
}

pub(crate) use instances;
