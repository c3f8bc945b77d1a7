//! What the ledger does by itself: credits whose time is over are written off although nobody uses their account, so that people see
//! what they have; and everything is checked once a day.

use std::time::Duration;

use super::{
    Command, IdemKey, Ledger,
    model::{Actor, Operation, Refusal},
    store,
};
use crate::{
    error::{Error, Failure},
    jobs::{HandlerFuture, Sweep},
};

/// Lots looked at at once.
const LOTS_MAX: u32 = 500;

/// How often that is done in one turn of the sweeps, which others wait for.
const ROUNDS_MAX: u32 = 20;

/// A check that has not ended by then has died with its process.
const LONGEST: Duration = Duration::from_secs(3 * 3600);

/// Writes off lots that are due.
pub struct LotSweep(pub Ledger);

impl Sweep for LotSweep {
    fn name(&self) -> &'static str {
        "ledger.lots"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            for _ in 0..ROUNDS_MAX {
                if self.write_off_some().await? == 0 {
                    break;
                }
            }
            Ok(())
        })
    }
}

impl LotSweep {
    /// Writes off what was due first, and answers on how many accounts; 0 also when the ledger takes no more.
    async fn write_off_some(&self) -> Result<usize, Error> {
        let ledger = &self.0;
        let now = ledger.clock().now();
        let due = store::list_accounts_with_due_lots(ledger.db().reader(), now, LOTS_MAX).await?;
        let mut count = due.len();
        let sent = due.into_iter().map(|account| async move {
            let key = IdemKey::server("expire_lots", ledger.ids().uuid());
            let command = Command {
                account,
                key,
                actor: Actor::System,
                operation: Operation::ExpireLots,
                open_account: false,
                effects: Vec::new(),
                otherwise: Vec::new(),
            };
            (account, ledger.submit(command).await)
        });
        for (account, answer) in futures_util::future::join_all(sent).await {
            match answer {
                // The command has nothing left to do after the write-off before it.
                Ok(_) | Err(Failure::Refused(Refusal::NothingDue)) => {}
                // What is left has its next turn.
                Err(Failure::Refused(Refusal::LedgerBusy { .. } | Refusal::LedgerClosing)) => count = 0,
                Err(Failure::Refused(refusal)) => tracing::warn!(%refusal, "due credits were not written off"),
                // One whose rows contradict each other would be in the way of the others at every turn.
                Err(Failure::Fault(error)) => {
                    tracing::warn!(account.id = %account, error = ?error, "due credits were not written off");
                    ledger.check_account(account).await?;
                    count = 0;
                }
            }
        }
        Ok(count)
    }
}

/// Begins a check of everything when the last one began long enough ago, in whichever process. It runs beside the sweeps, which are
/// not to wait for it, and ends with the ledger.
pub struct CheckSweep {
    ledger: Ledger,
    every: Duration,
}

impl CheckSweep {
    /// A check every so often; never when it is zero.
    pub fn new(ledger: Ledger, every: Duration) -> Self {
        Self { ledger, every }
    }
}

impl Sweep for CheckSweep {
    fn name(&self) -> &'static str {
        "ledger.check"
    }

    fn sweep(&self) -> HandlerFuture<'_, Result<(), Error>> {
        Box::pin(async move {
            if self.every.is_zero() {
                return Ok(());
            }
            let last = store::find_check_begun(self.ledger.db().reader()).await?;
            let is_time = last.is_none_or(|(begun, has_ended)| {
                let pause = if has_ended { self.every } else { self.every.min(LONGEST) };
                let pause = i64::try_from(pause.as_micros()).unwrap_or(i64::MAX);
                self.ledger.clock().now().saturating_sub(begun) >= pause
            });
            if is_time {
                self.ledger.begin_check().await?;
            }
            Ok(())
        })
    }
}
