//! A price as an administrator types it: dollars as decimal text, with an explicit unit. Converted exactly or refused.

use super::{ModelKind, Rates};

/// What a typed token price is for. Everything stored is per thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// 1,000 tokens.
    PerThousand,
    /// 1,000,000 tokens, as most price lists have it.
    PerMillion,
}

/// A price as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceEntry {
    /// Of a text model.
    Text {
        /// Dollars for tokens read.
        input: String,
        /// Dollars for tokens written.
        output: String,
        /// How many tokens those are for.
        unit: PriceUnit,
        /// Tokens of both kinds that one credit pays.
        tokens_per_credit: i64,
    },
    /// Of an image model.
    Image {
        /// Dollars for an image, where the provider does not report them.
        cost: Option<String>,
        /// Credits for a stored image.
        credits_per_image: i64,
    },
}

/// Why a price is not accepted. The field is the one of the entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceFault {
    /// No decimal number, or below 0.
    #[error("`{field}` is no amount of dollars; write a decimal number such as 0.15.")]
    NotAnAmount {
        /// Which.
        field: &'static str,
    },
    /// Finer than a nano-dollar per thousand tokens, or per image.
    #[error(
        "`{field}` is finer than can be stored: at most nine decimals of a dollar per 1,000 tokens or image. It is never rounded."
    )]
    TooFine {
        /// Which.
        field: &'static str,
    },
    /// Above what can be stored.
    #[error("`{field}` is too large; the most is {max} US dollars.")]
    TooLarge {
        /// Which.
        field: &'static str,
        /// The most, in dollars.
        max: &'static str,
    },
    /// Below what can be stored, where nothing is no price.
    #[error("`{field}` must be at least 0.000000001 US dollars: for nothing, nobody could say what credits are worth.")]
    TooSmall {
        /// Which.
        field: &'static str,
    },
    /// A number of tokens or credits out of range.
    #[error("`{field}` is {value}; it must be 1–1000000000.")]
    OutOfRange {
        /// Which.
        field: &'static str,
        /// As given.
        value: i64,
    },
    /// The price of the other kind of model.
    #[error("This is the price of another kind of model.")]
    KindMismatch,
}

/// The most tokens or credits in a price.
const COUNT_MAX: i64 = 1_000_000_000;
/// The most digits of a typed amount; more is no price.
const DIGITS_MAX: usize = 30;

/// Nano-dollars of `text` dollars divided by `by` (1 or 1,000), exactly.
fn nanousd(text: &str, by: i128, field: &'static str) -> Result<i64, PriceFault> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let pointless = whole.is_empty() && fraction.is_empty();
    if pointless || !numeric(whole) || !numeric(fraction) || whole.len() > DIGITS_MAX {
        return Err(PriceFault::NotAnAmount { field });
    }
    let fraction = fraction.trim_end_matches('0');
    // Twelve decimals are nine per thousand; what is finer cannot come out whole.
    if fraction.len() > 12 {
        return Err(PriceFault::TooFine { field });
    }
    // What a column holds, in the unit that was typed.
    let max = if by == 1 { "9223372036.854775807" } else { "9223372036854.775807" };
    let too_large = || PriceFault::TooLarge { field, max };
    let picos: i128 = format!("{whole}{fraction:0<12}").parse().map_err(|_| too_large())?;
    let divisor = 1000_i128.checked_mul(by).ok_or(too_large())?;
    if picos % divisor != 0 {
        return Err(PriceFault::TooFine { field });
    }
    i64::try_from(picos / divisor).map_err(|_| too_large())
}

fn count(value: i64, field: &'static str) -> Result<i64, PriceFault> {
    if (1..=COUNT_MAX).contains(&value) { Ok(value) } else { Err(PriceFault::OutOfRange { field, value }) }
}

impl PriceEntry {
    /// What it says, exactly. Refuses: any [`PriceFault`].
    pub fn rates(&self, kind: ModelKind) -> Result<Rates, PriceFault> {
        match self {
            Self::Text { input, output, unit, tokens_per_credit } if kind == ModelKind::Text => {
                let by = match unit {
                    PriceUnit::PerThousand => 1,
                    PriceUnit::PerMillion => 1000,
                };
                Ok(Rates::Text {
                    input_nanousd_per_1k: nanousd(input, by, "inputPrice")?,
                    output_nanousd_per_1k: nanousd(output, by, "outputPrice")?,
                    tokens_per_credit: count(*tokens_per_credit, "tokensPerCredit")?,
                })
            }
            Self::Image { cost, credits_per_image } if kind == ModelKind::Image => Ok(Rates::Image {
                cost_nanousd: cost.as_deref().map(|cost| nanousd(cost, 1, "costPerImage")).transpose()?,
                credits_per_image: count(*credits_per_image, "creditsPerImage")?,
            }),
            _ => Err(PriceFault::KindMismatch),
        }
    }
}

/// What one credit is worth, as typed: a nano-dollar at least. Refuses: `NotAnAmount`, `TooFine`, `TooSmall`, `TooLarge`.
pub fn credit_price(text: &str) -> Result<i64, PriceFault> {
    let price = nanousd(text, 1, "creditPrice")?;
    // Credits times their price must fit wherever credits do.
    match price {
        ..=0 => Err(PriceFault::TooSmall { field: "creditPrice" }),
        1..=1_000_000_000_000 => Ok(price),
        _ => Err(PriceFault::TooLarge { field: "creditPrice", max: "1000" }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(text: &str, unit: PriceUnit) -> Result<i64, PriceFault> {
        let entry = PriceEntry::Text { input: text.into(), output: "0".into(), unit, tokens_per_credit: 1000 };
        entry.rates(ModelKind::Text).map(|rates| match rates {
            Rates::Text { input_nanousd_per_1k, .. } => input_nanousd_per_1k,
            Rates::Image { .. } => unreachable!(),
        })
    }

    // REQ-B-2, REQ-B-4: a price per million becomes one per thousand exactly, or is refused.
    #[test]
    fn a_price_is_converted_exactly_or_refused() {
        use PriceUnit::{PerMillion, PerThousand};
        assert_eq!(input("0.15", PerMillion), Ok(150_000));
        assert_eq!(input("0.00015", PerThousand), Ok(150_000));
        assert_eq!(input("0.60", PerMillion), Ok(600_000));
        assert_eq!(input("2", PerMillion), Ok(2_000_000));
        assert_eq!(input("0", PerMillion), Ok(0));
        assert_eq!(input(".5", PerThousand), Ok(500_000_000));
        assert_eq!(input("0.000000001", PerThousand), Ok(1));
        assert_eq!(input("0.0000000010000", PerThousand), Ok(1));
        assert_eq!(input("0.000001", PerMillion), Ok(1));
        let fine = Err(PriceFault::TooFine { field: "inputPrice" });
        assert_eq!(input("0.0000000001", PerThousand), fine);
        assert_eq!(input("0.0000001", PerMillion), fine);
        assert_eq!(input("0.0000015", PerMillion), fine);
        assert_eq!(input("0.000000000000001", PerThousand), fine);
        for wrong in ["", ".", "-1", "1e3", "0,15", "NaN", "1.2.3", "$1"] {
            assert_eq!(input(wrong, PerMillion), Err(PriceFault::NotAnAmount { field: "inputPrice" }), "{wrong}");
        }
        let large = |max| Err(PriceFault::TooLarge { field: "inputPrice", max });
        assert_eq!(input("99999999999999999999", PerThousand), large("9223372036.854775807"));
        assert_eq!(input("9223372036.854775807", PerThousand), Ok(i64::MAX));
        assert_eq!(input("9223372036.854775808", PerThousand), large("9223372036.854775807"));
        assert_eq!(input("9223372036854.775807", PerMillion), Ok(i64::MAX));
        assert_eq!(input("9223372036854.775808", PerMillion), large("9223372036854.775807"));
    }

    #[test]
    fn counts_are_whole_and_at_least_one_and_kinds_do_not_mix() {
        let image = |credits| PriceEntry::Image { cost: Some("0.04".into()), credits_per_image: credits };
        assert_eq!(
            image(5).rates(ModelKind::Image),
            Ok(Rates::Image { cost_nanousd: Some(40_000_000), credits_per_image: 5 })
        );
        assert!(matches!(image(0).rates(ModelKind::Image), Err(PriceFault::OutOfRange { value: 0, .. })));
        assert_eq!(image(5).rates(ModelKind::Text), Err(PriceFault::KindMismatch));
        assert_eq!(credit_price("0.01"), Ok(10_000_000));
        assert_eq!(credit_price("0.000000001"), Ok(1));
        assert_eq!(credit_price("0"), Err(PriceFault::TooSmall { field: "creditPrice" }));
        assert_eq!(credit_price("1000"), Ok(1_000_000_000_000));
        let fault = credit_price("1000.000000001").unwrap_err();
        assert!(fault.to_string().contains("the most is 1000 US dollars"), "{fault}");
    }

    proptest! {
        // REQ-B-4: what is stored, multiplied back, is what was typed.
        #[test]
        fn nothing_is_rounded(whole in 0_u64..1_000_000, fraction in 0_u64..1_000_000_000_000, places in 0_usize..=12) {
            let digits = format!("{fraction:012}");
            let text = format!("{whole}.{}", &digits[..places]);
            let picos = i128::from(whole) * 1_000_000_000_000
                + format!("{:0<12}", &digits[..places]).parse::<i128>().unwrap();
            match input(&text, PriceUnit::PerMillion) {
                Ok(stored) => prop_assert_eq!(i128::from(stored) * 1_000_000, picos),
                Err(fault) => {
                    prop_assert_eq!(fault, PriceFault::TooFine { field: "inputPrice" });
                    prop_assert!(picos % 1_000_000 != 0);
                }
            }
        }
    }
}
