//! The one integration binary.

mod gate;
mod http;
mod support;
