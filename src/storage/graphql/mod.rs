//! `Upload` and `createUpload`.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use uuid::Uuid;

use crate::{
    app::Parts,
    error::{Error, Failure},
    graphql::{
        context::{service, viewer},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
        scalars::{DateTime, SafeInt, Url},
    },
    storage::{
        Uploads,
        upload::{self, CreateUploadError},
    },
};

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::storage::upload::UploadPurpose")]
pub enum UploadPurpose {
    /// System prompts for `importSystemPrompts`, as JSON. Needs `system:prompts:manage`.
    PromptImport,
    /// Keywords for `importKeywords`, as CSV of up to 2 MiB.
    KeywordImport,
}

/// A file on its way in: made by `createUpload`, sent once with PUT to its address, then named by its id. It is seen by
/// whoever made it and kept for an hour.
#[derive(Debug, Clone)]
pub struct Upload(pub upload::Upload);

impl Upload {
    /// The viewer's own upload while it is kept; another one's is `None`. Refuses: `Unauthenticated`.
    pub async fn find(ctx: &Context<'_>, id: Uuid) -> Result<Option<Self>, Error> {
        let who = viewer(ctx)?.signed_in()?.who();
        Ok(service::<Uploads>(ctx)?.find(who, id).await?.map(Self))
    }
}

/// A file on its way in: made by `createUpload`, sent once with PUT to its address, then named by its id. It is seen by
/// whoever made it and kept for an hour.
#[Object]
impl Upload {
    /// The global id, which the mutation that reads the file takes.
    pub async fn id(&self) -> ID {
        node::encode(NodeKind::Upload, self.0.id)
    }

    /// What the file is for.
    async fn purpose(&self) -> UploadPurpose {
        self.0.purpose.into()
    }

    /// Where to send the file's bytes with PUT, without any further header; null once it was received or the time is over.
    /// Sending the same bytes again is answered alike. 413 above `bytesMax`, 410 when the time is over, 409 when another
    /// file was received.
    async fn url(&self, ctx: &Context<'_>) -> Result<Option<Url>> {
        let path = service::<Uploads>(ctx)?.path(&self.0);
        let base_url = &service::<Parts>(ctx)?.base_url;
        Ok(path.map(|path| Url(format!("{base_url}{path}"))))
    }

    /// The most bytes that are received: 5 MiB.
    async fn bytes_max(&self) -> SafeInt {
        SafeInt(self.0.bytes_max)
    }

    /// The file's size in bytes; null until it was received.
    async fn bytes(&self) -> Option<SafeInt> {
        self.0.bytes.map(SafeInt)
    }

    /// Until when the file may be sent: 15 minutes from its making.
    async fn expires_at(&self) -> DateTime {
        DateTime(self.0.expires_at)
    }

    /// When its address was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}

/// What a file is for.
#[derive(InputObject)]
pub struct CreateUploadInput {
    /// What the file is for.
    pub purpose: UploadPurpose,
}

/// What `createUpload` did.
#[derive(SimpleObject)]
pub struct CreateUploadPayload {
    /// The upload; null when refused.
    upload: Option<Upload>,
    /// Why it was refused: `TOO_MANY_UPLOADS`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// Mutations about files on their way in.
#[derive(Default)]
pub struct StorageMutation;

#[Object]
impl StorageMutation {
    /// Makes a signed address for one file of up to 5 MiB, good for 15 minutes. Each call makes another one.
    /// `TOO_MANY_UPLOADS` when 20 of the viewer are kept.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn create_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What for.")] input: CreateUploadInput,
    ) -> Result<Option<CreateUploadPayload>> {
        let purpose: upload::UploadPurpose = input.purpose.into();
        let (feature, level) = purpose.feature();
        let right = viewer(ctx)?.may(feature, level)?;
        match service::<Uploads>(ctx)?.create(right, purpose).await {
            Ok(upload) => Ok(Some(CreateUploadPayload { upload: Some(Upload(upload)), user_errors: Vec::new() })),
            Err(Failure::Refused(refusal @ CreateUploadError::TooMany)) => {
                let error = UserError::new(UserErrorCode::TooManyUploads, refusal.to_string(), &["input"]);
                Ok(Some(CreateUploadPayload { upload: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
