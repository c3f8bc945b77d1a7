//! The AI functions of the pipeline by hand: what they make, what they cost, and what becomes of answers that cannot be
//! used.

mod planning;
mod run;
mod sandbox;
mod stage;
mod unclear;
mod writing;
