//! The eight AI functions as data: the names they have in records, and the texts of their notifications.

/// What a model makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModelKind {
    /// Text, priced by tokens.
    Text,
    /// Images, priced by the piece.
    Image,
}

impl ModelKind {
    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Image => "IMAGE",
        }
    }

    /// Reads the word. `None` when there is no such kind.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Text, Self::Image].into_iter().find(|kind| kind.as_str() == text)
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $variant:ident $name:literal $kind:ident $operation:literal $notification:literal
       $counted:literal $title:literal $success:literal $failure:literal;)*) => {
        /// What an AI task does.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AiFunction { $($(#[$doc])* $variant),* }

        impl AiFunction {
            /// Every function, in the order of the pipeline.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in tables and API, such as `GENERATE_IMAGES`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What kind of model it needs.
            pub fn model_kind(self) -> ModelKind {
                match self { $(Self::$variant => ModelKind::$kind),* }
            }

            /// The name in usage records, such as `image_generation`.
            pub fn operation_type(self) -> &'static str {
                match self { $(Self::$variant => $operation),* }
            }

            /// The start of its notifications' type; `_success`, `_failed` or `_cancelled` follows.
            pub fn notification(self) -> &'static str {
                match self { $(Self::$variant => $notification),* }
            }

            /// What a notification's metadata calls the number of delivered things.
            pub fn counted(self) -> &'static str {
                match self { $(Self::$variant => $counted),* }
            }

            /// The title of its notifications.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }

            fn success(self) -> &'static str {
                match self { $(Self::$variant => $success),* }
            }

            fn failure(self) -> &'static str {
                match self { $(Self::$variant => $failure),* }
            }
        }
    };
}

functions! {
    /// Groups keywords.
    ClusterKeywords "CLUSTER_KEYWORDS" Text "clustering" "ai_cluster" "clusters_created" "Keyword clustering"
        "Clustered {n} keywords into {m} clusters using {c} credits" "Keyword clustering failed: {error}";
    /// Finds ideas for a cluster.
    GenerateIdeas "GENERATE_IDEAS" Text "idea_generation" "ai_ideas" "ideas_created" "Idea generation"
        "Generated {n} ideas using {c} credits" "Idea generation failed: {error}";
    /// Writes an article.
    GenerateContent "GENERATE_CONTENT" Text "content_generation" "ai_content" "articles_created" "Content generation"
        "Generated {n} articles using {c} credits" "Content generation failed: {error}";
    /// Writes prompts for an article's images.
    GenerateImagePrompts "GENERATE_IMAGE_PROMPTS" Text "image_prompt_extraction" "ai_image_prompt" "prompts_created" "Image prompts"
        "Generated {n} image prompts using {c} credits" "Image prompt generation failed: {error}";
    /// Draws images.
    GenerateImages "GENERATE_IMAGES" Image "image_generation" "ai_image" "images_created" "Image generation"
        "Generated {n} images using {c} credits" "Image generation failed: {error}";
    /// Rewrites an article for its keywords.
    OptimizeContent "OPTIMIZE_CONTENT" Text "content_optimization" "ai_optimize" "articles_optimized" "Content optimization"
        "Optimized {n} articles using {c} credits" "Content optimization failed: {error}";
    /// Enlarges an image.
    UpscaleImage "UPSCALE_IMAGE" Image "image_upscale" "ai_upscale" "images_upscaled" "Image upscaling"
        "Upscaled {n} images using {c} credits" "Image upscaling failed: {error}";
    /// Writes a text from a prompt.
    GenerateText "GENERATE_TEXT" Text "text_generation" "ai_text" "texts_created" "Text generation"
        "Generated {n} texts using {c} credits" "Text generation failed: {error}";
}

/// How much was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MadeCount {
    /// What the function's success text counts: images, texts, ideas, keywords that were clustered.
    pub things: i32,
    /// The clusters that the keywords went into; 0 elsewhere.
    pub groups: i32,
}

impl MadeCount {
    /// Both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { things: self.things.saturating_add(other.things), groups: self.groups.saturating_add(other.groups) }
    }
}

impl AiFunction {
    /// The number that a notification's metadata gives under [`Self::counted`].
    pub fn counted_in(self, made: MadeCount) -> i32 {
        if self == Self::ClusterKeywords { made.groups } else { made.things }
    }

    /// Reads the name. `None` when there is no such function.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|function| function.as_str() == text)
    }

    /// The success text for things that were made, before and after the figure of credits.
    pub fn success_around(self, made: MadeCount) -> (String, String) {
        let text = self.success().replace("{n}", &made.things.to_string()).replace("{m}", &made.groups.to_string());
        match text.split_once("{c}") {
            Some((before, after)) => (before.to_owned(), after.to_owned()),
            None => (text, String::new()),
        }
    }

    /// The failure text. `error` is our text for a code, never a provider's.
    pub fn failure_text(self, error: &str) -> String {
        self.failure().replace("{error}", error)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn describes_every_function_completely_and_without_doubles() {
        let mut operations = HashSet::new();
        let mut notifications = HashSet::new();
        for function in AiFunction::ALL {
            assert_eq!(AiFunction::parse(function.as_str()), Some(*function));
            assert!(operations.insert(function.operation_type()));
            assert!(notifications.insert(function.notification()));
            assert!(function.success().contains("{n}") && function.success().contains("{c}"));
            assert!(function.failure().ends_with(": {error}"));
        }
        assert_eq!(AiFunction::ALL.len(), 8);
    }

    #[test]
    fn words_messages_as_specified() {
        let text = |function: AiFunction, things, groups| {
            let (before, after) = function.success_around(MadeCount { things, groups });
            format!("{before}15{after}")
        };
        assert_eq!(text(AiFunction::GenerateImages, 3, 0), "Generated 3 images using 15 credits");
        let clustered = "Clustered 40 keywords into 7 clusters using 15 credits";
        assert_eq!(text(AiFunction::ClusterKeywords, 40, 7), clustered);
        assert_eq!(AiFunction::GenerateText.failure_text("no"), "Text generation failed: no");
    }
}
