//! What a key may call: one table, beside the one of rights. What is not in it no key may call, whatever its scopes.

use crate::{
    error::Error,
    viewer::{Scope, Viewer},
};

use Scope::{Administer, Generate, Write};

/// Mutations that keys may call, with the scope each asks for. Queries and subscriptions ask for `Read`.
pub const MUTATION: &[(&str, Scope)] = &[
    ("activateSystemPromptVersion", Administer),
    ("addCredits", Administer),
    ("addPriceVersion", Administer),
    ("approveContent", Write),
    ("archiveContent", Write),
    ("archiveKeywords", Write),
    ("cancelAiTask", Write),
    ("cancelAutomationRun", Write),
    ("clusterKeywords", Generate),
    ("createAiModel", Administer),
    ("createCluster", Write),
    ("createContentTask", Write),
    ("createSector", Write),
    ("createSite", Write),
    ("createSystemPrompt", Administer),
    ("createUpload", Write),
    ("deactivateSite", Write),
    ("deleteCluster", Write),
    ("deleteImage", Write),
    ("disableSystemPrompt", Administer),
    ("enableSystemPrompt", Administer),
    ("endPromptSplit", Administer),
    ("finalizeCluster", Write),
    ("forkAutomationRun", Generate),
    ("generateContent", Generate),
    ("generateIdeas", Generate),
    ("generateImagePrompts", Generate),
    ("generateImages", Generate),
    ("generateText", Generate),
    ("importKeywords", Write),
    ("importSystemPrompts", Administer),
    ("markNotificationsRead", Write),
    ("moderateImage", Administer),
    ("optimisePrompts", Administer),
    ("optimizeContent", Generate),
    ("pauseAutomationRun", Write),
    ("queueIdeas", Write),
    ("raiseAutomationRunCap", Generate),
    ("reactivateAccount", Administer),
    ("refundCredits", Administer),
    ("rejectIdea", Write),
    ("requestContentChanges", Write),
    ("resetSystemPrompt", Administer),
    ("restoreContent", Write),
    ("restoreKeywords", Write),
    ("resumeAutomationRun", Generate),
    ("retryContentTask", Write),
    ("revokeCredits", Administer),
    ("scheduleContent", Write),
    ("scheduleContents", Write),
    ("setCreditCap", Write),
    ("setCreditPrice", Administer),
    ("setDefaultAiModel", Administer),
    ("setImageVisibility", Write),
    ("setLowBalanceThresholds", Write),
    ("startAutomationRun", Generate),
    ("startPromptSplit", Administer),
    ("submitContent", Write),
    ("suspendAccount", Administer),
    ("undoOptimisation", Administer),
    ("unscheduleContent", Write),
    ("updateAccount", Write),
    ("updateAiModel", Administer),
    // It can switch a schedule on, which spends credits.
    ("updateAutomationConfig", Generate),
    ("updateCluster", Write),
    ("updateContent", Write),
    ("updateIdea", Write),
    ("updateKeyword", Write),
    ("updateProviderSettings", Administer),
    ("updateSector", Write),
    ("updateSite", Write),
    ("updateSystemPrompt", Administer),
    ("upscaleImage", Generate),
    ("withdrawApproval", Write),
];

/// Mutations that no key may call: they say who somebody is, or who may do what.
pub const NEVER: &[&str] = &[
    "acceptInvitation",
    "assignRole",
    "changeMemberRole",
    "changePassword",
    "claimHero",
    "clearFlag",
    "closeViewer",
    "createAccount",
    "createApiKey",
    "deleteUser",
    "inviteMember",
    "refreshSession",
    "removeMember",
    "requestMagicLink",
    "requestPasswordReset",
    "resetPassword",
    "revokeApiKey",
    "setFlag",
    "signIn",
    "signInWithMagicLink",
    "signOut",
    "signOutEverywhere",
    "signUp",
    "updateViewer",
    "verifyEmail",
];

/// Whether the viewer's key, if it is one, reaches. Refuses: `KeyLacks`.
pub fn check(viewer: &Viewer, asked: Option<Scope>) -> Result<(), Error> {
    let Some(scopes) = viewer.user().and_then(|who| who.scopes) else { return Ok(()) };
    match asked {
        Some(scope) if scopes.contains(scope) => Ok(()),
        asked => Err(Error::KeyLacks { scope: asked }),
    }
}

/// The scope that a mutation asks a key for; `None` when no key may call it.
pub fn of_mutation(field: &str) -> Option<Scope> {
    MUTATION.iter().find(|(name, _)| *name == field).map(|(_, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::guard;

    #[test]
    fn every_mutation_is_in_one_list_and_in_order() {
        let listed: Vec<&str> = MUTATION.iter().map(|(name, _)| *name).collect();
        assert!(listed.is_sorted() && NEVER.is_sorted());
        for (name, _) in guard::MUTATION {
            let times = listed.iter().chain(NEVER).filter(|listed| *listed == name).count();
            assert_eq!(times, 1, "give {name} a scope, or say that no key may call it");
        }
        for name in listed.iter().chain(NEVER) {
            assert!(guard::MUTATION.iter().any(|(field, _)| field == name), "there is no mutation {name}");
        }
    }
}
