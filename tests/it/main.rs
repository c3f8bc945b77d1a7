//! The one integration binary.

mod gate;
mod support;
