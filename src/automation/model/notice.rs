//! The words of a run's notifications.

use super::{AutomationRun, Pause, PauseReason, RunState, StageProgress};
use crate::notification::Severity;

/// A notification's kind, weight and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Such as `automation_completed`.
    pub kind: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The message.
    pub message: String,
    /// Our text of what went wrong.
    pub error: Option<String>,
}

/// Our own words for why a run failed, as they stand after "failed: ".
pub fn failure_text(code: &str) -> &'static str {
    match code {
        "RUN_DEADLINE" => "the run was at work for longer than it may be",
        "ACCOUNT_SUSPENDED" => "the account is suspended",
        _ => "an internal fault stopped the work",
    }
}

fn sums(stages: &[StageProgress]) -> (i64, i64) {
    let sum = |of: fn(&StageProgress) -> i32| stages.iter().map(|stage| i64::from(of(stage))).sum();
    (sum(|stage| stage.succeeded), sum(|stage| stage.failed))
}

/// The one notification of a run that ended. `None` for a state that is no end.
pub fn end_notice(run: &AutomationRun, stages: &[StageProgress]) -> Option<Notice> {
    let (done, failed) = sums(stages);
    let credits = run.credits_used;
    let plain = |kind, severity, message| Some(Notice { kind, severity, message, error: None });
    match run.state {
        RunState::Completed => plain(
            "automation_completed",
            Severity::Success,
            format!("Automation completed: {done} items using {credits} credits"),
        ),
        RunState::CompletedWithErrors => plain(
            "automation_completed",
            Severity::Warning,
            format!("Automation completed: {done} items using {credits} credits, {failed} failed"),
        ),
        RunState::Cancelled => plain(
            "automation_cancelled",
            Severity::Info,
            format!("Automation cancelled after {done} items using {credits} credits"),
        ),
        RunState::Failed => {
            let error = run.error_text.clone().unwrap_or_else(|| failure_text("INTERNAL").to_owned());
            let message = format!("Automation failed: {error}");
            Some(Notice { kind: "automation_failed", severity: Severity::Error, message, error: Some(error) })
        }
        _ => None,
    }
}

/// The notification of a run that paused by itself. `None` for one that somebody asked for.
pub fn pause_notice(run: &AutomationRun, pause: &Pause) -> Option<Notice> {
    let message = match (pause.reason, pause.figures) {
        (PauseReason::User, _) => return None,
        (PauseReason::InsufficientCredits, Some(figures)) => {
            let available = figures.next.saturating_sub(figures.short);
            format!(
                "Automation paused: {} more credits needed. Required: {}, Available: {available}",
                figures.short, figures.next
            )
        }
        (PauseReason::RunCap, _) => {
            format!("Automation paused: credit cap of {} reached", pause.cap.or(run.credit_cap).unwrap_or_default())
        }
        (PauseReason::ProviderDown, _) => "Automation paused: no AI provider answers".to_owned(),
        (PauseReason::IntegrationError, _) => "Automation paused: the connected site does not answer".to_owned(),
        (PauseReason::AccountSuspended, _) => "Automation paused: the account is suspended".to_owned(),
        (PauseReason::InsufficientCredits, None) => "Automation paused: more credits needed".to_owned(),
    };
    Some(Notice { kind: "automation_paused", severity: Severity::Warning, message, error: None })
}

/// What a notification says in figures: counts and credits, in all and per stage.
pub fn metadata(run: &AutomationRun, stages: &[StageProgress]) -> String {
    let (done, failed) = sums(stages);
    let of_stage = |stage: &StageProgress| {
        serde_json::json!({
            "stage": stage.stage.as_str(),
            "status": stage.status.as_str(),
            "total": stage.total,
            "succeeded": stage.succeeded,
            "failed": stage.failed,
            "skipped": stage.skipped,
            "credits_used": stage.credits_used,
        })
    };
    serde_json::json!({
        "run_id": run.id,
        "site_id": run.site_id,
        "items": done,
        "failed": failed,
        "credits_used": run.credits_used,
        "stages": stages.iter().map(of_stage).collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::automation::model::{Desired, RunSettings, Stage, Trigger};

    fn run(state: RunState) -> AutomationRun {
        AutomationRun {
            id: Uuid::from_u128(1),
            account_id: Uuid::from_u128(2),
            site_id: Uuid::from_u128(3),
            trigger: Trigger::Manual,
            user_id: None,
            source_run_id: None,
            from_stage: None,
            is_redo: false,
            state,
            desired: Desired::Run,
            fence: 1,
            event_seq: 1,
            settings: RunSettings::default(),
            current_stage: None,
            pause: None,
            pauses: 0,
            credits_start: 100,
            credits_used: 83,
            credits_committed: 83,
            credit_cap: Some(90),
            active_us: 0,
            active_since: None,
            error_code: None,
            error_text: Some(failure_text("RUN_DEADLINE").to_owned()),
            created_at: 0,
            updated_at: 0,
            started_at: None,
            finished_at: None,
        }
    }

    #[test]
    fn a_run_ends_with_the_words_of_the_product() {
        let mut stage = StageProgress::new(Uuid::nil(), Uuid::nil(), Stage::Images);
        (stage.total, stage.succeeded, stage.failed) = (11, 9, 2);
        let said = |state| end_notice(&run(state), std::slice::from_ref(&stage)).map(|notice| notice.message);
        assert_eq!(said(RunState::Completed).unwrap(), "Automation completed: 9 items using 83 credits");
        assert_eq!(
            said(RunState::CompletedWithErrors).unwrap(),
            "Automation completed: 9 items using 83 credits, 2 failed"
        );
        assert_eq!(said(RunState::Cancelled).unwrap(), "Automation cancelled after 9 items using 83 credits");
        assert_eq!(said(RunState::Failed).unwrap(), "Automation failed: the run was at work for longer than it may be");
        assert_eq!(said(RunState::Running), None);
    }

    #[test]
    fn a_pause_for_money_says_how_much() {
        let run = run(RunState::Paused);
        let said = |pause| pause_notice(&run, &pause).map(|notice| notice.message);
        assert_eq!(
            said(Pause::short_of_credits(5, 2, 25)).unwrap(),
            "Automation paused: 3 more credits needed. Required: 5, Available: 2"
        );
        assert_eq!(said(Pause::above_cap(5, 2, 25)).unwrap(), "Automation paused: credit cap of 90 reached");
        assert_eq!(said(Pause::plain(PauseReason::User)), None);
    }
}
