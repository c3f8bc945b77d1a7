//! Prices in the API.

use async_graphql::{Enum, InputObject, Object, OneofObject};

use crate::{
    ai::model::{self, PriceEntry, Rates},
    graphql::scalars::{Credits, DateTime, Decimal, SafeInt},
};

/// What a typed token price is for. Whatever is typed, prices are stored and shown per 1,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "crate::ai::model::PriceUnit")]
pub enum PriceUnit {
    /// 1,000 tokens.
    PerThousand,
    /// 1,000,000 tokens, as most price lists have it.
    PerMillion,
}

/// The price of a text model.
#[derive(Debug, InputObject)]
pub struct TextPriceInput {
    /// US dollars for tokens read, as a decimal text such as "0.15".
    input_price: String,
    /// US dollars for tokens written, as a decimal text such as "0.60".
    output_price: String,
    /// How many tokens both are for.
    unit: PriceUnit,
    /// Tokens, read and written, that one credit pays: 1–1000000000.
    tokens_per_credit: SafeInt,
}

/// The price of an image model.
#[derive(Debug, InputObject)]
pub struct ImagePriceInput {
    /// US dollars that an image costs us where the provider does not say, as a decimal text such as "0.04"; omitted: not
    /// known.
    cost_per_image: Option<String>,
    /// Credits for each stored image: 1–1000000000.
    credits_per_image: Credits,
}

/// A price, of the kind of its model.
#[derive(Debug, OneofObject)]
pub enum PriceInput {
    /// Of a text model.
    Text(TextPriceInput),
    /// Of an image model.
    Image(ImagePriceInput),
}

impl From<PriceInput> for PriceEntry {
    fn from(input: PriceInput) -> Self {
        match input {
            PriceInput::Text(text) => Self::Text {
                input: text.input_price,
                output: text.output_price,
                unit: text.unit.into(),
                tokens_per_credit: text.tokens_per_credit.0,
            },
            PriceInput::Image(image) => {
                Self::Image { cost: image.cost_per_image, credits_per_image: image.credits_per_image.0 }
            }
        }
    }
}

/// One immutable version of a model's price.
pub struct PriceVersion(pub model::PriceVersion);

/// One immutable version of a model's price.
#[Object]
impl PriceVersion {
    /// 1, 2, 3 …; the highest is the current one.
    async fn number(&self) -> i32 {
        self.0.number
    }

    /// US dollars for 1,000 tokens read; null for image models.
    async fn input_price_per_thousand(&self) -> Option<Decimal> {
        match self.0.rates {
            Rates::Text { input_nanousd_per_1k, .. } => Some(Decimal(input_nanousd_per_1k)),
            Rates::Image { .. } => None,
        }
    }

    /// US dollars for 1,000 tokens written; null for image models.
    async fn output_price_per_thousand(&self) -> Option<Decimal> {
        match self.0.rates {
            Rates::Text { output_nanousd_per_1k, .. } => Some(Decimal(output_nanousd_per_1k)),
            Rates::Image { .. } => None,
        }
    }

    /// Tokens that one credit pays; null for image models.
    async fn tokens_per_credit(&self) -> Option<SafeInt> {
        match self.0.rates {
            Rates::Text { tokens_per_credit, .. } => Some(SafeInt(tokens_per_credit)),
            Rates::Image { .. } => None,
        }
    }

    /// US dollars that an image costs us where the provider does not say; null for text models, and where not known.
    async fn cost_per_image(&self) -> Option<Decimal> {
        match self.0.rates {
            Rates::Image { cost_nanousd, .. } => cost_nanousd.map(Decimal),
            Rates::Text { .. } => None,
        }
    }

    /// Credits per stored image; null for text models.
    async fn credits_per_image(&self) -> Option<Credits> {
        match self.0.rates {
            Rates::Image { credits_per_image, .. } => Some(Credits(credits_per_image)),
            Rates::Text { .. } => None,
        }
    }

    /// What one credit is worth, in US dollars.
    async fn credit_price(&self) -> Decimal {
        Decimal(self.0.credit_price_nanousd)
    }

    /// When it was entered.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }
}
