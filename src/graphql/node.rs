//! Global ids: an opaque text of a kind and a UUID. This module alone encodes and decodes them, and fetches what they
//! stand for.

use async_graphql::{Context, ID, Interface, Object, Result as GraphqlResult};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    ai::graphql::{AiModel, AiTask},
    auth::graphql::{Account, AccountInvitation, AccountMember, ApiKey, User, UserSession},
    automation::graphql::AutomationRun,
    content::graphql::{Content, ContentImage},
    content::task::graphql::ContentTask,
    error::Error,
    graphql::guard::{QueryPolicy, visible},
    idea::graphql::Idea,
    image::graphql::Image,
    keyword::graphql::{Cluster, Keyword},
    ledger::graphql::{CreditGrant, CreditHold, CreditTransaction},
    notification::graphql::Notification,
    prompt::graphql::{PromptOptimisation, PromptSplit, SystemPrompt, SystemPromptVersion},
    site::graphql::{Sector, Site},
    storage::graphql::Upload,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $tag:literal;)*) => {
        /// What an id stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum NodeKind { $($(#[$doc])* $variant),* }

        impl NodeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            fn tag(self) -> u8 {
                match self { $(Self::$variant => $tag),* }
            }
        }
    };
}

kinds! {
    /// A person.
    User = b'U';
    /// A tenant.
    Account = b'A';
    /// A credit transaction.
    CreditTransaction = b'C';
    /// A lot of credits.
    CreditGrant = b'B';
    /// Credits reserved for work.
    CreditHold = b'H';
    /// An AI model.
    AiModel = b'M';
    /// An AI task.
    AiTask = b'T';
    /// An image.
    Image = b'I';
    /// A notification.
    Notification = b'N';
    /// A system prompt.
    SystemPrompt = b'P';
    /// A version of a system prompt.
    SystemPromptVersion = b'V';
    /// Two versions side by side.
    PromptSplit = b'S';
    /// An applied optimisation.
    PromptOptimisation = b'O';
    /// A file on its way in.
    Upload = b'F';
    /// A site.
    Site = b'W';
    /// A part of a site.
    Sector = b'R';
    /// A keyword.
    Keyword = b'K';
    /// A cluster of keywords.
    Cluster = b'L';
    /// An idea.
    Idea = b'D';
    /// A content task.
    ContentTask = b'Q';
    /// An article.
    Content = b'E';
    /// A place for an image in an article.
    ContentImage = b'G';
    /// A run of the pipeline.
    AutomationRun = b'Z';
    /// A key of a server.
    ApiKey = b'k';
    /// A session of the viewer's.
    UserSession = b'J';
    /// An invitation into an account.
    AccountInvitation = b'X';
}

/// The id of `kind` and `uuid`.
pub fn encode(kind: NodeKind, uuid: Uuid) -> ID {
    let mut bytes = [0_u8; 17];
    let (tag, rest) = bytes.split_at_mut(1);
    tag.copy_from_slice(&[kind.tag()]);
    rest.copy_from_slice(uuid.as_bytes());
    ID(URL_SAFE_NO_PAD.encode(bytes))
}

/// The kind and UUID of any id of ours. `None` for everything else.
pub fn decode_any(id: &ID) -> Option<(NodeKind, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
    let (tag, uuid) = bytes.split_first()?;
    let kind = NodeKind::ALL.iter().copied().find(|kind| kind.tag() == *tag)?;
    Some((kind, Uuid::from_slice(uuid).ok()?))
}

/// The UUID of an id of `kind`, found at `path` of the arguments. Refuses: `BadUserInput`.
pub fn decode(kind: NodeKind, id: &ID, path: &[&str]) -> Result<Uuid, Error> {
    match decode_any(id) {
        Some((found, uuid)) if found == kind => Ok(uuid),
        _ => Err(Error::bad_input(
            format!("This is not an id of type {kind:?}. Take it from the field `id` of type {kind:?}."),
            path,
        )),
    }
}

/// What the id of a member begins with; the account and the person follow, since a member is the two of them together.
const MEMBER: u8 = b'Y';

/// The id of a member: of the account and the person.
pub fn encode_member(account: Uuid, user: Uuid) -> ID {
    let bytes = [&[MEMBER], account.as_bytes().as_slice(), user.as_bytes().as_slice()].concat();
    ID(URL_SAFE_NO_PAD.encode(bytes))
}

fn member_of(id: &ID) -> Option<(Uuid, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(id.as_str()).ok()?;
    let (account, user) = bytes.strip_prefix(&[MEMBER])?.split_at_checked(16)?;
    Some((Uuid::from_slice(account).ok()?, Uuid::from_slice(user).ok()?))
}

/// The account and the person of a member's id, found at `path` of the arguments. Refuses: `BadUserInput`.
pub fn decode_member(id: &ID, path: &[&str]) -> Result<(Uuid, Uuid), Error> {
    member_of(id).ok_or_else(|| {
        let message = "This is not an id of type AccountMember. Take it from the field `id` of type AccountMember.";
        Error::bad_input(message, path)
    })
}

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
pub enum Node {
    /// A person.
    User(User),
    /// A tenant.
    Account(Account),
    /// A credit transaction.
    CreditTransaction(CreditTransaction),
    /// A lot of credits.
    CreditGrant(CreditGrant),
    /// Credits reserved for work.
    CreditHold(CreditHold),
    /// An AI model.
    AiModel(AiModel),
    /// An AI task.
    AiTask(AiTask),
    /// An image.
    Image(Image),
    /// A notification.
    Notification(Notification),
    /// A system prompt.
    SystemPrompt(SystemPrompt),
    /// A version of a system prompt.
    SystemPromptVersion(SystemPromptVersion),
    /// Two versions side by side.
    PromptSplit(PromptSplit),
    /// An applied optimisation.
    PromptOptimisation(PromptOptimisation),
    /// A file on its way in.
    Upload(Upload),
    /// A site.
    Site(Site),
    /// A part of a site.
    Sector(Sector),
    /// A keyword.
    Keyword(Keyword),
    /// A cluster of keywords.
    Cluster(Cluster),
    /// An idea.
    Idea(Idea),
    /// A content task.
    ContentTask(ContentTask),
    /// An article.
    Content(Content),
    /// A place for an image in an article.
    ContentImage(ContentImage),
    /// A run of the pipeline.
    AutomationRun(AutomationRun),
    /// A key of a server.
    ApiKey(ApiKey),
    /// A session of the viewer's.
    UserSession(UserSession),
    /// A member of an account.
    AccountMember(AccountMember),
    /// An invitation into an account.
    AccountInvitation(AccountInvitation),
}

/// The most ids that `nodes` takes.
const NODES_MAX: usize = 100;

/// Queries by global id.
#[derive(Default)]
pub struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Any object by its global id; null when it is not there, or not yours.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The global id.")] id: ID) -> GraphqlResult<Option<Node>> {
        fetch(ctx, &id, "id").await
    }

    /// Many objects by their global ids, in the order asked for; null for each that is not there, or not yours.
    #[graphql(guard = "QueryPolicy", visible = "visible::signed_in")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The global ids, 1–100.")] ids: Vec<ID>,
    ) -> GraphqlResult<Option<Vec<Option<Node>>>> {
        if !(1..=NODES_MAX).contains(&ids.len()) {
            return Err(Error::bad_input(format!("`ids` has {}; it takes 1–{NODES_MAX}.", ids.len()), &["ids"]).into());
        }
        let mut found = Vec::with_capacity(ids.len());
        for id in &ids {
            found.push(fetch(ctx, id, "ids").await?);
        }
        Ok(Some(found))
    }
}

async fn fetch(ctx: &Context<'_>, id: &ID, argument: &str) -> GraphqlResult<Option<Node>> {
    if let Some((account, user)) = member_of(id) {
        return shown(AccountMember::find(ctx, account, user).await.map(|found| found.map(Node::AccountMember)));
    }
    let Some((kind, uuid)) = decode_any(id) else {
        return Err(Error::bad_input("This is not an id of ours. Take it from a field `id`.", &[argument]).into());
    };
    find(ctx, kind, uuid).await
}

/// What `kind` and `uuid` stand for; `None` when it is not there, or not the viewer's.
pub async fn find(ctx: &Context<'_>, kind: NodeKind, uuid: Uuid) -> GraphqlResult<Option<Node>> {
    let found = match kind {
        NodeKind::User => User::find(ctx, uuid).await.map(|found| found.map(Node::User)),
        NodeKind::Account => Account::find(ctx, uuid).await.map(|found| found.map(Node::Account)),
        NodeKind::CreditTransaction => {
            CreditTransaction::find(ctx, uuid).await.map(|found| found.map(Node::CreditTransaction))
        }
        NodeKind::CreditGrant => CreditGrant::find(ctx, uuid).await.map(|found| found.map(Node::CreditGrant)),
        NodeKind::CreditHold => CreditHold::find(ctx, uuid).await.map(|found| found.map(Node::CreditHold)),
        NodeKind::AiModel => AiModel::find(ctx, uuid).await.map(|found| found.map(Node::AiModel)),
        NodeKind::AiTask => AiTask::find(ctx, uuid).await.map(|found| found.map(Node::AiTask)),
        NodeKind::Image => Image::find(ctx, uuid).await.map(|found| found.map(Node::Image)),
        NodeKind::Notification => Notification::find(ctx, uuid).await.map(|found| found.map(Node::Notification)),
        NodeKind::SystemPrompt => SystemPrompt::find(ctx, uuid).await.map(|found| found.map(Node::SystemPrompt)),
        NodeKind::SystemPromptVersion => {
            SystemPromptVersion::find(ctx, uuid).await.map(|found| found.map(Node::SystemPromptVersion))
        }
        NodeKind::PromptSplit => PromptSplit::find(ctx, uuid).await.map(|found| found.map(Node::PromptSplit)),
        NodeKind::PromptOptimisation => {
            PromptOptimisation::find(ctx, uuid).await.map(|found| found.map(Node::PromptOptimisation))
        }
        NodeKind::Upload => Upload::find(ctx, uuid).await.map(|found| found.map(Node::Upload)),
        NodeKind::Site => Site::find(ctx, uuid).await.map(|found| found.map(Node::Site)),
        NodeKind::Sector => Sector::find(ctx, uuid).await.map(|found| found.map(Node::Sector)),
        NodeKind::Keyword => Keyword::find(ctx, uuid).await.map(|found| found.map(Node::Keyword)),
        NodeKind::Cluster => Cluster::find(ctx, uuid).await.map(|found| found.map(Node::Cluster)),
        NodeKind::Idea => Idea::find(ctx, uuid).await.map(|found| found.map(Node::Idea)),
        NodeKind::ContentTask => ContentTask::find(ctx, uuid).await.map(|found| found.map(Node::ContentTask)),
        NodeKind::Content => Content::find(ctx, uuid).await.map(|found| found.map(Node::Content)),
        NodeKind::ContentImage => ContentImage::find(ctx, uuid).await.map(|found| found.map(Node::ContentImage)),
        NodeKind::AutomationRun => AutomationRun::find(ctx, uuid).await.map(|found| found.map(Node::AutomationRun)),
        NodeKind::ApiKey => ApiKey::find(ctx, uuid).await.map(|found| found.map(Node::ApiKey)),
        NodeKind::UserSession => UserSession::find(ctx, uuid).await.map(|found| found.map(Node::UserSession)),
        NodeKind::AccountInvitation => {
            AccountInvitation::find(ctx, uuid).await.map(|found| found.map(Node::AccountInvitation))
        }
    };
    shown(found)
}

/// Unknown, foreign and forbidden look alike.
fn shown(found: Result<Option<Node>, Error>) -> GraphqlResult<Option<Node>> {
    match found {
        Err(Error::NotFound | Error::Forbidden { .. }) => Ok(None),
        found => Ok(found?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // G39
    #[test]
    fn reads_back_every_kind_and_refuses_another() {
        let uuid = Uuid::from_u128(7);
        for kind in NodeKind::ALL {
            let id = encode(*kind, uuid);
            assert_eq!(decode_any(&id), Some((*kind, uuid)));
        }
        assert!(decode(NodeKind::User, &encode(NodeKind::Account, uuid), &["id"]).is_err());
        assert!(decode(NodeKind::User, &ID("garbage".into()), &["id"]).is_err());
        assert!(decode(NodeKind::User, &ID(String::new()), &["id"]).is_err());
    }

    // G39
    #[test]
    fn a_member_is_an_account_and_a_person() {
        let (account, user) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let id = encode_member(account, user);
        assert_eq!(decode_member(&id, &["id"]).ok(), Some((account, user)));
        assert_eq!(decode_any(&id), None);
        assert!(decode_member(&encode(NodeKind::User, user), &["id"]).is_err());
        assert!(NodeKind::ALL.iter().all(|kind| kind.tag() != MEMBER));
    }
}
