//! Prices. Rates are nano-dollars per 1,000 tokens; products are 128 bits wide and checked; nothing is a float.

use uuid::Uuid;

use super::ModelKind;
use crate::clock::Micros;

/// A figure does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an amount is out of range")]
pub struct AmountOutOfRange;

/// Tokens of one call, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TextTokens {
    /// Read by the model.
    pub input: i64,
    /// Written by the model.
    pub output: i64,
}

/// What a model's work costs us, and how many credits it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rates {
    /// By tokens.
    Text {
        /// Nano-dollars per 1,000 tokens read.
        input_nanousd_per_1k: i64,
        /// Nano-dollars per 1,000 tokens written.
        output_nanousd_per_1k: i64,
        /// Tokens of both kinds that one credit pays, at least 1.
        tokens_per_credit: i64,
    },
    /// By the image.
    Image {
        /// What an image costs us in nano-dollars where the provider does not say; `None` is not known.
        cost_nanousd: Option<i64>,
        /// Credits for each stored image, at least 1.
        credits_per_image: i64,
    },
}

/// One immutable version of a model's price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceVersion {
    /// Its id.
    pub id: Uuid,
    /// Whose price it is.
    pub ai_model_id: Uuid,
    /// 1, 2, 3 …; the highest is the current one.
    pub number: i32,
    /// What it says.
    pub rates: Rates,
    /// What one credit is worth, in nano-dollars.
    pub credit_price_nanousd: i64,
    /// When it was entered.
    pub created_at: Micros,
}

const THOUSAND: i128 = 1000;

fn narrow(value: i128) -> Result<i64, AmountOutOfRange> {
    i64::try_from(value).map_err(|_| AmountOutOfRange)
}

fn divided_up(value: i128, by: i128) -> Result<i128, AmountOutOfRange> {
    if by < 1 || value < 0 {
        return Err(AmountOutOfRange);
    }
    value.checked_add(by - 1).map(|sum| sum / by).ok_or(AmountOutOfRange)
}

/// The most tokens that `bytes` of prompt can be: a third of them, rounded up.
pub fn input_bound(bytes: usize) -> Result<i64, AmountOutOfRange> {
    narrow(divided_up(i128::try_from(bytes).map_err(|_| AmountOutOfRange)?, 3)?)
}

/// Tokens of a call whose provider reported none.
pub fn estimated_tokens(prompt_bytes: usize, output_bytes: usize) -> Result<TextTokens, AmountOutOfRange> {
    Ok(TextTokens { input: input_bound(prompt_bytes)?, output: input_bound(output_bytes)? })
}

/// Tokens that a template may add to a prompt, and a model to its answer.
const TOKENS_BESIDE: i64 = 4_096;

/// Whether a provider's report can be true of a call: a prompt has no more tokens than bytes, and no model writes more than
/// twice what it was limited to, give or take what templates add.
pub fn is_plausible(tokens: TextTokens, prompt_bytes: usize, output_token_limit: i64) -> bool {
    let input_max = i64::try_from(prompt_bytes).unwrap_or(i64::MAX).saturating_add(TOKENS_BESIDE);
    let output_max = output_token_limit.saturating_mul(2).saturating_add(TOKENS_BESIDE);
    (0..=input_max).contains(&tokens.input) && (0..=output_max).contains(&tokens.output)
}

/// What `credits` are worth, in nano-dollars.
pub fn credit_value(credits: i64, credit_price_nanousd: i64) -> Result<i64, AmountOutOfRange> {
    credits.checked_mul(credit_price_nanousd).ok_or(AmountOutOfRange)
}

impl PriceVersion {
    /// What kind of model it prices.
    pub fn kind(&self) -> ModelKind {
        match self.rates {
            Rates::Text { .. } => ModelKind::Text,
            Rates::Image { .. } => ModelKind::Image,
        }
    }

    /// What the provider charges us for a text call: rounded half up to a nano-dollar, once per attempt.
    pub fn text_cost(&self, tokens: TextTokens) -> Result<i64, AmountOutOfRange> {
        let Rates::Text { input_nanousd_per_1k, output_nanousd_per_1k, .. } = self.rates else {
            return Err(AmountOutOfRange);
        };
        let part = |tokens: i64, rate: i64| {
            if tokens < 0 || rate < 0 { None } else { i128::from(tokens).checked_mul(i128::from(rate)) }
        };
        let sum = part(tokens.input, input_nanousd_per_1k)
            .zip(part(tokens.output, output_nanousd_per_1k))
            .and_then(|(input, output)| input.checked_add(output))
            .and_then(|sum| sum.checked_add(THOUSAND / 2))
            .ok_or(AmountOutOfRange)?;
        narrow(sum / THOUSAND)
    }

    /// Credits for a delivered text: its tokens by the tokens per credit, rounded up, at least 1.
    pub fn text_credits(&self, tokens: TextTokens) -> Result<i64, AmountOutOfRange> {
        let Rates::Text { tokens_per_credit, .. } = self.rates else { return Err(AmountOutOfRange) };
        if tokens.input < 0 || tokens.output < 0 {
            return Err(AmountOutOfRange);
        }
        let sum = i128::from(tokens.input) + i128::from(tokens.output);
        narrow(divided_up(sum, i128::from(tokens_per_credit))?.max(1))
    }

    /// Credits to hold for a text: the bound of its prompt plus the output limit, as for a delivered one.
    pub fn text_hold(&self, prompt_bytes: usize, output_token_limit: i64) -> Result<i64, AmountOutOfRange> {
        self.text_credits(TextTokens { input: input_bound(prompt_bytes)?, output: output_token_limit })
    }

    /// Credits for each stored image, held and charged alike.
    pub fn image_credits(&self) -> Result<i64, AmountOutOfRange> {
        match self.rates {
            Rates::Image { credits_per_image, .. } => Ok(credits_per_image),
            Rates::Text { .. } => Err(AmountOutOfRange),
        }
    }

    /// Credits for one delivered item: a stored image, or a text of so many tokens.
    pub fn item_credits(&self, tokens: TextTokens) -> Result<i64, AmountOutOfRange> {
        match self.rates {
            Rates::Image { .. } => self.image_credits(),
            Rates::Text { .. } => self.text_credits(tokens),
        }
    }

    /// What one delivered item costs the customer when another model than the quoted one made it: the lower of both
    /// prices, and the price it was reckoned by, whose credit price its value is reckoned by too. Equal: the quote's.
    /// A stand-in writes its tokens in its own way, so it never takes more than was held.
    pub fn settled_by(
        &self,
        used: &Self,
        tokens: TextTokens,
        held: i64,
    ) -> Result<(i64, PriceVersion), AmountOutOfRange> {
        let quoted = self.item_credits(tokens)?;
        if self.id == used.id {
            return Ok((quoted, *self));
        }
        let theirs = used.item_credits(tokens)?;
        let (credits, price) = if theirs < quoted { (theirs, *used) } else { (quoted, *self) };
        Ok((credits.min(held), price))
    }

    /// What an image cost us: what the provider says, else the price's own figure, else not known.
    pub fn image_cost(&self, reported_nanousd: Option<i64>) -> Option<i64> {
        match self.rates {
            Rates::Image { cost_nanousd, .. } => reported_nanousd.filter(|cost| *cost >= 0).or(cost_nanousd),
            Rates::Text { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(input: i64, output: i64, tokens_per_credit: i64) -> PriceVersion {
        PriceVersion {
            id: Uuid::nil(),
            ai_model_id: Uuid::nil(),
            number: 1,
            rates: Rates::Text { input_nanousd_per_1k: input, output_nanousd_per_1k: output, tokens_per_credit },
            credit_price_nanousd: 10_000_000,
            created_at: 0,
        }
    }

    fn used(input: i64, output: i64) -> TextTokens {
        TextTokens { input, output }
    }

    // REQ-B-3: a rate is per 1,000 tokens and never per million.
    #[test]
    fn ten_thousand_tokens_at_150_000_nanodollars_a_thousand_cost_exactly_0_0015_dollars() {
        assert_eq!(text(150_000, 0, 1000).text_cost(used(10_000, 0)).unwrap(), 1_500_000);
    }

    #[test]
    fn charges_whole_credits_upwards_and_at_least_one() {
        let price = text(150_000, 600_000, 1000);
        let credits = |tokens| price.text_credits(used(tokens, 0)).unwrap();
        assert_eq!((credits(0), credits(1000), credits(1001)), (1, 1, 2));
    }

    #[test]
    fn rounds_half_a_nano_dollar_up() {
        assert_eq!(text(37_500, 0, 1).text_cost(used(1, 0)).unwrap(), 38);
        assert_eq!(text(499, 0, 1).text_cost(used(1, 0)).unwrap(), 0);
        assert_eq!(text(500, 0, 1).text_cost(used(1, 0)).unwrap(), 1);
    }

    // Fixture B1: calls, tokens in and out, bytes of prompt, output limit; hold per call, credits, cost.
    #[test]
    fn prices_every_stage_of_the_fixture() {
        let price = text(150_000, 600_000, 1000);
        let stages = [
            (1, 1800, 900, 2400, 3600, 6, 3, 810_000),
            (4, 700, 1100, 1000, 2000, 3, 8, 3_060_000),
            (3, 1200, 3000, 1800, 4200, 6, 15, 5_940_000),
            (3, 3400, 500, 4000, 1000, 5, 12, 2_430_000),
        ];
        let (mut all_credits, mut all_cost) = (0, 0);
        for (calls, input, output, bound, limit, hold, credits, cost) in stages {
            let bytes = usize::try_from(bound * 3).unwrap();
            assert_eq!(price.text_hold(bytes, limit).unwrap(), hold);
            assert_eq!(calls * price.text_credits(used(input, output)).unwrap(), credits);
            assert_eq!(calls * price.text_cost(used(input, output)).unwrap(), cost);
            all_credits += credits;
            all_cost += cost;
        }
        let image =
            PriceVersion { rates: Rates::Image { cost_nanousd: Some(40_000_000), credits_per_image: 5 }, ..price };
        all_credits += 9 * image.image_credits().unwrap();
        all_cost += 9 * image.image_cost(None).unwrap();
        assert_eq!((all_credits, all_cost), (83, 372_240_000));
        assert_eq!(credit_value(83, 10_000_000).unwrap(), 830_000_000);
        assert_eq!(credit_value(3 * image.image_credits().unwrap(), 1).unwrap(), 15);
    }

    #[test]
    fn a_report_is_plausible_up_to_what_can_be_true() {
        assert!(is_plausible(used(0, 0), 0, 0));
        assert!(is_plausible(used(100 + TOKENS_BESIDE, 2_000 + TOKENS_BESIDE), 100, 1_000));
        assert!(!is_plausible(used(101 + TOKENS_BESIDE, 0), 100, 1_000));
        assert!(!is_plausible(used(0, 2_001 + TOKENS_BESIDE), 100, 1_000));
        for tokens in [used(-1, 0), used(0, -1), used(i64::MAX, 0), used(0, i64::MAX)] {
            assert!(!is_plausible(tokens, 100, 1_000));
        }
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let dear = text(i64::MAX, i64::MAX, 1);
        assert_eq!(dear.text_cost(used(i64::MAX, i64::MAX)), Err(AmountOutOfRange));
        assert_eq!(dear.text_credits(used(i64::MAX, 1)), Err(AmountOutOfRange));
        assert_eq!(dear.text_cost(used(-1, 0)), Err(AmountOutOfRange));
        assert_eq!(credit_value(i64::MAX, 2), Err(AmountOutOfRange));
        assert_eq!(dear.image_credits(), Err(AmountOutOfRange));
        assert_eq!(dear.image_cost(Some(1)), None);
    }

    // REQ-A-35: a stand-in never raises the price.
    #[test]
    fn the_lower_of_quoted_and_used_price_settles() {
        let priced = |id: u128, rates| PriceVersion { id: Uuid::from_u128(id), rates, ..text(0, 0, 1) };
        let image = |id, credits_per_image| priced(id, Rates::Image { cost_nanousd: None, credits_per_image });
        let settled = |quoted: &PriceVersion, used: &PriceVersion, tokens, held| {
            let (credits, by) = quoted.settled_by(used, used_tokens(tokens), held).unwrap();
            (credits, by.id.as_u128())
        };
        fn used_tokens(tokens: i64) -> TextTokens {
            TextTokens { input: tokens, output: 0 }
        }
        assert_eq!(settled(&image(1, 5), &image(2, 12), 0, 5), (5, 1));
        assert_eq!(settled(&image(1, 5), &image(2, 3), 0, 5), (3, 2));
        assert_eq!(settled(&image(1, 5), &image(2, 5), 0, 5), (5, 1));
        let text = |id, tokens_per_credit| {
            priced(id, Rates::Text { input_nanousd_per_1k: 0, output_nanousd_per_1k: 0, tokens_per_credit })
        };
        assert_eq!(settled(&text(1, 1000), &text(2, 100), 2000, 9), (2, 1));
        assert_eq!(settled(&text(1, 100), &text(2, 1000), 2000, 20), (2, 2));
        assert_eq!(settled(&text(1, 100), &text(2, 100), 2000, 9), (9, 1), "a stand-in takes no more than was held");
        assert_eq!(settled(&text(1, 100), &text(1, 100), 2000, 9), (20, 1), "the quoted model may");
        assert!(text(1, 1).settled_by(&image(2, 1), used_tokens(1), 1).is_ok());
    }

    #[test]
    fn takes_the_reported_cost_of_an_image_before_its_own() {
        let price = PriceVersion { rates: Rates::Image { cost_nanousd: None, credits_per_image: 1 }, ..text(0, 0, 1) };
        assert_eq!(price.image_cost(Some(7)), Some(7));
        assert_eq!(price.image_cost(None), None);
    }

    /// Decimal arithmetic on digits, lowest first, as one does it on paper: slow, unbounded, and nothing like the code.
    mod paper {
        pub fn digits(mut value: u64) -> Vec<u8> {
            let mut out = Vec::new();
            while value > 0 {
                out.push((value % 10) as u8);
                value /= 10;
            }
            out
        }

        pub fn add(a: &[u8], b: &[u8]) -> Vec<u8> {
            let (mut out, mut carry) = (Vec::new(), 0);
            for at in 0..a.len().max(b.len()) {
                let sum = a.get(at).unwrap_or(&0) + b.get(at).unwrap_or(&0) + carry;
                out.push(sum % 10);
                carry = sum / 10;
            }
            if carry > 0 {
                out.push(carry);
            }
            out
        }

        pub fn multiply(a: &[u8], b: &[u8]) -> Vec<u8> {
            let mut out = Vec::new();
            for (shift, digit) in b.iter().enumerate() {
                let mut row = vec![0; shift];
                for _ in 0..*digit {
                    let mut once = vec![0; shift];
                    once.extend_from_slice(a);
                    row = add(&row, &once);
                }
                out = add(&out, &row);
            }
            out
        }

        /// Divides by 1,000 and rounds the half up.
        pub fn thousandth(a: &[u8]) -> Vec<u8> {
            add(a, &digits(500)).into_iter().skip(3).collect()
        }

        pub fn trimmed(mut a: Vec<u8>) -> Vec<u8> {
            while a.last() == Some(&0) {
                a.pop();
            }
            a
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 4_000 } else { 100_000 }))]

        // REQ-B-5
        #[test]
        fn costs_equal_arithmetic_on_paper(
            input in 0_i64..=50_000_000, output in 0_i64..=50_000_000,
            rate_in in 0_i64..=1_000_000_000_000, rate_out in 0_i64..=1_000_000_000_000,
        ) {
            let price = text(rate_in, rate_out, 1000);
            let digits = |value: i64| paper::digits(value.unsigned_abs());
            let sum = paper::add(
                &paper::multiply(&digits(input), &digits(rate_in)),
                &paper::multiply(&digits(output), &digits(rate_out)),
            );
            let expected = paper::trimmed(paper::thousandth(&sum));
            match price.text_cost(used(input, output)) {
                Ok(cost) => prop_assert_eq!(digits(cost), expected),
                Err(AmountOutOfRange) => prop_assert!(expected.len() >= 19),
            }
        }

        // REQ-B-5
        #[test]
        fn credits_are_the_least_number_that_pays_for_all_tokens(
            input in 0_i64..=1_000_000_000, output in 0_i64..=1_000_000_000, per_credit in 1_i64..=1_000_000,
        ) {
            let credits = text(0, 0, per_credit).text_credits(used(input, output)).unwrap();
            prop_assert!(credits >= 1 && credits * per_credit >= input + output);
            prop_assert!(credits == 1 || (credits - 1) * per_credit < input + output);
        }
    }
}
