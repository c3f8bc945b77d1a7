//! `GENERATE_CONTENT`: an article for each content task.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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
            Change, Content, ContentState, ContentTaskState, Face, Revision, RevisionCause,
            article::{Article, ArticleAnswer, Commission, check, data_block},
            slug::unique_slug,
        },
        service::change_effects,
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

/// What is written again; the facts of a content task that waits are null.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Rewriting {
    content: Uuid,
    /// The version that it is to follow.
    version: i32,
}

impl Rewriting {
    fn of(target: &Target) -> Result<Option<Self>, Internal> {
        serde_json::from_value(target.facts.clone())
            .map_err(|error| Internal::new("reading what an article is for", error))
    }
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
        let written = match ask.targets.redo {
            true => store::content::load_contents_of_tasks(connection, ids).await?,
            false => HashMap::new(),
        };
        let mut briefs = Vec::with_capacity(ids.len());
        for (at, id) in ids.iter().enumerate() {
            let position = at + 1;
            let task = found.get(id).filter(|task| task.account_id == ask.account);
            let task = task.ok_or(Failure::Refused(TargetRefusal::NotFound { position }))?;
            let wrong = |state, allowed| Failure::Refused(TargetRefusal::WrongState { position, state, allowed });
            let facts = match (task.state, written.get(id)) {
                (ContentTaskState::Queued, _) => Value::Null,
                (ContentTaskState::Completed, Some(content)) if content.state.may_be_redone() => {
                    json!(Rewriting { content: content.id, version: content.version })
                }
                (ContentTaskState::Completed, Some(content)) => {
                    return Err(wrong(content.state.as_str(), "DRAFT, REVIEW, APPROVED or SCHEDULED"));
                }
                (state, _) => return Err(wrong(state.as_str(), "QUEUED")),
            };
            let told = context::load(connection, task.site_id, task.sector_id).await?.ok_or(Error::NotFound)?;
            briefs.push(Brief {
                prompt: data_block(&told, &commission(task)).render(),
                target: Target { id: Some(*id), site: Some(task.site_id), facts },
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
        if let Some(rewriting) = Rewriting::of(making.target)? {
            return self.rewrite(rewriting, text, making).await;
        }
        let task = self.in_progress(making.target, making.trace).await?;
        let task = task.ok_or(Failure::Refused(MakeError::Gone("TARGET_GONE")))?;
        let article = read_article(text, &task)?;
        let taken = store::content::taken_slugs(self.db.reader(), task.site_id, &article.slug).await?;
        let slug = unique_slug(&article.slug, |slug| taken.contains(slug));
        let (content, html) = self.content(&task, article, slug, making);
        let trace = making.trace;
        let mut effects = vec![store::write::insert_effect(&content, &html)];
        effects.push(store::write::revision_effect(&generated(&content, making.ai_task_id), &html));
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

    /// A new version of what was written before, under the same address. What a person wrote meanwhile is not written over.
    async fn rewrite(&self, what: Rewriting, text: &str, making: Making<'_>) -> Result<Made, Failure<MakeError>> {
        let (trace, connection) = (making.trace, self.db.reader());
        let gone = || Failure::Refused(MakeError::Gone("TARGET_GONE"));
        let found = store::content::find_content(connection, what.content).await?;
        let content = found.filter(|content| {
            content.account_id == trace.account_id
                && content.version == what.version
                && content.state.may_be_redone()
                && content.content_task_id == making.target.id
        });
        let content = content.ok_or_else(gone)?;
        let task = content.content_task_id.ok_or_else(gone)?;
        let task = load_tasks(connection, &[task]).await?.remove(&task).ok_or_else(gone)?;
        let article = read_article(text, &task)?;
        let face = Face {
            title: article.title,
            excerpt: article.excerpt,
            meta_title: article.meta_title,
            meta_description: article.meta_description,
            categories: article.categories,
            tags: article.tags,
            ..content.face.clone()
        };
        let mut change = Change::of(content, trace.at);
        change.edit(face, Some((article.html.clone(), article.words)));
        change.score(None);
        change.written_by_sandbox(making.is_sandbox);
        change.lose_approval().map_err(|illegal| Internal::new("writing content again", illegal))?;
        let mut effects = change_effects(&change, trace, self.ids.as_ref());
        effects.push(store::write::revision_effect(&generated(change.after(), making.ai_task_id), &article.html));
        Ok(Made { effects, count: 1, products: vec![what.content], ..Made::default() })
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

fn read_article(text: &str, task: &ContentTask) -> Result<Article, Failure<MakeError>> {
    let answer = read::<ArticleAnswer>(text, Ending::Whole).map_err(|error| Failure::Refused(error.into()))?;
    check(&answer, &commission(task)).map_err(|error| Failure::Refused(AnswerError::from(error).into()))
}

/// The version of content as it was written just now.
fn generated(content: &Content, ai_task: Uuid) -> Revision {
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
        created_at: content.updated_at,
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
        // What is written again stays as it is meanwhile; the version decides whose text stays.
        let waits = target.id.filter(|_| target.facts.is_null());
        waits.map(|task| effects::begin(task, self.ids.as_ref(), trace)).unwrap_or_default()
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
