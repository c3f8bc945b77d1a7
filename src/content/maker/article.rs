//! `GENERATE_CONTENT`: an article for each content task.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;
use uuid::Uuid;

use super::check_ids;
use crate::{
    ai::{
        maker::{Ask, Brief, Made, MakeError, Maker, Making, Output, Target, TargetRefusal, Unmade, Unmaking},
        model::{
            AiFunction,
            answer::{AnswerError, Ending, read},
        },
    },
    audit::{Trace, store::entry_effect},
    content::{
        model::{
            Content, ContentState, ContentTaskState, Face, Revision, RevisionCause,
            article::{Article, ArticleAnswer, Commission, check, data_block},
            slug::unique_slug,
        },
        store,
        task::{ContentTask, effects, load_tasks},
    },
    db::{Db, effect::Effect},
    error::{Error, Failure, Internal},
    ids::Ids,
    keyword::service::use_keywords,
    site::context,
};

/// Writes articles for content tasks.
pub struct ArticleMaker {
    db: Db,
    ids: Arc<dyn Ids>,
}

fn commission(task: &ContentTask) -> Commission {
    Commission {
        title: task.plan.title.clone(),
        outline: task.plan.outline.clone(),
        keywords: task.plan.keywords.clone(),
        content_type: task.plan.content_type,
        target_words: task.plan.target_words,
    }
}

impl ArticleMaker {
    /// Puts the parts together.
    pub fn new(db: Db, ids: Arc<dyn Ids>) -> Self {
        Self { db, ids }
    }

    async fn brief_all(&self, ask: Ask<'_>) -> Result<Vec<Brief>, Failure<TargetRefusal>> {
        let ids = &ask.targets.ids;
        check_ids(ids)?;
        let connection = self.db.reader();
        let found = load_tasks(connection, ids).await?;
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            let task = found.get(id).filter(|task| task.account_id == ask.account);
            let task = task.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            if task.state != ContentTaskState::Queued {
                let (state, allowed) = (task.state.as_str(), "QUEUED");
                return Err(Failure::Refused(TargetRefusal::WrongState { position, state, allowed }));
            }
            let told = context::load(connection, task.site_id, task.sector_id).await?.ok_or(Error::NotFound)?;
            briefs.push(Brief {
                prompt: data_block(&told, &commission(task)).render(),
                target: Target { id: Some(*id), site: Some(task.site_id), facts: Value::Null },
            });
        }
        Ok(briefs)
    }

    /// The content task, while it is being written.
    async fn in_progress(&self, target: &Target, trace: &Trace) -> Result<Option<ContentTask>, Error> {
        let Some(id) = target.id else {
            return Err(Internal::new("writing an article", "it is for no content task").into());
        };
        let found = load_tasks(self.db.reader(), &[id]).await?.remove(&id);
        let is_written =
            |task: &ContentTask| task.account_id == trace.account_id && task.state == ContentTaskState::InProgress;
        Ok(found.filter(is_written))
    }

    async fn make_of(&self, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let Output::Text(text) = making.output else {
            return Err(Internal::new("reading an article", "the output is no text").into());
        };
        let task = self.in_progress(making.target, making.trace).await?;
        let task = task.ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
        let answer = read::<ArticleAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
        let article = check(&answer, &commission(&task));
        let article = article.map_err(|error| Failure::Refused(AnswerError::from(error).into()))?;
        let taken = store::content::taken_slugs(self.db.reader(), task.site_id, &article.slug).await?;
        let slug = unique_slug(&article.slug, |slug| taken.contains(slug));
        let (content, html) = self.content(&task, article, slug, making);
        let trace = making.trace;
        let mut effects = vec![store::write::insert_effect(&content, &html)];
        effects.push(store::write::revision_effect(&revision(&content, making.ai_task_id), &html));
        let notes = [None, Some(content.face.title.clone())];
        let entry = trace.entry(self.ids.uuid(), "content.create", ("content", content.id), notes);
        effects.push(entry_effect(&entry));
        effects.extend(effects::complete(&task, self.ids.as_ref(), trace));
        if let Some(cluster) = task.cluster_id {
            let connection = self.db.reader();
            effects.extend(use_keywords(connection, cluster, &task.plan.keywords, self.ids.as_ref(), trace).await?);
        }
        Ok(Made { effects, count: 1, products: vec![content.id], ..Made::default() })
    }

    fn content(&self, task: &ContentTask, article: Article, slug: String, making: Making<'_>) -> (Content, String) {
        let at = making.trace.at;
        let content = Content {
            id: self.ids.uuid(),
            account_id: task.account_id,
            site_id: task.site_id,
            sector_id: task.sector_id,
            content_task_id: Some(task.id),
            cluster_id: task.cluster_id,
            content_type: task.plan.content_type,
            face: Face {
                title: article.title,
                slug,
                excerpt: article.excerpt,
                meta_title: article.meta_title,
                meta_description: article.meta_description,
                keywords: task.plan.keywords.clone(),
                categories: article.categories,
                tags: article.tags,
            },
            words: article.words,
            score: None,
            version: 1,
            is_sandbox: making.is_sandbox,
            prompts_made_at: None,
            image_seq: 0,
            state: ContentState::Draft,
            review_note: None,
            approval: None,
            approval_blocked_by: None,
            slot: None,
            schedule_blocked_by: None,
            published_at: None,
            created_at: at,
            updated_at: at,
        };
        (content, article.html)
    }
}

fn revision(content: &Content, ai_task: Uuid) -> Revision {
    let face = &content.face;
    Revision {
        content_id: content.id,
        version: content.version,
        cause: RevisionCause::Generated,
        title: face.title.clone(),
        excerpt: face.excerpt.clone(),
        meta_title: face.meta_title.clone(),
        meta_description: face.meta_description.clone(),
        words: content.words,
        score_before: None,
        score: None,
        changes: Vec::new(),
        author_id: None,
        ai_task_id: Some(ai_task),
        created_at: content.created_at,
    }
}

impl Maker for ArticleMaker {
    fn function(&self) -> AiFunction {
        AiFunction::GenerateContent
    }

    fn briefs<'a>(&'a self, ask: Ask<'a>) -> BoxFuture<'a, Result<Vec<Brief>, Failure<TargetRefusal>>> {
        Box::pin(self.brief_all(ask))
    }

    fn begin(&self, target: &Target, trace: &Trace) -> Vec<Effect> {
        target.id.map(|task| effects::begin(task, self.ids.as_ref(), trace)).unwrap_or_default()
    }

    fn make<'a>(&'a self, making: Making<'a>) -> BoxFuture<'a, Result<Made, Failure<MakeError>>> {
        Box::pin(self.make_of(making))
    }

    fn unmade<'a>(&'a self, unmaking: Unmaking<'a>) -> BoxFuture<'a, Result<Vec<Effect>, Error>> {
        Box::pin(async move {
            let Unmaking { targets, how, trace, .. } = unmaking;
            let mut all = Vec::new();
            for target in targets {
                let Some(task) = self.in_progress(target, trace).await? else { continue };
                all.extend(match how {
                    Unmade::Failed(_) => effects::fail(task.id, self.ids.as_ref(), trace),
                    Unmade::Cancelled => effects::back(task.id, self.ids.as_ref(), trace),
                });
            }
            Ok(all)
        })
    }
}
