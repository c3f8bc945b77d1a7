//! How errors leave: request faults as coded top-level errors, refusals as `UserError`, faults of ours masked (G48).

use async_graphql::{Enum, Error as GraphqlError, ErrorExtensionValues, SimpleObject};

use crate::{
    db::full::outage_of,
    error::{Error, Failure, Never},
    graphql::scalars::{Credits, SafeInt},
};

/// The name of the limit that [`Error::AnswerTooLarge`] is about.
pub(in crate::graphql) const ANSWER_LIMIT: &str = "answerBytes";

/// What a mutation did, or why it was refused; a fault is the field's error.
pub fn answer<T, R>(
    done: Result<T, Failure<R>>,
    error: impl Fn(&R) -> UserError,
) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match done {
        Ok(made) => Ok((Some(made), Vec::new())),
        Err(Failure::Refused(refusal)) => Ok((None, vec![error(&refusal)])),
        Err(Failure::Fault(fault)) => Err(fault.into()),
    }
}

impl From<Error> for GraphqlError {
    fn from(error: Error) -> Self {
        let error = outage_of(error);
        if let Error::Internal(internal) = &error {
            tracing::error!(cause = %internal.chain(), "internal error");
        }
        let mut extensions = ErrorExtensionValues::default();
        extensions.set("code", error.code());
        match &error {
            Error::Unauthenticated(reason) => extensions.set("reason", reason.as_str()),
            Error::Forbidden { feature, level } => {
                extensions.set("feature", feature.name());
                extensions.set("level", level.as_str());
            }
            Error::BadUserInput { path, .. } => extensions.set("argument", path.clone()),
            Error::AnswerTooLarge { maximum } => {
                extensions.set("limit", ANSWER_LIMIT);
                extensions.set("maximum", *maximum);
            }
            Error::RateLimited { retry_after_ms } => extensions.set("retryAfterMs", *retry_after_ms),
            Error::DependencyUnavailable { which } => extensions.set("which", *which),
            _ => {}
        }
        Self { message: error.to_string(), source: None, extensions: Some(extensions) }
    }
}

/// Why a business request was refused. Values may be added, never removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// The amount is 0.
    AmountZero,
    /// The amount is below 0.
    AmountNegative,
    /// The amount is not a whole number.
    AmountNotWhole,
    /// The amount is above the limit.
    AmountTooLarge,
    /// The reason is longer than 500 characters.
    ReasonTooLong,
    /// The account would hold more credits than can be counted exactly.
    TotalTooLarge,
    /// The account's available credits do not cover the request.
    InsufficientCredits,
    /// The account takes no new credits or work: it is frozen.
    AccountFrozen,
    /// The account takes no new credits or work: it is closed.
    AccountClosed,
    /// The ledger is too busy; nothing was done. Try again with the same key.
    LedgerBusy,
    /// The account, user or other object is not there, or not yours.
    NotFound,
    /// The username has other than 3–20 characters of A–Z, a–z, 0–9, `_` and `-`.
    UsernameInvalid,
    /// The username is taken.
    UsernameTaken,
    /// The e-mail address is not one.
    EmailInvalid,
    /// The e-mail address is taken.
    EmailTaken,
    /// The password lacks length, an upper-case letter, a lower-case letter or a digit.
    PasswordTooWeak,
    /// The credentials are wrong, whatever the cause.
    SignInFailed,
    /// The refresh token is unknown, over, or was used before.
    RefreshTokenInvalid,
    /// The claim link is unknown, over, used, or there is a HERO already.
    ClaimInvalid,
    /// The last HERO cannot be demoted or deleted.
    LastHero,
    /// Nobody does this to oneself.
    OwnUser,
    /// The prompt is empty.
    PromptEmpty,
    /// The prompt is longer than the model takes.
    PromptTooLong,
    /// The number of items is out of range.
    CountOutOfRange,
    /// The seed is out of range.
    SeedOutOfRange,
    /// There is no such aspect ratio, or the AI model does not have it.
    UnsupportedAspectRatio,
    /// The AI model takes no seed.
    UnsupportedSeed,
    /// There is no such AI model.
    ModelNotFound,
    /// The AI model is switched off, or none is set.
    ModelInactive,
    /// The AI model makes another kind of thing.
    ModelKindMismatch,
    /// The AI task has ended already.
    TaskEnded,
    /// The account has too much work waiting.
    BacklogFull,
    /// The row was changed meanwhile: it is at another version than the edit was made from.
    VersionConflict,
    /// A prompt with this category and key is there already.
    KeyExists,
    /// A prompt of this category needs a key.
    KeyRequired,
    /// The key is longer than 100 characters.
    KeyTooLong,
    /// The key is empty, too long, or holds characters it may not.
    KeyInvalid,
    /// The name is blank or too long.
    NameInvalid,
    /// The description is longer than 2,000 characters.
    DescriptionInvalid,
    /// The text is blank or longer than 20,000 characters.
    ContentInvalid,
    /// The metadata is no object, larger than 16 KiB or nested more than 16 deep.
    MetadataInvalid,
    /// The note is too long, or blank where one is asked for.
    NoteInvalid,
    /// The category holds 1,000 prompts, which is the most.
    CategoryFull,
    /// The prompt has the last version number there is.
    VersionsExhausted,
    /// The prompt of the split is disabled.
    SplitPromptDisabled,
    /// No text ships for this key.
    NotShipped,
    /// The version on trial is the active one.
    SplitSameVersion,
    /// A split of this prompt is running.
    SplitRunning,
    /// The split has ended already.
    SplitEnded,
    /// A figure of the split is out of range.
    SplitOutOfRange,
    /// The file is larger than 5 MiB, or a part of it is too large to compare.
    FileTooLarge,
    /// There are more than 1,000 prompts.
    TooManyPrompts,
    /// The file is no UTF-8 or no JSON.
    SyntaxError,
    /// The file has a key twice in one JSON object.
    DuplicateJsonKey,
    /// The file nests too deep.
    TooDeep,
    /// The file is JSON, but no list of prompts.
    NotAnExport,
    /// The file is of another major version.
    UnsupportedVersion,
    /// A prompt of the file will not do, so the file cannot be compared.
    FileInvalid,
    /// There is no such upload, or its time is over.
    UploadNotFound,
    /// What is stored has changed since the plan or report was made.
    PlanStale,
    /// Applying needs the hash of the report.
    ReportHashRequired,
    /// The phrases of the optimiser cannot be used.
    PhraseInvalid,
    /// The optimisation was undone already.
    AlreadyUndone,
    /// The AI model does not serve the function.
    UnsupportedFunction,
    /// The AI model does not offer the quality.
    UnsupportedQuality,
    /// Another active object has the name.
    NameTaken,
    /// This version has no adapter for the AI model.
    AdapterMissing,
    /// A limit is out of range.
    LimitOutOfRange,
    /// What the AI model is said to be able to do makes no sense.
    CapabilityInvalid,
    /// The adapter knows no such setting.
    SettingUnknown,
    /// The value does not fit the setting.
    SettingInvalid,
    /// The price is no amount of dollars, or out of range.
    PriceInvalid,
    /// The price has more decimals than can be stored; it is never rounded.
    PriceTooFine,
    /// The price is that of another kind of AI model.
    PriceKindMismatch,
    /// The AI model is the default of a function.
    ModelIsDefault,
    /// There is no such provider.
    ProviderUnknown,
    /// The base URL is not one.
    BaseUrlInvalid,
    /// The address leads to another server than the provider's key is for: the key for it must come with it.
    ProviderKeyRequired,
    /// The sandbox takes neither key nor address.
    NotForSandbox,
    /// There is no such event type, stored or shipped.
    UnknownEventType,
    /// There is no such style, stored or shipped.
    UnknownStyle,
    /// The event type has no such detail.
    UnknownDetail,
    /// A detail that the event type needs is missing.
    DetailRequired,
    /// A detail, or a text beside the details, is beyond its limits.
    DetailInvalid,
    /// There is no such kind of text.
    UnknownTextKind,
    /// The system prompts cannot be read; nothing was done.
    StoreUnavailable,
    /// An image is named twice.
    ImageTwice,
    /// An unfinished task enlarges the image.
    UpscaleUnderWay,
    /// The image has been enlarged before.
    AlreadyUpscaled,
    /// Enlarged, the image would have more pixels than images may.
    ImageTooLarge,
    /// The viewer has too many uploads that are kept.
    TooManyUploads,
    /// No file was sent to the upload's address yet.
    UploadNotReceived,
    /// The watermark is blank, longer than 80 characters, has a letter that cannot be drawn, or is missing.
    WatermarkInvalid,
    /// The domain is no host name.
    DomainInvalid,
    /// Another site of the account has the domain.
    DomainTaken,
    /// There is no such time zone.
    TimeZoneUnknown,
    /// The language is no BCP 47 tag.
    LanguageInvalid,
    /// The audience is blank or longer than 500 characters.
    AudienceInvalid,
    /// The account has 1,000 sites.
    TooManySites,
    /// The slug has other than a–z, 0–9 and single hyphens, or more than 100 characters.
    SlugInvalid,
    /// Another sector of the site has the slug.
    SlugTaken,
    /// The site has 200 sectors.
    TooManySectors,
    /// A field of the schedule is out of range.
    ScheduleInvalid,
    /// There is no such sector in the site.
    SectorNotFound,
    /// There is no such cluster in the sector.
    ClusterNotFound,
    /// The cluster has ideas that were not rejected.
    ClusterHasIdeas,
    /// The cluster has content tasks.
    ClusterHasContentTasks,
    /// No rule leads from the present state to the one that was asked for.
    IllegalTransition,
    /// A thing is named twice.
    NamedTwice,
    /// The state of a thing does not allow it.
    WrongState,
    /// Clustering needs at least two keywords.
    TooFewKeywords,
    /// No two of the keywords share enough of their words.
    NothingAlike,
    /// The keywords are of several sectors or sites.
    MixedSectors,
    /// The target keywords are too many, or one is blank or too long.
    TargetKeywordsInvalid,
    /// The number wanted of each is out of range.
    WantedOutOfRange,
    /// The keyword is empty.
    KeywordEmpty,
    /// The keyword is longer than 200 characters.
    KeywordTooLong,
    /// The keyword holds a control character.
    KeywordInvalid,
    /// There is no such country.
    CountryUnknown,
    /// The volume is no whole number in range.
    VolumeInvalid,
    /// The cost per click is no amount in range.
    CpcInvalid,
    /// The cost per click has more than nine decimals.
    CpcTooFine,
    /// The difficulty is no whole number from 0 to 100.
    DifficultyInvalid,
    /// There is no such intent.
    IntentUnknown,
    /// The file is no UTF-8 text.
    FileNotText,
    /// The file holds no row.
    FileEmpty,
    /// The file's first row names no column for the keyword.
    HeaderMissing,
    /// The file's first row names a column twice.
    ColumnTwice,
    /// The file has more than 10,000 rows.
    TooManyRows,
    /// The site would have more than 100,000 keywords.
    TooManyKeywords,
    /// The title has other than 5–200 characters, no letter or digit, or a control character.
    TitleInvalid,
    /// The outline is longer than 4,000 characters, or holds a control character.
    OutlineInvalid,
    /// The length in words is out of range.
    TargetWordsInvalid,
    /// The priority is out of range.
    PriorityInvalid,
    /// The object's state does not allow it.
    IllegalState,
    /// It failed too often to be taken up again.
    TriesExhausted,
    /// The content's text stays as it is in this state.
    ContentNotEditable,
    /// A content is named twice.
    ContentTwice,
    /// The text is longer than 100,000 characters.
    HtmlTooLong,
    /// Cleaned, nothing is left of the text.
    HtmlEmpty,
    /// The excerpt is longer than 300 characters.
    ExcerptTooLong,
    /// The meta title is longer than 60 characters.
    MetaTitleTooLong,
    /// The meta description is longer than 160 characters.
    MetaDescriptionTooLong,
    /// A keyword of the article is blank or too long, or there are too many.
    KeywordsInvalid,
    /// A category of the article is blank or too long, or there are too many.
    CategoriesInvalid,
    /// A tag of the article is blank or too long, or there are too many.
    TagsInvalid,
    /// The slot is not later than now.
    SlotInPast,
    /// Another content of the site has the slot.
    SlotTaken,
    /// A run of the site has not ended.
    RunActive,
    /// The site is not active.
    SiteInactive,
    /// The account is suspended.
    AccountSuspended,
    /// The run's credit cap does not cover its next item.
    RunCap,
    /// The new credit cap is not above the old one, or there is none.
    CapInvalid,
    /// A run cannot begin with this stage.
    StageInvalid,
    /// A field of the automation's config is out of range.
    ConfigInvalid,
}

/// What an AI model lacks, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct ModelMismatch {
    /// The names of active AI models that can do what was asked, at most 10.
    pub models: Vec<String>,
    /// The prompt's length in Unicode scalar values; null unless that is at fault.
    pub length: Option<SafeInt>,
    /// The longest prompt that the AI model takes; null unless that is at fault.
    pub maximum: Option<SafeInt>,
    /// The name of the AI model that was chosen; null where the request names it.
    pub model: Option<String>,
    /// How long each part of a composed prompt is; null unless that is at fault.
    pub parts: Option<Vec<PartLength>>,
}

/// How long a part of a composed prompt is.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct PartLength {
    /// Which: `EVENT`, `DETAILS`, `STYLE`, `TEXT`, `CUSTOM_STYLE` or `BASE`.
    pub kind: &'static str,
    /// Its length in Unicode scalar values; two more lie between two parts.
    pub length: SafeInt,
}

/// What was asked for and what is there.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct InsufficientCredits {
    /// Credits the request needs.
    pub required: Credits,
    /// Credits that are available.
    pub available: Credits,
    /// Credits that are missing: required less available.
    pub short: Credits,
}

/// Which version an edit was made from and which one is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct VersionConflict {
    /// The version the edit was made from, 1 or more.
    pub expected: i32,
    /// The version that is there, 1 or more.
    pub current: i32,
}

/// A change of state that no rule knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct IllegalTransition {
    /// The state it is in.
    pub from: &'static str,
    /// The state it was to go to.
    pub to: &'static str,
}

/// Where something is that was asked to go elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct IllegalState {
    /// The state it is in.
    pub current: &'static str,
}

/// Where in a file a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct SourcePosition {
    /// The line, from 1.
    pub line: i32,
    /// The column in characters, from 1.
    pub column: i32,
}

/// The prompt that has the key already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SimpleObject)]
pub struct KeyExists {
    /// Whether look-ups find it.
    pub is_enabled: bool,
}

/// A refusal of a business request: nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct UserError {
    /// The stable code.
    pub code: UserErrorCode,
    /// What is wrong, which limit holds and what to do, in English.
    pub message: String,
    /// The field of the input that is at fault, from the outside in; null when it is none.
    pub path: Option<Vec<String>>,
    // What few refusals have is boxed: the type travels as an error, and a large one would be copied at every `?`.
    /// The figures, with `INSUFFICIENT_CREDITS` only.
    pub insufficient_credits: Option<Box<InsufficientCredits>>,
    /// The two versions, with `VERSION_CONFLICT` only.
    pub version_conflict: Option<VersionConflict>,
    /// The two states, with `ILLEGAL_TRANSITION` of content only.
    pub illegal_transition: Option<Box<IllegalTransition>>,
    /// The present state, with `ILLEGAL_STATE` only.
    pub illegal_state: Option<IllegalState>,
    /// The prompt that is there, with `KEY_EXISTS` only.
    pub key_exists: Option<KeyExists>,
    /// Where in the file, with `SYNTAX_ERROR`, `DUPLICATE_JSON_KEY` and `TOO_DEEP` only.
    pub source_position: Option<SourcePosition>,
    /// What the AI model lacks, with `UNSUPPORTED_…` and `PROMPT_TOO_LONG` only.
    pub model_mismatch: Option<Box<ModelMismatch>>,
}

impl UserError {
    /// A refusal that concerns `path` of the input; empty means the request as a whole.
    pub fn new(code: UserErrorCode, message: impl Into<String>, path: &[&str]) -> Self {
        let path = (!path.is_empty()).then(|| path.iter().map(|part| (*part).to_owned()).collect());
        Self {
            code,
            message: message.into(),
            path,
            insufficient_credits: None,
            model_mismatch: None,
            version_conflict: None,
            illegal_transition: None,
            illegal_state: None,
            key_exists: None,
            source_position: None,
        }
    }

    /// It was changed meanwhile.
    pub fn conflicting(message: impl Into<String>, expected: i32, current: i32) -> Self {
        Self {
            version_conflict: Some(VersionConflict { expected, current }),
            ..Self::new(UserErrorCode::VersionConflict, message, &["input", "expectedVersion"])
        }
    }

    /// It is in a state in which this cannot be done.
    pub fn in_state(message: impl Into<String>, current: &'static str) -> Self {
        Self { illegal_state: Some(IllegalState { current }), ..Self::new(UserErrorCode::IllegalState, message, &[]) }
    }

    /// The account's available credits do not cover the request.
    pub fn insufficient(required: i64, available: i64) -> Self {
        Self {
            insufficient_credits: Some(Box::new(InsufficientCredits {
                required: Credits(required),
                available: Credits(available),
                short: Credits(required.saturating_sub(available)),
            })),
            ..Self::new(
                UserErrorCode::InsufficientCredits,
                format!("Insufficient credits. Required: {required}, Available: {available}"),
                &[],
            )
        }
    }
}

impl From<Never> for UserError {
    fn from(never: Never) -> Self {
        match never {}
    }
}
