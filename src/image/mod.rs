//! Generated images.

pub mod pixels;
