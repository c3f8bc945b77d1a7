//! Accepting a command: check, quote, and one ledger command that holds the credits and writes task, items and job.

use uuid::Uuid;

use super::{Ai, Spender, prepare::Prepared};
use crate::{
    ai::{
        model::{
            AcceptError, AiTask, GenerateImages, GenerateText, InsufficientFigures, MakeThings, NotCovered, Order,
            UpscaleImages,
        },
        run::JOB_KIND,
        store::{self, Accepted, NewItem},
    },
    audit::{self, Trace},
    error::{Error, Failure, Internal},
    flag::Flag,
    jobs::{BACKLOG_MAX, Lane, NewJob, backlog_of},
    ledger::{
        Command, Refusal,
        model::{Actor, Credits, HoldItem, IdemKey, Operation, WorkKind},
    },
    prompt::{Purpose, SPLIT, take_effect, use_effect},
};

/// How many failed runs end a task's job.
const JOB_ATTEMPTS_MAX: i32 = 6;

/// How often a command that met its own twin, or a split without room, looks again.
const TRIES: u32 = 5;

type Accept = Result<AiTask, Failure<AcceptError>>;

impl Ai {
    /// Draws 1–8 images of one thing: holds the credits of all, and answers the task that will draw them. A repeat of the
    /// key answers the first task, or the first refusal for lack of credits.
    /// Refuses: see [`AcceptError`]. Faults: `IdempotencyKeyReused`, `BadUserInput` for an ill-formed key.
    pub async fn generate_images(&self, spender: Spender, input: GenerateImages) -> Accept {
        self.accept(spender, Order::from(input), None).await
    }

    /// Writes 1–50 texts: holds the most they can cost, and answers the task that will write them. Repeats and refusals are
    /// those of [`Ai::generate_images`].
    pub async fn generate_text(&self, spender: Spender, input: GenerateText) -> Accept {
        self.accept(spender, Order::from(input), None).await
    }

    /// Enlarges 1–50 images of the account, none of which was before: holds the credits of all, and answers the task that
    /// will do it. Repeats and refusals are those of [`Ai::generate_images`].
    pub async fn upscale_images(&self, spender: Spender, input: UpscaleImages) -> Accept {
        self.accept(spender, Order::from(input), None).await
    }

    /// Makes things of the pipeline: holds the credits of all items, and answers the task that will make them. Repeats and
    /// refusals are those of [`Ai::generate_images`].
    pub async fn make_things(&self, spender: Spender, input: MakeThings) -> Accept {
        self.accept(spender, Order::from(input), None).await
    }

    /// Carries an order out like the commands above. With the token of a quote it holds exactly what was quoted, or refuses:
    /// `QuoteExpired`.
    pub async fn carry_out(&self, spender: Spender, order: Order, quote: Option<&str>) -> Accept {
        self.accept(spender, order, quote).await
    }

    async fn accept(&self, spender: Spender, order: Order, quote: Option<&str>) -> Accept {
        let key = IdemKey::client(&order.idempotency_key).map_err(Error::from)?;
        order.check().map_err(Failure::Refused)?;
        for _ in 0..TRIES {
            if let Some(answer) = self.first_answer(spender, &order, &key).await? {
                return answer.map_err(Failure::Refused);
            }
            if let Some(answer) = self.accept_once(spender, &order, (&key, quote)).await? {
                return Ok(answer);
            }
        }
        Err(Internal::new("accepting a command", "its key is taken, and nothing is there under it").into())
    }

    /// Refuses: `AccountSuspended`. What was accepted before the suspension is answered and goes on.
    pub(super) async fn refuse_suspended(&self, spender: Spender) -> Result<(), Failure<AcceptError>> {
        if store::is_suspended(self.parts.db.reader(), spender.account_id).await? {
            return Err(Failure::Refused(AcceptError::AccountSuspended));
        }
        Ok(())
    }

    /// What the key was answered before.
    async fn first_answer(
        &self,
        spender: Spender,
        order: &Order,
        key: &IdemKey,
    ) -> Result<Option<Result<AiTask, AcceptError>>, Error> {
        let found = store::find_by_key(self.parts.db.reader(), spender.account_id, key.as_str()).await?;
        let Some((task, hash)) = found else { return Ok(None) };
        if hash != order.hash(spender.user_id) {
            return Err(Error::IdempotencyKeyReused);
        }
        Ok(Some(match task.refused {
            Some(why) => Err(AcceptError::NotCovered { why, ai_task_id: task.id }),
            None => Ok(task),
        }))
    }

    /// `None`: another command with this key was first.
    async fn accept_once(
        &self,
        spender: Spender,
        order: &Order,
        (key, quote): (&IdemKey, Option<&str>),
    ) -> Result<Option<AiTask>, Failure<AcceptError>> {
        self.refuse_suspended(spender).await?;
        let prepared = self.prepare(spender.account_id, order, Purpose::Work).await?;
        if let Some(token) = quote {
            self.honour(spender, order, &prepared, token)?;
        }
        if backlog_of(self.parts.db.reader(), spender.account_id).await? >= BACKLOG_MAX {
            return Err(Failure::Refused(AcceptError::BacklogFull));
        }
        let accepted = self.quote(spender, order, &prepared, key)?;
        let command = self.command(spender, order, key, &accepted, &prepared)?;
        match self.parts.ledger.submit(command).await {
            Ok(posting) => {
                if !posting.replayed {
                    self.parts.jobs.wake(Lane::Interactive);
                    self.hint(accepted.ai_task_id);
                    tracing::info!(
                        ai_task.id = %accepted.ai_task_id, account.id = %spender.account_id,
                        function = order.function.as_str(), credits = accepted.required(), "AI task accepted"
                    );
                }
                let answer = self.first_answer(spender, order, key).await?;
                answer.transpose().map_err(Failure::Refused)
            }
            // A split that has too little left for this: it gets room, or it ends, and the prompt is composed again.
            Err(Failure::Refused(Refusal::EffectRefused { code })) if code == SPLIT => {
                for split in prepared.uses.iter().filter_map(|one| one.split_id) {
                    self.parts.prompts.make_room(split, accepted.required()).await?;
                }
                Ok(None)
            }
            // A thing that changed between the look and the hold: it is looked at again, and refused for what it is now.
            Err(Failure::Refused(Refusal::EffectRefused { .. })) if !prepared.targets.is_empty() => Ok(None),
            Err(Failure::Refused(refusal)) => self.refused(&accepted, refusal),
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }

    fn refused(&self, accepted: &Accepted, refusal: Refusal) -> Result<Option<AiTask>, Failure<AcceptError>> {
        let not_covered = |why| {
            self.hint(accepted.ai_task_id);
            Failure::Refused(AcceptError::NotCovered { why, ai_task_id: accepted.ai_task_id })
        };
        Err(match refusal {
            Refusal::EffectConflict { .. } => return Ok(None),
            Refusal::InsufficientCredits { required, available, .. } => {
                not_covered(NotCovered::ByBalance(InsufficientFigures { required, available }))
            }
            Refusal::CapExceeded(exceeded) => not_covered(NotCovered::ByCap(exceeded)),
            Refusal::LotsExceeded { .. } => Failure::Refused(AcceptError::TooManyGrants),
            Refusal::AccountFrozen => Failure::Refused(AcceptError::AccountFrozen),
            Refusal::AccountClosed => Failure::Refused(AcceptError::AccountClosed),
            Refusal::LedgerBusy { .. } => Failure::Refused(AcceptError::LedgerBusy),
            Refusal::LedgerClosing => Error::ShuttingDown.into(),
            Refusal::IdempotencyKeyReused => Error::IdempotencyKeyReused.into(),
            Refusal::AccountNotFound => Error::NotFound.into(),
            other => Internal::new("the ledger refused a hold", other).into(),
        })
    }

    fn quote(&self, spender: Spender, order: &Order, prepared: &Prepared, key: &IdemKey) -> Result<Accepted, Internal> {
        let ids = &self.parts.ids;
        let holds = prepared.holds()?;
        let originals = prepared.originals().map(Some).chain(std::iter::repeat(None));
        let sites = prepared.targets.iter().map(|target| target.site).chain(std::iter::repeat(None));
        let items = holds.into_iter().zip(originals.zip(sites));
        let items = items.map(|(hold_amount, (original_id, site_id))| NewItem {
            id: ids.uuid(),
            hold_id: ids.uuid(),
            hold_amount,
            original_id,
            site_id,
        });
        let payload = prepared.payload(order, || i64::from(u32::from_be_bytes(crate::ids::random(ids.as_ref()))));
        let payload = serde_json::to_string(&payload).map_err(|error| Internal::new("writing a payload", error))?;
        Ok(Accepted {
            ai_task_id: ids.uuid(),
            account_id: spender.account_id,
            user_id: Some(spender.user_id),
            stage: None,
            function: order.function,
            ai_model_id: prepared.model.model.id,
            price_version_id: prepared.model.price.id,
            payload,
            key: Some((key.as_str().to_owned(), order.hash(spender.user_id))),
            total: prepared.count,
            items: items.collect(),
            tells_phases: self.parts.switches.is_on(Flag::Animations),
            now: self.parts.clock.now(),
        })
    }

    fn command(
        &self,
        spender: Spender,
        order: &Order,
        key: &IdemKey,
        accepted: &Accepted,
        prepared: &Prepared,
    ) -> Result<Command, Internal> {
        let life = i64::try_from(self.parts.config.hold_life.as_micros()).unwrap_or(i64::MAX);
        let amount = |credits| Credits::new(credits).map_err(|refusal| Internal::new("quoting a command", refusal));
        let hold = |item: &NewItem| -> Result<HoldItem, Internal> {
            Ok(HoldItem {
                hold_id: item.hold_id,
                work_kind: WorkKind::AiTaskItem,
                work_id: item.id,
                run_id: None,
                user_id: Some(spender.user_id),
                price_version_id: accepted.price_version_id,
                prompt_version_id: prepared.prompt_version_id,
                amount: amount(item.hold_amount)?,
                expires_at: accepted.now.saturating_add(life),
            })
        };
        let items: Result<Vec<_>, _> = accepted.items.iter().map(hold).collect();
        let mut effects = store::accept_effects(accepted, &self.job(accepted.ai_task_id, spender.account_id));
        let task = accepted.ai_task_id;
        if let Some(maker) = self.parts.makers.of(order.function) {
            let trace = Trace {
                account_id: spender.account_id,
                actor: audit::Actor::User(spender.user_id),
                request_id: None,
                at: accepted.now,
            };
            effects.extend(prepared.targets.iter().flat_map(|target| maker.begin(target, &trace)));
        }
        effects.extend(prepared.uses.iter().map(|one| use_effect(task, one.version_id, one.split_id)));
        let tried = prepared.uses.iter().filter_map(|one| Some((one.split_id?, one.version_id)));
        effects.extend(tried.map(|(split, version)| take_effect(split, version, accepted.required())));
        Ok(Command {
            account: spender.account_id,
            key: key.clone().for_input(&order.canonical(spender.user_id)),
            actor: Actor::User(spender.user_id),
            operation: Operation::Hold(items?),
            open_account: false,
            effects,
            otherwise: store::refuse_effects(accepted, self.parts.ids.uuid()),
        })
    }

    /// The job that carries a task out.
    pub(in crate::ai) fn job(&self, task: Uuid, account: Uuid) -> NewJob {
        let now = self.parts.clock.now();
        NewJob {
            id: self.parts.ids.uuid(),
            kind: JOB_KIND,
            lane: Lane::Interactive,
            account_id: account,
            subject_kind: store::SUBJECT,
            subject_id: task,
            payload: "{}".to_owned(),
            ready_at: now,
            attempts_max: JOB_ATTEMPTS_MAX,
            created_at: now,
        }
    }
}
