//! The GraphQL surface: roots, guards, scalars, ids, pages, errors. Only this file, `node.rs` and `loaders.rs` know features.

pub mod context;
pub mod error;
pub mod gate;
pub mod guard;
pub mod loaders;
pub mod node;
pub mod page;
pub mod patch;
pub mod scalars;
pub mod scope;
mod server;
mod timed;

pub use timed::Timed;

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, SchemaBuilder};

use crate::{
    ai::graphql::{
        AiMutation, AiQuery, AiRegistryMutation, AiSubscription, ComposeQuery, ProviderMutation, ProviderQuery,
        QuoteQuery,
    },
    audit::graphql::AuditQuery,
    auth::graphql::{
        AccountMutation, ApiKeyMutation, AuthMutation, AuthQuery, InvitationMutation, MailMutation, MemberMutation,
        ProfileMutation, TenantMutation,
    },
    automation::graphql::{AutomationConfigMutation, AutomationMutation, AutomationQuery, AutomationSubscription},
    content::graphql::{ContentMutation, ContentQuery, WritingMutation},
    content::task::graphql::{ContentTaskMutation, ContentTaskQuery},
    doctor::graphql::DoctorQuery,
    flag::graphql::{FlagMutation, FlagQuery},
    idea::graphql::{FindingMutation, IdeaMutation, IdeaQuery},
    image::graphql::{ImageMutation, ImageQuery},
    keyword::graphql::{ClusteringMutation, KeywordMutation, KeywordQuery},
    ledger::graphql::{CapMutation, HealthQuery, LedgerMutation, LedgerQuery, LedgerSubscription, ThresholdMutation},
    notification::graphql::{NotificationMutation, NotificationQuery},
    prompt::graphql::{
        PromptDiffQuery, PromptMutation, PromptOptimiseMutation, PromptQuery, PromptSplitMutation,
        PromptStatisticsQuery, PromptTransferMutation, PromptTransferQuery,
    },
    publishing::graphql::PublishingQuery,
    site::graphql::{SiteMutation, SiteQuery},
    statistics::{admin::graphql::AdminStatisticsQuery, graphql::StatisticsQuery},
    storage::graphql::StorageMutation,
    trace::graphql::TraceQuery,
};

/// Everything that can be read.
#[derive(MergedObject, Default)]
pub struct Query(
    server::ServerQuery,
    node::NodeQuery,
    AuthQuery,
    LedgerQuery,
    HealthQuery,
    AiQuery,
    ComposeQuery,
    QuoteQuery,
    ProviderQuery,
    ImageQuery,
    NotificationQuery,
    PromptQuery,
    PromptDiffQuery,
    PromptStatisticsQuery,
    PromptTransferQuery,
    DoctorQuery,
    FlagQuery,
    AuditQuery,
    SiteQuery,
    KeywordQuery,
    IdeaQuery,
    ContentTaskQuery,
    ContentQuery,
    PublishingQuery,
    StatisticsQuery,
    AdminStatisticsQuery,
    TraceQuery,
    AutomationQuery,
);

/// Everything that can be done. Refusals are in `userErrors`; faults are top-level errors with a code.
#[derive(MergedObject, Default)]
pub struct Mutation(
    AuthMutation,
    LedgerMutation,
    ThresholdMutation,
    CapMutation,
    AiMutation,
    PromptMutation,
    PromptSplitMutation,
    PromptTransferMutation,
    PromptOptimiseMutation,
    AiRegistryMutation,
    ProviderMutation,
    NotificationMutation,
    StorageMutation,
    AccountMutation,
    TenantMutation,
    MemberMutation,
    InvitationMutation,
    ProfileMutation,
    MailMutation,
    ApiKeyMutation,
    ImageMutation,
    SiteMutation,
    KeywordMutation,
    ClusteringMutation,
    IdeaMutation,
    FindingMutation,
    ContentTaskMutation,
    ContentMutation,
    WritingMutation,
    AutomationConfigMutation,
    AutomationMutation,
    FlagMutation,
);

/// Everything that can be watched. Each stream starts with a snapshot and is numbered without a gap.
#[derive(MergedSubscription, Default)]
pub struct Subscription(LedgerSubscription, AiSubscription, AutomationSubscription);

/// A schema without services, to be completed with `data`. No extension is registered: an empty one costs about a third
/// of the speed of a long list (G64).
pub fn builder() -> SchemaBuilder<Timed<Query>, Timed<Mutation>, Subscription> {
    let (query, mutation) = (Timed::new("query", Query::default()), Timed::new("mutation", Mutation::default()));
    Schema::build(query, mutation, Subscription::default()).register_output_type::<node::Node>().disable_suggestions()
}

/// The schema as text, sorted: what `schema.graphql` holds.
pub fn sdl() -> String {
    builder().finish().sdl_with_options(
        SDLExportOptions::new()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items()
            .include_specified_by()
            .use_space_ident()
            .indent_width(2),
    )
}
