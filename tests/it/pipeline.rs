//! The AI functions of the pipeline by hand: what they make, what they cost, and what becomes of answers that cannot be
//! used.

mod planning;
mod run;
mod run_crash;
mod run_fault;
mod run_kill;
mod run_share;
mod stage;
mod stop;
mod twin;
mod writing;
