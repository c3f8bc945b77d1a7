//! The AI functions of the pipeline by hand: what they make, what they cost, and what becomes of answers that cannot be
//! used.

mod b1;
mod planning;
pub mod provider;
mod records;
mod run;
mod run_changes;
mod run_control;
mod run_crash;
mod run_fault;
mod run_fork;
mod run_kill;
mod run_money;
mod run_outcome;
mod run_races;
mod run_share;
mod run_strain;
mod runner;
mod sandbox;
pub mod stage;
mod stop;
mod twin;
mod two_hundred;
mod unclear;
mod writing;
