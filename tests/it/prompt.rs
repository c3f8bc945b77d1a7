//! System prompts through the API, and look-ups as work makes them.

mod burst;
mod hostile;
mod look_up;
mod optimise;
mod overview;
mod race;
mod registry;
mod split;
mod stage;
mod transfer;
