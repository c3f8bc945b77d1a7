//! Comparing two versions, or a file with this server.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, OneofObject, Result, SimpleObject};
use tokio::sync::OnceCell;

use super::{
    managing,
    refusal::diff_error,
    transfer::{SystemPromptFileInput, count},
    types::SystemPromptVersion,
};
use crate::{
    error::{Error, Failure},
    graphql::{
        context::service,
        error::UserError,
        guard::{QueryPolicy, visible},
        node::{self, NodeKind},
    },
    prompt::{
        Compared, Pieces, Prompts, Surroundings,
        model::{
            diff::{self, Change},
            prompt::PromptVersion,
            transfer::{self, EnvironmentRow, FieldDiff},
        },
    },
};

/// What happened to a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "diff::ChangeKind")]
pub enum TextChangeKind {
    /// It is on both sides.
    Same,
    /// It is on the left alone.
    Removed,
    /// It is on the right alone.
    Added,
}

/// A piece of text and what happened to it. The pieces that are not added make the left text, those not removed the right.
/// Of texts that take too long to compare, the rest counts as removed and added.
#[derive(Debug, Clone, SimpleObject)]
pub struct TextChange {
    /// What happened.
    pub kind: TextChangeKind,
    /// The piece.
    pub text: String,
}

impl From<Change> for TextChange {
    fn from(change: Change) -> Self {
        Self { kind: change.kind.into(), text: change.text }
    }
}

/// A field of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SystemPromptField {
    /// The name.
    Name,
    /// The description.
    Description,
    /// The text.
    Content,
    /// The metadata.
    Metadata,
}

/// A comparison of two texts, made when it is first asked for, and then kept.
#[derive(Default)]
struct Comparison(OnceCell<Vec<TextChange>>);

impl Comparison {
    async fn get(&self, ctx: &Context<'_>, (left, right): (&str, &str), by: Pieces) -> Result<&[TextChange], Error> {
        let compare = || async {
            let changes = service::<Prompts>(ctx)?.compare_texts(left.to_owned(), right.to_owned(), by).await?;
            Ok::<Vec<TextChange>, Error>(changes.into_iter().map(Into::into).collect())
        };
        Ok(self.0.get_or_try_init(compare).await?.as_slice())
    }
}

/// How two versions compare.
pub struct SystemPromptVersionDiff {
    left: PromptVersion,
    right: PromptVersion,
    lines: Comparison,
    clauses: Comparison,
}

/// How two versions compare.
#[Object]
impl SystemPromptVersionDiff {
    /// The version on the left.
    async fn left(&self) -> SystemPromptVersion {
        SystemPromptVersion(self.left.clone())
    }

    /// The version on the right.
    async fn right(&self) -> SystemPromptVersion {
        SystemPromptVersion(self.right.clone())
    }

    /// Whether they say the same.
    async fn is_same(&self) -> bool {
        self.left.body == self.right.body
    }

    /// The fields that differ, at most 4.
    async fn changed_fields(&self) -> Vec<SystemPromptField> {
        let (left, right) = (&self.left.body, &self.right.body);
        let differs = [
            (SystemPromptField::Name, left.name != right.name),
            (SystemPromptField::Description, left.description != right.description),
            (SystemPromptField::Content, left.content != right.content),
            (SystemPromptField::Metadata, left.metadata != right.metadata),
        ];
        differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
    }

    /// The change of the text by line, at most 40,000 pieces.
    async fn lines(&self, ctx: &Context<'_>) -> Result<&[TextChange]> {
        let texts = (self.left.body.content.as_str(), self.right.body.content.as_str());
        Ok(self.lines.get(ctx, texts, Pieces::Lines).await?)
    }

    /// The change of the text by clause, at most 40,000 pieces.
    async fn clauses(&self, ctx: &Context<'_>) -> Result<&[TextChange]> {
        let texts = (self.left.body.content.as_str(), self.right.body.content.as_str());
        Ok(self.clauses.get(ctx, texts, Pieces::Clauses).await?)
    }
}

/// What is compared of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "transfer::Section")]
pub enum EnvironmentSection {
    /// The system prompts.
    Prompt,
    /// The flags.
    Flag,
    /// The provider settings; never a key.
    ProviderSetting,
}

/// How the two sides of an entry compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum EnvironmentDifference {
    /// They are the same.
    Same,
    /// Only the file has it.
    OnlyLeft,
    /// Only this server has it.
    OnlyRight,
    /// They differ.
    Differs,
}

/// A field that differs.
pub struct EnvironmentFieldDiff {
    diff: FieldDiff,
    changes: Comparison,
}

/// A field that differs.
#[Object]
impl EnvironmentFieldDiff {
    /// Which field, such as `content`.
    async fn field(&self) -> &str {
        self.diff.field
    }

    /// Its text in the file; null when it has no such field.
    async fn left(&self) -> Option<&str> {
        self.diff.left.as_deref()
    }

    /// Its text on this server; null when it has no such field.
    async fn right(&self) -> Option<&str> {
        self.diff.right.as_deref()
    }

    /// The change from left to right by line, at most 40,000 pieces.
    async fn changes(&self, ctx: &Context<'_>) -> Result<&[TextChange]> {
        let texts = (self.diff.left.as_deref().unwrap_or_default(), self.diff.right.as_deref().unwrap_or_default());
        Ok(self.changes.get(ctx, texts, Pieces::Lines).await?)
    }
}

impl From<FieldDiff> for EnvironmentFieldDiff {
    fn from(diff: FieldDiff) -> Self {
        Self { diff, changes: Comparison::default() }
    }
}

/// An entry of either side.
#[derive(SimpleObject)]
pub struct EnvironmentDiffRow {
    /// What it belongs to.
    pub section: EnvironmentSection,
    /// Its name, such as `style_preset/Origami`.
    pub name: String,
    /// How the sides compare.
    pub difference: EnvironmentDifference,
    /// The fields that differ, at most 5; empty unless both sides have it.
    pub fields: Vec<EnvironmentFieldDiff>,
}

impl From<EnvironmentRow> for EnvironmentDiffRow {
    fn from(row: EnvironmentRow) -> Self {
        let (difference, fields) = match row.difference {
            transfer::Difference::Same => (EnvironmentDifference::Same, Vec::new()),
            transfer::Difference::OnlyLeft => (EnvironmentDifference::OnlyLeft, Vec::new()),
            transfer::Difference::OnlyRight => (EnvironmentDifference::OnlyRight, Vec::new()),
            transfer::Difference::Differs(fields) => (EnvironmentDifference::Differs, fields),
        };
        Self {
            section: row.section.into(),
            name: row.name,
            difference,
            fields: fields.into_iter().map(Into::into).collect(),
        }
    }
}

/// How a file, on the left, compares with this server, on the right.
#[derive(SimpleObject)]
pub struct EnvironmentDiff {
    /// Whether there is no difference.
    pub is_same: bool,
    /// What both sides have, and was compared, at most 3. Disabled prompts that the file does not have are passed over.
    pub sections: Vec<EnvironmentSection>,
    /// How many entries are the same.
    pub same_count: i32,
    /// How many entries only the file has.
    pub only_left_count: i32,
    /// How many entries only this server has.
    pub only_right_count: i32,
    /// How many entries differ.
    pub differing_count: i32,
    /// The entries that are not the same, sorted by section and name; as many as both sides have at most.
    pub rows: Vec<EnvironmentDiffRow>,
}

impl From<Compared> for EnvironmentDiff {
    fn from(compared: Compared) -> Self {
        let is_same = compared.diff.is_same();
        let rows: Vec<EnvironmentDiffRow> = compared.diff.rows.into_iter().map(Into::into).collect();
        let of = |difference| count(rows.iter().filter(|row| row.difference == difference).count());
        Self {
            is_same,
            sections: compared.sections.into_iter().map(Into::into).collect(),
            same_count: of(EnvironmentDifference::Same),
            only_left_count: of(EnvironmentDifference::OnlyLeft),
            only_right_count: of(EnvironmentDifference::OnlyRight),
            differing_count: of(EnvironmentDifference::Differs),
            rows: rows.into_iter().filter(|row| row.difference != EnvironmentDifference::Same).collect(),
        }
    }
}

/// Two versions to compare, of one prompt or of two.
#[derive(Debug, InputObject)]
pub struct SystemPromptVersionPairInput {
    /// The version on the left.
    pub left_version_id: ID,
    /// The version on the right.
    pub right_version_id: ID,
}

/// What is compared: exactly one.
#[derive(Debug, OneofObject)]
pub enum DiffSystemPromptsInput {
    /// Two versions with each other.
    Versions(SystemPromptVersionPairInput),
    /// A file with this server.
    File(SystemPromptFileInput),
}

/// How two things compare.
#[derive(Default, SimpleObject)]
pub struct DiffSystemPromptsPayload {
    /// The two versions; null when a file was given, or refused.
    pub versions: Option<SystemPromptVersionDiff>,
    /// The file and this server; null when versions were given, or the file was refused.
    pub environment: Option<EnvironmentDiff>,
    /// Why the file was refused: `FILE_TOO_LARGE`, `TOO_MANY_PROMPTS`, `SYNTAX_ERROR`, `DUPLICATE_JSON_KEY`, `TOO_DEEP`,
    /// `NOT_AN_EXPORT`, `UNSUPPORTED_VERSION`, `UPLOAD_NOT_FOUND`, `FILE_INVALID`. Empty when it was compared.
    pub user_errors: Vec<UserError>,
}

/// Comparing.
#[derive(Default)]
pub struct PromptDiffQuery;

#[Object]
impl PromptDiffQuery {
    /// Compares two versions by line and by clause, or a file with this server: prompts always, flags and provider settings
    /// where the file has them. `NOT_FOUND` when a version is not there.
    #[graphql(guard = "QueryPolicy", visible = "visible::system_prompts_manage")]
    async fn diff_system_prompts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What is compared.")] input: DiffSystemPromptsInput,
    ) -> Result<Option<DiffSystemPromptsPayload>> {
        let (right, prompts, _) = managing(ctx)?;
        Ok(Some(match input {
            DiffSystemPromptsInput::Versions(pair) => {
                let id =
                    |id: &ID, name: &str| node::decode(NodeKind::SystemPromptVersion, id, &["input", "versions", name]);
                let ids = (id(&pair.left_version_id, "leftVersionId")?, id(&pair.right_version_id, "rightVersionId")?);
                let (left, right) = prompts.version_pair(right, ids).await?;
                let versions = Some(SystemPromptVersionDiff {
                    left,
                    right,
                    lines: Comparison::default(),
                    clauses: Comparison::default(),
                });
                DiffSystemPromptsPayload { versions, ..DiffSystemPromptsPayload::default() }
            }
            DiffSystemPromptsInput::File(file) => {
                let surroundings = service::<Arc<dyn Surroundings>>(ctx)?;
                match prompts.diff_environment(right, file.into(), surroundings.as_ref()).await {
                    Ok(compared) => DiffSystemPromptsPayload {
                        environment: Some(compared.into()),
                        ..DiffSystemPromptsPayload::default()
                    },
                    Err(Failure::Refused(refusal)) => DiffSystemPromptsPayload {
                        user_errors: vec![diff_error(refusal)],
                        ..DiffSystemPromptsPayload::default()
                    },
                    Err(Failure::Fault(error)) => return Err(error.into()),
                }
            }
        }))
    }
}
