//! Publishing: what becomes of content once it is written. Its states and the approval that lets it out, the slots it
//! is given, the site's own day and hour, in which slots, automation and statistics are counted.
//!
//! So far the rules alone: they read no database and no clock, so that the same function answers a preview, an
//! approval inside a transaction and a test. Whoever assigns a slot holds the lock on the site's row; the rules know
//! only what they are told is taken.
//!
//! It must never know how a text or an image came to be, nor who pays for it.

pub mod model;
