//! Flags: their layers, who may set them, and what happens while each is off.

mod command;
mod layers;
mod off;
