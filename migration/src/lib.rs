//! The ordered list of migrations. They expand first and contract in a later release; an applied one is never edited.
//! Locks are the caller's: an advisory lock on PostgreSQL, the file lock on SQLite.

mod m20261121_000001_create_ledger;
mod m20261121_000002_create_identity;
mod m20261121_000003_create_jobs;
mod m20261121_000004_create_ai;
mod m20261121_000005_create_compatibility_views;
mod m20261121_000006_create_prompts;
mod m20261121_000007_route_providers;
mod m20261121_000008_extend_images;
mod m20261121_000009_create_upload;
mod m20261121_000010_record_routing;
mod m20261121_000011_create_prompt_import;
mod m20261121_000012_guard_upscales;
mod m20261121_000013_count_split_credits;
mod m20261121_000014_create_pipeline;
mod m20261121_000015_make_things;
mod m20261121_000016_create_automation;
mod m20261121_000017_extend_content;
mod m20261121_000018_index_pipeline;
mod m20261122_000019_link_stage_items;
mod m20261122_000020_index_statistics;
mod m20261122_000021_order_keywords;
mod m20261122_000022_count_by_sector;
mod m20261122_000023_trace_credits;
mod m20261122_000024_create_anchors;
mod m20261122_000025_cap_credits;
mod m20261122_000026_check_ledger;
mod m20261123_000027_index_keys;
mod m20261123_000028_create_mail_links;
mod m20261123_000029_create_flags;
mod m20261123_000030_chain_audit;
mod m20261123_000031_track_activity;
mod m20261123_000032_extend_sessions;
mod m20261123_000034_create_api_key;
mod script;

pub use sea_orm_migration::MigratorTrait;
use sea_orm_migration::prelude::*;

/// All migrations, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261121_000001_create_ledger::Migration),
            Box::new(m20261121_000002_create_identity::Migration),
            Box::new(m20261121_000003_create_jobs::Migration),
            Box::new(m20261121_000004_create_ai::Migration),
            Box::new(m20261121_000005_create_compatibility_views::Migration),
            Box::new(m20261121_000006_create_prompts::Migration),
            Box::new(m20261121_000007_route_providers::Migration),
            Box::new(m20261121_000008_extend_images::Migration),
            Box::new(m20261121_000009_create_upload::Migration),
            Box::new(m20261121_000010_record_routing::Migration),
            Box::new(m20261121_000011_create_prompt_import::Migration),
            Box::new(m20261121_000012_guard_upscales::Migration),
            Box::new(m20261121_000013_count_split_credits::Migration),
            Box::new(m20261121_000014_create_pipeline::Migration),
            Box::new(m20261121_000015_make_things::Migration),
            Box::new(m20261121_000016_create_automation::Migration),
            Box::new(m20261121_000017_extend_content::Migration),
            Box::new(m20261121_000018_index_pipeline::Migration),
            Box::new(m20261122_000019_link_stage_items::Migration),
            Box::new(m20261122_000020_index_statistics::Migration),
            Box::new(m20261122_000021_order_keywords::Migration),
            Box::new(m20261122_000022_count_by_sector::Migration),
            Box::new(m20261122_000023_trace_credits::Migration),
            Box::new(m20261122_000024_create_anchors::Migration),
            Box::new(m20261122_000025_cap_credits::Migration),
            Box::new(m20261122_000026_check_ledger::Migration),
            Box::new(m20261123_000027_index_keys::Migration),
            Box::new(m20261123_000028_create_mail_links::Migration),
            Box::new(m20261123_000029_create_flags::Migration),
            Box::new(m20261123_000030_chain_audit::Migration),
            Box::new(m20261123_000031_track_activity::Migration),
            Box::new(m20261123_000032_extend_sessions::Migration),
            Box::new(m20261123_000034_create_api_key::Migration),
        ]
    }
}

/// Statements that add, on PostgreSQL, the ledger's foreign keys that production leaves out for speed. Test databases
/// have them; SQLite has them always.
pub fn hot_foreign_keys() -> Vec<String> {
    script::hot_foreign_keys(include_str!("sql/ledger.sql"))
}
