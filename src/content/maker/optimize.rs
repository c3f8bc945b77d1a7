//! `OPTIMIZE_CONTENT`: a new version of an article that serves its keywords better, with the score before and after.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::check_ids;
use crate::{
    ai::{
        maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Unmaking},
        model::{
            AiFunction,
            answer::{AnswerError, Ending, read},
        },
    },
    audit::Trace,
    content::{
        model::{
            Change, Content, Face, Revision, RevisionCause,
            optimize::{GivenArticle, OptimizeAnswer, Optimized, check, data_block},
        },
        service::change_effects,
        store,
    },
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    ids::Ids,
    keyword::model::KeywordText,
    site::context,
};

/// The most target keywords.
const KEYWORDS_MAX: usize = 20;
/// Characters of a target keyword at most.
const KEYWORD_CHARS_MAX: usize = crate::keyword::model::KEYWORD_CHARS_MAX;

/// Improves articles.
pub struct OptimizeMaker {
    db: Db,
    ids: Arc<dyn Ids>,
}

/// What reading an answer needs beside the content.
#[derive(Debug, Serialize, Deserialize)]
struct Facts {
    /// The version that the model read.
    version: i32,
    /// The keywords aimed at, where they are not the content's own.
    keywords: Option<Vec<String>>,
}

fn given(content: &Content, html: String, keywords: Option<&[String]>) -> GivenArticle {
    let face = &content.face;
    GivenArticle {
        title: face.title.clone(),
        html,
        excerpt: face.excerpt.clone(),
        meta_title: face.meta_title.clone(),
        meta_description: face.meta_description.clone(),
        keywords: keywords.map_or_else(|| face.keywords.clone(), <[String]>::to_vec),
    }
}

fn checked(keywords: &Option<Vec<String>>) -> Result<Option<Vec<String>>, Failure<TargetRefusal>> {
    let Some(given) = keywords else { return Ok(None) };
    let refusal =
        || Failure::Refused(TargetRefusal::KeywordsInvalid { max: KEYWORDS_MAX, chars_max: KEYWORD_CHARS_MAX });
    if !(1..=KEYWORDS_MAX).contains(&given.len()) {
        return Err(refusal());
    }
    let read = given.iter().map(|text| KeywordText::new(text).map(|text| text.as_str().to_owned()));
    read.collect::<Result<_, _>>().map(Some).map_err(|_| refusal())
}

impl OptimizeMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>) -> Self {
        Self { db, ids }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let ids = &ask.targets.ids;
        check_ids(ids)?;
        let keywords = checked(&ask.targets.keywords)?;
        let connection = self.db.reader();
        let found = store::content::load_contents(connection, ids).await?;
        let mut texts = store::content::load_texts(connection, ids).await?;
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            let content = found.get(id).filter(|content| content.account_id == ask.account);
            let content = content.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            if !content.state.may_be_redone() {
                let (state, allowed) = (content.state.as_str(), "DRAFT, REVIEW, APPROVED or SCHEDULED");
                return Err(Failure::Refused(TargetRefusal::WrongState { position, state, allowed }));
            }
            let told = context::load(connection, content.site_id, content.sector_id).await?.ok_or(Error::NotFound)?;
            let article = given(content, texts.remove(id).unwrap_or_default(), keywords.as_deref());
            let facts = json!(Facts { version: content.version, keywords: keywords.clone() });
            briefs.push(Brief {
                prompt: data_block(&told, &article).render(),
                target: Target { id: Some(*id), site: Some(content.site_id), facts },
            });
        }
        Ok(briefs)
    }

    async fn make_of(&self, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let facts: Facts = serde_json::from_value(making.target.facts.clone())
            .map_err(|error| Internal::new("reading what is optimised", error))?;
        let (Output::Text(text), Some(id)) = (making.output, making.target.id) else {
            return Err(Internal::new("reading an optimisation", "the output is no text, or for no content").into());
        };
        let (trace, connection) = (making.trace, self.db.reader());
        let found = store::content::find_content(connection, id).await?;
        // What a person wrote meanwhile is not written over.
        let content = found.filter(|content| {
            content.account_id == trace.account_id && content.version == facts.version && content.state.may_be_redone()
        });
        let content = content.ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
        let html = store::content::load_texts(connection, &[id]).await?.remove(&id).unwrap_or_default();
        let answer = read::<OptimizeAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
        let optimized = check(&answer, &given(&content, html, facts.keywords.as_deref()));
        let optimized = optimized.map_err(|error| Failure::Refused(AnswerError::from(error).into()))?;
        let effects = self.effects(content, optimized, making)?;
        Ok(Made { effects, count: 1, products: vec![id], ..Made::default() })
    }

    fn effects(&self, content: Content, optimized: Optimized, making: Making<'_>) -> Result<Vec<Effect>, Internal> {
        let Optimized { article, before, after, changes } = optimized;
        let face = Face {
            title: article.title,
            excerpt: article.excerpt,
            meta_title: article.meta_title,
            meta_description: article.meta_description,
            ..content.face.clone()
        };
        let mut change = Change::of(content, making.trace.at);
        change.edit(face, Some((article.html.clone(), article.words)));
        change.score(Some(after.total));
        change.written_by_sandbox(change.before().is_sandbox || making.is_sandbox);
        change.lose_approval().map_err(|illegal| Internal::new("optimising content", illegal))?;
        let now = change.after();
        let revision = Revision {
            content_id: now.id,
            version: now.version,
            cause: RevisionCause::Optimized,
            title: now.face.title.clone(),
            excerpt: now.face.excerpt.clone(),
            meta_title: now.face.meta_title.clone(),
            meta_description: now.face.meta_description.clone(),
            words: now.words,
            score_before: Some(before.total),
            score: Some(after.total),
            changes,
            author_id: None,
            ai_task_id: Some(making.ai_task_id),
            created_at: now.updated_at,
        };
        let mut effects = change_effects(&change, making.trace, self.ids.as_ref());
        effects.push(store::write::revision_effect(&revision, &article.html));
        Ok(effects)
    }
}

impl Maker for OptimizeMaker {
    fn function(&self) -> AiFunction {
        AiFunction::OptimizeContent
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    // An article may be read and edited while it is optimised; the version decides whose text stays.
    fn begin(&self, _: &Target, _: &Trace) -> Vec<Effect> {
        Vec::new()
    }

    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>> {
        Box::pin(self.make_of(making))
    }

    fn unmade<'a>(&'a self, _: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
