//! What those who run the installation see of it: figures, people, timings, metrics.

mod figures;
mod metrics;
mod people;
mod performance;
