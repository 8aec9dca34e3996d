//! Where a test may end the process, as a kill or a power cut would: after each
//! thing that is done to a file, a row, a process or a cluster.
//!
//! In a release build a point is nothing. In a debug build it calls what the binary
//! installed, which it does only when it is told a point to die at.

#[cfg(debug_assertions)]
use std::sync::OnceLock;

#[cfg(debug_assertions)]
type Hook = Box<dyn Fn(&'static str) + Send + Sync>;

#[cfg(debug_assertions)]
static HOOK: OnceLock<Hook> = OnceLock::new();

/// Calls `hook` with the name of each point that is reached from now on. The first
/// hook of a process stays.
#[cfg(debug_assertions)]
pub fn install(hook: impl Fn(&'static str) + Send + Sync + 'static) {
    let _ = HOOK.set(Box::new(hook));
}

/// Passes a point.
#[inline]
pub fn reach(point: &'static str) {
    #[cfg(debug_assertions)]
    if let Some(hook) = HOOK.get() {
        hook(point);
    }
    #[cfg(not(debug_assertions))]
    let _ = point;
}

/// An enum of points. One that no code passes is a warning of the compiler, since it
/// is never made; `NAMES` is what a test has to hit.
#[macro_export]
macro_rules! fault_points {
    ($(#[$meta:meta])* $visible:vis enum $name:ident { $($point:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        $visible enum $name { $($point),* }

        impl $name {
            /// The names of all points.
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($point)),*];

            /// All points.
            #[cfg(test)]
            #[allow(dead_code, reason = "some tests need the names alone")]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$point),*];

            /// Passes the point.
            #[inline]
            pub(crate) fn reach(self) {
                $crate::fault::reach(match self { $(Self::$point => stringify!($point)),* });
            }
        }
    };
}
