//! What is done to images after they were drawn.

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject};

use super::types::{Image, Visibility};
use crate::{
    auth::{Auth, model::MemberRole},
    error::{Error, Failure},
    graphql::{
        context::{request, service},
        error::{UserError, UserErrorCode},
        guard::{MutationPolicy, visible},
        node::{self, NodeKind},
    },
    image::{DeleteRight, Gallery},
    viewer::{Feature, Level},
};

/// Who may see an image.
#[derive(Debug, InputObject)]
pub struct SetImageVisibilityInput {
    /// Which image; the viewer must be an EDITOR or OWNER of its account.
    image_id: ID,
    /// Who may see it, and its enlargement or original with it.
    visibility: Visibility,
}

/// What `setImageVisibility` did.
#[derive(SimpleObject)]
pub struct SetImageVisibilityPayload {
    /// The image.
    image: Option<Image>,
    /// Always empty: it is never refused.
    user_errors: Vec<UserError>,
}

/// Which image goes.
#[derive(Debug, InputObject)]
pub struct DeleteImageInput {
    /// Which image; the viewer must be an EDITOR or OWNER of its account, or delete images of others by right.
    image_id: ID,
}

/// What `deleteImage` did.
#[derive(SimpleObject)]
pub struct DeleteImagePayload {
    /// What was deleted, as it was: the image, and its enlargement if it had one. At most 2.
    images: Option<Vec<Image>>,
    /// Always empty: it is never refused.
    user_errors: Vec<UserError>,
}

/// Whether an image is hidden.
#[derive(Debug, InputObject)]
pub struct ModerateImageInput {
    /// Which image.
    image_id: ID,
    /// Whether it is hidden from all but its account's members, and its enlargement or original with it.
    is_hidden: bool,
    /// Why, for the audit trail: at most 500 characters.
    reason: Option<String>,
}

/// What `moderateImage` did.
#[derive(SimpleObject)]
pub struct ModerateImagePayload {
    /// The image; null when refused.
    image: Option<Image>,
    /// Why it was refused: `REASON_TOO_LONG`. Empty when it was done.
    user_errors: Vec<UserError>,
}

/// Mutations of images.
#[derive(Default)]
pub struct ImageMutation;

#[Object]
impl ImageMutation {
    /// Sets who may see an image beside its account's members. Addresses that were signed before work until they expire.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn set_image_visibility(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which image, and who sees it.")] input: SetImageVisibilityInput,
    ) -> Result<Option<SetImageVisibilityPayload>> {
        let request = request(ctx)?;
        request.viewer.signed_in()?;
        let id = node::decode(NodeKind::Image, &input.image_id, &["input", "imageId"])?;
        let account = Image::load(ctx, id).await?.ok_or(Error::NotFound)?.account_id();
        let right = service::<Auth>(ctx)?.require_member(&request.viewer, account, MemberRole::Editor).await?;
        let request_id = Some(request.request_id.to_string());
        let gallery = service::<Gallery>(ctx)?;
        let image = gallery.set_image_visibility(right, id, input.visibility.into(), request_id).await?;
        Ok(Some(SetImageVisibilityPayload { image: Some(Image::whole(image)), user_errors: Vec::new() }))
    }

    /// Deletes an image: of an original, its enlargement goes too. From now on neither is found, and their addresses show
    /// nothing; their bytes go within 24 hours. What was charged stays charged.
    #[graphql(guard = "MutationPolicy", visible = "visible::signed_in")]
    async fn delete_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which image.")] input: DeleteImageInput,
    ) -> Result<Option<DeleteImagePayload>> {
        let request = request(ctx)?;
        request.viewer.signed_in()?;
        let id = node::decode(NodeKind::Image, &input.image_id, &["input", "imageId"])?;
        let account = Image::load(ctx, id).await?.ok_or(Error::NotFound)?.account_id();
        let member = service::<Auth>(ctx)?.require_member(&request.viewer, account, MemberRole::Editor).await;
        let right = match member {
            Ok(right) => DeleteRight::Member(right),
            // Not theirs to delete as a member: the right over other people's images decides.
            Err(refusal @ (Error::NotFound | Error::Forbidden { .. })) => {
                let right = request.viewer.may(Feature::ImagesDelete, Level::Admin);
                DeleteRight::Others(right.map_err(|_| refusal)?)
            }
            Err(error) => return Err(error.into()),
        };
        let gone = service::<Gallery>(ctx)?.delete_image(right, id, Some(request.request_id.to_string())).await?;
        let images = gone.into_iter().map(Image::gone).collect();
        Ok(Some(DeleteImagePayload { images: Some(images), user_errors: Vec::new() }))
    }

    /// Hides an image from all but its account's members, or shows it again. Addresses that were signed before work until
    /// they expire.
    #[graphql(guard = "MutationPolicy", visible = "visible::images_moderate")]
    async fn moderate_image(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which image, and whether it is hidden.")] input: ModerateImageInput,
    ) -> Result<Option<ModerateImagePayload>> {
        let request = request(ctx)?;
        let right = request.viewer.may(Feature::ImagesModerate, Level::Admin)?;
        let id = node::decode(NodeKind::Image, &input.image_id, &["input", "imageId"])?;
        let request_id = Some(request.request_id.to_string());
        let change = (input.is_hidden, input.reason);
        match service::<Gallery>(ctx)?.moderate_image(right, id, change, request_id).await {
            Ok(image) => Ok(Some(ModerateImagePayload { image: Some(Image::whole(image)), user_errors: Vec::new() })),
            Err(Failure::Refused(refused)) => {
                let path = &["input", "reason"];
                let error = UserError::new(UserErrorCode::ReasonTooLong, refused.to_string(), path);
                Ok(Some(ModerateImagePayload { image: None, user_errors: vec![error] }))
            }
            Err(Failure::Fault(error)) => Err(error.into()),
        }
    }
}
