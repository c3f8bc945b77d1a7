//! The codes of refusals.

use async_graphql::Enum;

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
    /// The reason is blank.
    ReasonRequired,
    /// The expiry is not in the future.
    ExpiryPassed,
    /// The account would hold more credits than can be counted exactly.
    TotalTooLarge,
    /// Nothing was charged, so nothing can be given back.
    NotRefundable,
    /// More would be given back than was charged.
    RefundExceeds,
    /// The grant has no unspent credits.
    NothingToRevoke,
    /// The account's available credits do not cover the request.
    InsufficientCredits,
    /// A credit cap of the account or of the member does not admit the request.
    CapExceeded,
    /// The quote is over, was overtaken by a change of price or prompt, or is for something else. Ask for another.
    QuoteExpired,
    /// The account's credits lie in more grants than one command may draw on. Ask for less at once.
    LotsExceeded,
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
    /// This is not the present password.
    PasswordWrong,
    /// The link is unknown, over or used.
    LinkInvalid,
    /// No scope was named.
    ScopesEmpty,
    /// The time it would end is out of range.
    ExpiryInvalid,
    /// There are as many living keys as a person may have.
    ApiKeysExhausted,
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
    /// The account's last OWNER stays its OWNER.
    LastOwner,
    /// A personal account's own person stays its OWNER.
    PersonalOwner,
    /// The person owns as many accounts as they may.
    TooManyAccounts,
    /// No reason is given.
    ReasonMissing,
    /// Whoever has the address is a member already.
    AlreadyMember,
    /// The account has 100 open invitations.
    TooManyInvitations,
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
    /// The AI task is a stage of an automation run, which is paused or cancelled as a whole.
    TaskOfRun,
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
