//! The coarse right of every root field: one table, one guard per root. The row is decided by scoped finders, never here.

use async_graphql::{Context, Guard, Result};

use crate::{
    error::{Error, Internal},
    graphql::{context::viewer, scope},
    viewer::{Feature, Level, Scope, Viewer},
};

/// Who may call a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Anyone with a live session.
    SignedIn,
    /// Those whose role has the level of the feature.
    Feature(Feature, Level),
}

impl Access {
    /// Refuses: `Unauthenticated`, `Forbidden`.
    pub fn check(self, viewer: &Viewer) -> Result<(), Error> {
        match self {
            Self::Public => Ok(()),
            Self::SignedIn => viewer.signed_in().map(|_| ()),
            Self::Feature(feature, level) => viewer.may(feature, level).map(|_| ()),
        }
    }
}

use Access::{Feature as F, Public, SignedIn};

/// The policy: every field of `Query`, with who may call it.
pub const QUERY: &[(&str, Access)] = &[
    ("account", SignedIn),
    ("accounts", F(Feature::UsersView, Level::Read)),
    ("adminCharts", F(Feature::AnalyticsView, Level::Read)),
    ("adminPerformance", F(Feature::AnalyticsView, Level::Read)),
    ("adminStats", F(Feature::AnalyticsView, Level::Read)),
    ("aiModels", SignedIn),
    ("aiTask", SignedIn),
    ("aiTasks", SignedIn),
    ("auditLog", F(Feature::SystemSettingsView, Level::Read)),
    ("automationRun", SignedIn),
    ("automationRuns", SignedIn),
    ("clusters", SignedIn),
    ("content", SignedIn),
    ("contentCalendar", SignedIn),
    ("contentTasks", SignedIn),
    ("contents", SignedIn),
    ("creditReceipt", SignedIn),
    ("creditTrace", SignedIn),
    ("creditTransactions", F(Feature::CreditsManage, Level::Admin)),
    ("diagnoseCredits", F(Feature::CreditsManage, Level::Admin)),
    ("diffSystemPrompts", F(Feature::SystemPromptsManage, Level::Admin)),
    ("estimateAutomationRun", SignedIn),
    ("environmentAudit", F(Feature::SystemSettingsView, Level::Read)),
    ("eventForm", SignedIn),
    ("exportSystemPrompts", F(Feature::SystemPromptsManage, Level::Admin)),
    ("flags", F(Feature::SystemSettingsView, Level::Read)),
    ("ideas", SignedIn),
    ("images", SignedIn),
    ("keywords", SignedIn),
    ("ledgerHealth", F(Feature::CreditsManage, Level::Admin)),
    ("myPermissions", SignedIn),
    ("node", SignedIn),
    ("nodes", SignedIn),
    ("notifications", SignedIn),
    ("previewPrompt", F(Feature::ImagesGenerate, Level::Write)),
    ("promptStatistics", F(Feature::SystemPromptsView, Level::Read)),
    ("providerSettings", F(Feature::SystemSettingsView, Level::Read)),
    ("quoteAiTask", SignedIn),
    ("rateLimit", Public),
    ("recordsAudit", F(Feature::SystemSettingsView, Level::Read)),
    ("schedulePreview", SignedIn),
    ("serverInfo", Public),
    ("site", SignedIn),
    ("sites", SignedIn),
    ("systemPrompt", F(Feature::SystemPromptsView, Level::Read)),
    ("systemPrompts", F(Feature::SystemPromptsView, Level::Read)),
    ("user", F(Feature::UsersView, Level::Read)),
    ("users", F(Feature::UsersView, Level::Read)),
    ("viewer", Public),
    ("workflowStats", SignedIn),
];

/// The policy: every field of `Mutation`, with who may call it.
pub const MUTATION: &[(&str, Access)] = &[
    ("acceptInvitation", SignedIn),
    ("activateSystemPromptVersion", F(Feature::SystemPromptsManage, Level::Admin)),
    ("addCredits", F(Feature::CreditsManage, Level::Admin)),
    ("addPriceVersion", F(Feature::BillingManage, Level::Admin)),
    ("approveContent", SignedIn),
    ("archiveContent", SignedIn),
    ("archiveKeywords", SignedIn),
    ("assignRole", F(Feature::RolesAssign, Level::Hero)),
    ("cancelAiTask", SignedIn),
    ("cancelAutomationRun", SignedIn),
    ("changeMemberRole", SignedIn),
    ("changePassword", SignedIn),
    ("claimHero", Public),
    ("clearFlag", F(Feature::SystemSettingsManage, Level::Hero)),
    ("closeViewer", SignedIn),
    ("clusterKeywords", SignedIn),
    ("createAccount", SignedIn),
    ("createApiKey", SignedIn),
    ("createAiModel", F(Feature::SystemSettingsManage, Level::Hero)),
    ("createCluster", SignedIn),
    ("createContentTask", SignedIn),
    ("createSector", SignedIn),
    ("createSite", SignedIn),
    ("createSystemPrompt", F(Feature::SystemPromptsManage, Level::Admin)),
    ("createUpload", SignedIn),
    ("deactivateSite", SignedIn),
    ("deleteCluster", SignedIn),
    ("deleteImage", SignedIn),
    ("deleteUser", F(Feature::UsersDelete, Level::Hero)),
    ("disableSystemPrompt", F(Feature::SystemPromptsManage, Level::Admin)),
    ("enableSystemPrompt", F(Feature::SystemPromptsManage, Level::Admin)),
    ("endPromptSplit", F(Feature::SystemPromptsManage, Level::Admin)),
    ("finalizeCluster", SignedIn),
    ("forkAutomationRun", SignedIn),
    ("generateContent", SignedIn),
    ("generateIdeas", SignedIn),
    ("generateImagePrompts", SignedIn),
    ("generateImages", F(Feature::ImagesGenerate, Level::Write)),
    ("generateText", SignedIn),
    ("importKeywords", SignedIn),
    ("importSystemPrompts", F(Feature::SystemPromptsManage, Level::Admin)),
    ("inviteMember", SignedIn),
    ("markNotificationsRead", SignedIn),
    ("moderateImage", F(Feature::ImagesModerate, Level::Admin)),
    ("optimisePrompts", F(Feature::SystemPromptsManage, Level::Admin)),
    ("optimizeContent", SignedIn),
    ("pauseAutomationRun", SignedIn),
    ("queueIdeas", SignedIn),
    ("raiseAutomationRunCap", SignedIn),
    ("reactivateAccount", F(Feature::UsersManage, Level::Admin)),
    ("refreshSession", Public),
    ("rejectIdea", SignedIn),
    ("refundCredits", F(Feature::CreditsManage, Level::Admin)),
    ("removeMember", SignedIn),
    ("requestContentChanges", SignedIn),
    ("requestMagicLink", Public),
    ("requestPasswordReset", Public),
    ("resetPassword", Public),
    ("resetSystemPrompt", F(Feature::SystemPromptsManage, Level::Admin)),
    ("restoreContent", SignedIn),
    ("restoreKeywords", SignedIn),
    ("resumeAutomationRun", SignedIn),
    ("retryContentTask", SignedIn),
    ("revokeApiKey", SignedIn),
    ("revokeCredits", F(Feature::CreditsManage, Level::Admin)),
    ("scheduleContent", SignedIn),
    ("scheduleContents", SignedIn),
    ("setCreditPrice", F(Feature::BillingManage, Level::Admin)),
    ("setDefaultAiModel", F(Feature::SystemSettingsManage, Level::Hero)),
    ("setFlag", F(Feature::SystemSettingsManage, Level::Hero)),
    ("setImageVisibility", SignedIn),
    ("setCreditCap", SignedIn),
    ("setLowBalanceThresholds", SignedIn),
    ("signIn", Public),
    ("signInWithMagicLink", Public),
    ("signOut", SignedIn),
    ("signOutEverywhere", SignedIn),
    ("signUp", Public),
    ("startAutomationRun", SignedIn),
    ("startPromptSplit", F(Feature::SystemPromptsManage, Level::Admin)),
    ("submitContent", SignedIn),
    ("suspendAccount", F(Feature::UsersManage, Level::Admin)),
    ("undoOptimisation", F(Feature::SystemPromptsManage, Level::Admin)),
    ("unscheduleContent", SignedIn),
    ("updateAccount", SignedIn),
    ("updateAiModel", F(Feature::SystemSettingsManage, Level::Hero)),
    ("updateAutomationConfig", SignedIn),
    ("updateCluster", SignedIn),
    ("updateContent", SignedIn),
    ("updateIdea", SignedIn),
    ("updateKeyword", SignedIn),
    ("updateProviderSettings", F(Feature::SystemSettingsManage, Level::Hero)),
    ("updateSector", SignedIn),
    ("updateSite", SignedIn),
    ("updateSystemPrompt", F(Feature::SystemPromptsManage, Level::Admin)),
    ("updateViewer", SignedIn),
    ("verifyEmail", Public),
    ("upscaleImage", F(Feature::ImagesGenerate, Level::Write)),
    ("withdrawApproval", SignedIn),
];

/// The policy: every field of `Subscription`, with who may call it.
pub const SUBSCRIPTION: &[(&str, Access)] =
    &[("aiTaskProgress", SignedIn), ("automationProgress", SignedIn), ("creditBalance", SignedIn)];

/// What `field` of `table` asks for. `None` when it has no row, which denies.
pub fn access(table: &[(&str, Access)], field: &str) -> Option<Access> {
    table.iter().find(|(name, _)| *name == field).map(|(_, access)| *access)
}

fn check(ctx: &Context<'_>, table: &[(&str, Access)]) -> Result<Access> {
    let field = ctx.field();
    let Some(access) = access(table, field.name()) else {
        let missing = format!("the policy has no row for {}", field.name());
        return Err(Error::Internal(Internal::new("checking a field's right", missing)).into());
    };
    let viewer = viewer(ctx)?;
    access.check(viewer)?;
    Ok(access)
}

/// Guards the fields of `Query`.
pub struct QueryPolicy;
/// Guards the fields of `Mutation`.
pub struct MutationPolicy;
/// Guards the fields of `Subscription`.
pub struct SubscriptionPolicy;

impl Guard for QueryPolicy {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        let access = check(ctx, QUERY)?;
        // What anyone may ask a key may ask too; what it would learn of its person it may not.
        if access == Access::Public && ctx.field().name() != "viewer" {
            return Ok(());
        }
        Ok(scope::check(viewer(ctx)?, Some(Scope::Read))?)
    }
}

impl Guard for MutationPolicy {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        check(ctx, MUTATION)?;
        Ok(scope::check(viewer(ctx)?, scope::of_mutation(ctx.field().name()))?)
    }
}

impl Guard for SubscriptionPolicy {
    async fn check(&self, ctx: &Context<'_>) -> Result<()> {
        check(ctx, SUBSCRIPTION)?;
        Ok(scope::check(viewer(ctx)?, Some(Scope::Read))?)
    }
}

/// What introspection shows follows the same rights (G53); it is never the protection.
pub mod visible {
    use async_graphql::Context;

    use super::{Access, Feature, Level, viewer};

    fn sees(ctx: &Context<'_>, access: Access) -> bool {
        viewer(ctx).is_ok_and(|viewer| access.check(viewer).is_ok())
    }

    /// To anyone with a live session.
    pub fn signed_in(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::SignedIn)
    }

    /// To those who manage credits.
    pub fn credits_manage(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::CreditsManage, Level::Admin))
    }

    /// To those who look at figures of the whole installation.
    pub fn analytics_view(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::AnalyticsView, Level::Read))
    }

    /// To those who look at people.
    pub fn users_view(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::UsersView, Level::Read))
    }

    /// To those who manage people.
    pub fn users_manage(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::UsersManage, Level::Admin))
    }

    /// To those who delete people.
    pub fn users_delete(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::UsersDelete, Level::Hero))
    }

    /// To those who assign roles.
    pub fn roles_assign(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::RolesAssign, Level::Hero))
    }

    /// To those who make images.
    pub fn images_generate(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::ImagesGenerate, Level::Write))
    }

    /// To those who moderate images.
    pub fn images_moderate(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::ImagesModerate, Level::Admin))
    }

    /// To those who look at system prompts.
    pub fn system_prompts_view(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::SystemPromptsView, Level::Read))
    }

    /// To those who manage system prompts.
    pub fn system_prompts_manage(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::SystemPromptsManage, Level::Admin))
    }

    /// To those who manage prices.
    pub fn billing_manage(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::BillingManage, Level::Admin))
    }

    /// To those who change the system's settings.
    pub fn system_settings_manage(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::SystemSettingsManage, Level::Hero))
    }

    /// To those who look at the system's settings.
    pub fn system_settings_view(ctx: &Context<'_>) -> bool {
        sees(ctx, Access::Feature(Feature::SystemSettingsView, Level::Read))
    }
}
