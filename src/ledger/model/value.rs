//! Small values: amounts, buckets, the eight moves between them, kinds and actors.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AMOUNT_MAX, Refusal};

/// An amount of credits, 1 to 10^12 whole units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credits(i64);

impl Credits {
    /// Refuses: `InvalidAmount` outside 1 to 10^12.
    pub fn new(amount: i64) -> Result<Self, Refusal> {
        if (1..=AMOUNT_MAX).contains(&amount) {
            Ok(Self(amount))
        } else {
            Err(Refusal::InvalidAmount { min: 1, max: AMOUNT_MAX })
        }
    }

    /// The amount in whole units.
    pub fn get(self) -> i64 {
        self.0
    }
}

crate::words::words! {
    /// Where credits are.
    Bucket {
        /// Outside: not yet given.
        Issued "issued",
        /// Free to be spent; what people call the balance.
        Available "available",
        /// Reserved for work.
        Held "held",
        /// Charged.
        Spent "spent",
        /// Ended by time.
        Expired "expired",
        /// Taken back.
        Revoked "revoked",
    }
}

crate::words::words! {
    /// What a credit transaction did.
    Kind {
        /// Added a lot.
        Grant "grant",
        /// Reserved credits for work.
        Hold "hold",
        /// Charged a hold.
        Settle "settle",
        /// Gave holds back.
        Release "release",
        /// Gave back a hold whose time was over.
        ExpireHold "expire_hold",
        /// Wrote off lots whose time was over.
        ExpireLot "expire_lot",
        /// Gave charged credits back as a new lot.
        Refund "refund",
        /// Took available credits away.
        Revoke "revoke",
        /// Corrected by the operator.
        Adjust "adjust",
    }
}

crate::words::words! {
    /// Why a lot was given.
    GrantKind {
        /// Bought.
        Purchase "purchase",
        /// Part of a plan's period.
        Plan "plan",
        /// A promotion.
        Promo "promo",
        /// Added by an administrator.
        Admin "admin",
        /// Given at sign-up.
        Signup "signup",
        /// Given back for a charge.
        Refund "refund",
    }
}

crate::words::words! {
    /// What kind of work a hold is for.
    WorkKind {
        /// A whole AI task.
        AiTask "ai_task",
        /// One item of an AI task.
        AiTaskItem "ai_task_item",
    }
}

impl GrantKind {
    /// Smaller burns first.
    pub fn priority(self) -> i32 {
        match self {
            Self::Plan => 10,
            Self::Promo => 20,
            Self::Signup => 30,
            Self::Refund => 40,
            Self::Admin => 60,
            Self::Purchase => 100,
        }
    }
}

impl Bucket {
    /// The bucket's byte in the hash chain, 0 to 5.
    pub fn byte(self) -> u8 {
        match self {
            Self::Issued => 0,
            Self::Available => 1,
            Self::Held => 2,
            Self::Spent => 3,
            Self::Expired => 4,
            Self::Revoked => 5,
        }
    }
}

/// One of the eight ways credits move. There is no ninth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// issued → available
    Issue,
    /// available → held
    Reserve,
    /// available → spent
    Spend,
    /// available → expired
    Expire,
    /// available → revoked
    Revoke,
    /// held → spent
    Charge,
    /// held → available
    Return,
    /// held → expired
    Lapse,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 8] =
        [Self::Issue, Self::Reserve, Self::Spend, Self::Expire, Self::Revoke, Self::Charge, Self::Return, Self::Lapse];

    /// Where the credits come from.
    pub fn from(self) -> Bucket {
        match self {
            Self::Issue => Bucket::Issued,
            Self::Reserve | Self::Spend | Self::Expire | Self::Revoke => Bucket::Available,
            Self::Charge | Self::Return | Self::Lapse => Bucket::Held,
        }
    }

    /// Where they go.
    pub fn to(self) -> Bucket {
        match self {
            Self::Issue | Self::Return => Bucket::Available,
            Self::Reserve => Bucket::Held,
            Self::Spend | Self::Charge => Bucket::Spent,
            Self::Expire | Self::Lapse => Bucket::Expired,
            Self::Revoke => Bucket::Revoked,
        }
    }

    /// The move between two buckets, if it is one of the eight.
    pub fn between(from: Bucket, to: Bucket) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.from() == from && way.to() == to)
    }
}

/// The six sums of an account or of one lot: `issued = available + held + spent + expired + revoked`, each ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// All that was ever given.
    pub issued: i64,
    /// Free to be spent.
    pub available: i64,
    /// Reserved.
    pub held: i64,
    /// Charged.
    pub spent: i64,
    /// Ended by time.
    pub expired: i64,
    /// Taken back.
    pub revoked: i64,
}

impl Balance {
    /// The sums after `amount` credits moved. `None` when a bucket would fall below zero or a sum would overflow.
    pub fn after(self, way: Move, amount: i64) -> Option<Self> {
        let mut next = self;
        if way == Move::Issue {
            next.issued = next.issued.checked_add(amount)?;
        } else {
            let from = next.bucket_mut(way.from());
            *from = from.checked_sub(amount).filter(|left| *left >= 0)?;
        }
        let to = next.bucket_mut(way.to());
        *to = to.checked_add(amount)?;
        Some(next)
    }

    fn bucket_mut(&mut self, bucket: Bucket) -> &mut i64 {
        match bucket {
            Bucket::Issued => &mut self.issued,
            Bucket::Available => &mut self.available,
            Bucket::Held => &mut self.held,
            Bucket::Spent => &mut self.spent,
            Bucket::Expired => &mut self.expired,
            Bucket::Revoked => &mut self.revoked,
        }
    }

    /// The six sums in the order of the buckets.
    pub fn six(self) -> [i64; 6] {
        [self.issued, self.available, self.held, self.spent, self.expired, self.revoked]
    }
}

/// One move of credits of one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The lot.
    pub grant: Uuid,
    /// The hold it was for: with every move into or out of `held`, and into `spent`.
    pub hold: Option<Uuid>,
    /// From where to where.
    pub way: Move,
    /// Whole credits, at least 1.
    pub amount: i64,
}

/// Who asked for an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A member of the account.
    User(Uuid),
    /// An administrator of the platform.
    Admin(Uuid),
    /// The server itself.
    System,
    /// A payment provider.
    Payment,
}

impl Actor {
    /// The word in tables.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Admin(_) => "admin",
            Self::System => "system",
            Self::Payment => "payment",
        }
    }

    /// The person, where there is one.
    pub fn id(self) -> Option<Uuid> {
        match self {
            Self::User(id) | Self::Admin(id) => Some(id),
            Self::System | Self::Payment => None,
        }
    }

    /// Reads the two columns. `None` when they do not belong together.
    pub fn parse(kind: &str, id: Option<Uuid>) -> Option<Self> {
        match (kind, id) {
            ("user", Some(id)) => Some(Self::User(id)),
            ("admin", Some(id)) => Some(Self::Admin(id)),
            ("system", None) => Some(Self::System),
            ("payment", None) => Some(Self::Payment),
            _ => None,
        }
    }
}
