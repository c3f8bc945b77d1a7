//! The tables: one file each, columns without behaviour. Times are microseconds since the epoch, credits whole units,
//! money nano-dollars.

#![expect(missing_docs, reason = "a column is named after what it holds; the migration says the rest")]

pub mod account;
pub mod account_member;
pub mod ai_attempt;
pub mod ai_model;
pub mod ai_model_default;
pub mod ai_task;
pub mod ai_task_item;
pub mod app_user;
pub mod audit_entry;
pub mod credit_cap;
pub mod credit_entry;
pub mod credit_grant;
pub mod credit_hold;
pub mod credit_hold_cap;
pub mod credit_hold_lot;
pub mod credit_note;
pub mod credit_threshold;
pub mod credit_transaction;
pub mod credit_usage;
pub mod image;
pub mod job;
pub mod job_quota;
pub mod ledger_account;
pub mod ledger_meta;
pub mod notification;
pub mod notification_read;
pub mod one_time_token;
pub mod price_version;
pub mod refresh_token;
pub mod run_event;
pub mod session;
pub mod sign_in_failure;
pub mod stored_object;
pub mod worker_boot;
