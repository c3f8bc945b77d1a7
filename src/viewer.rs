//! Who asks, and what that allows: the permission table and rights as types.

use uuid::Uuid;

use crate::error::{AuthReason, Error};

/// A person's role on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlatformRole {
    /// A customer.
    User,
    /// Runs the business.
    Admin,
    /// Runs the installation.
    Hero,
}

impl PlatformRole {
    /// All roles, lowest first.
    pub const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Hero];

    /// The word in tables and API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Admin => "ADMIN",
            Self::Hero => "HERO",
        }
    }

    /// Reads the word. `None` when there is no such role.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str().eq_ignore_ascii_case(text))
    }
}

/// How much of a feature is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    None,
    /// Look.
    Read,
    /// Make and change.
    Write,
    /// Run it for others.
    Admin,
    /// All of it.
    Hero,
}

impl Level {
    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Admin => "ADMIN",
            Self::Hero => "HERO",
        }
    }
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Look.
    Read,
    /// Change what starts no AI work and concerns no other people.
    Write,
    /// Start AI work, which spends credits.
    Generate,
    /// Use what the person may do beyond a USER.
    Administer,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Generate, Self::Administer];

    /// The word in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "READ",
            Self::Write => "WRITE",
            Self::Generate => "GENERATE",
            Self::Administer => "ADMINISTER",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Generate => 4,
            Self::Administer => 8,
        }
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl Scopes {
    /// From the form in tables; bits without a meaning are dropped.
    pub fn from_bits(bits: i64) -> Self {
        Scope::ALL.into_iter().filter(|scope| bits & i64::from(scope.bit()) != 0).collect()
    }

    /// The form in tables.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `scope` is one of them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Their words.
    pub fn names(self) -> Vec<&'static str> {
        self.iter().map(Scope::as_str).collect()
    }

    /// What `role` comes to with these: a USER's, unless they administer.
    pub fn lowered(self, role: PlatformRole) -> PlatformRole {
        if self.contains(Scope::Administer) { role } else { PlatformRole::User }
    }
}

macro_rules! features {
    ($($variant:ident $name:literal $hero:ident $admin:ident $user:ident;)*) => {
        /// A part of the product that a right is given for. Names are `area:action`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "the name in the table says what each one is")]
        pub enum Feature { $($variant),* }

        impl Feature {
            /// Every feature, in the table's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// `area:action`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What `role` may do with it: the one table that decides.
            pub fn level(self, role: PlatformRole) -> Level {
                match (self, role) {
                    $(
                        (Self::$variant, PlatformRole::Hero) => Level::$hero,
                        (Self::$variant, PlatformRole::Admin) => Level::$admin,
                        (Self::$variant, PlatformRole::User) => Level::$user,
                    )*
                }
            }
        }
    };
}

features! {
    DashboardView "dashboard:view" Read Read Read;
    BlogView "blog:view" Read Read Read;
    ImagesView "images:view" Read Read Read;
    CarouselsView "carousels:view" Read Read Read;
    BillingView "billing:view" Read Read Read;
    CreditsView "credits:view" Read Read Read;
    ImagesGenerate "images:generate" Write Write Write;
    CarouselsCreate "carousels:create" Write Write Write;
    BlogCreate "blog:create" Write Write None;
    BlogEdit "blog:edit" Write Write None;
    DashboardAdmin "dashboard:admin" Admin Admin None;
    AnalyticsManage "analytics:manage" Admin Admin None;
    UsersManage "users:manage" Admin Admin None;
    BlogDelete "blog:delete" Admin Admin None;
    SystemPromptsManage "system:prompts:manage" Admin Admin None;
    ImagesDelete "images:delete" Admin Admin None;
    CarouselsManage "carousels:manage" Admin Admin None;
    ContactManage "contact:manage" Admin Admin None;
    AnalyticsView "analytics:view" Read Read None;
    UsersView "users:view" Read Read None;
    SystemPromptsView "system:prompts:view" Read Read None;
    SystemSettingsView "system:settings:view" Read Read None;
    R2View "r2:view" Read Read None;
    ContactView "contact:view" Read Read None;
    RolesView "roles:view" Read Read None;
    ImagesModerate "images:moderate" Hero Admin None;
    BillingManage "billing:manage" Hero Admin None;
    CreditsManage "credits:manage" Hero Admin None;
    R2Manage "r2:manage" Hero Admin None;
    UsersDelete "users:delete" Hero None None;
    SystemSettingsManage "system:settings:manage" Hero None None;
    RolesAssign "roles:assign" Hero None None;
    RolesManage "roles:manage" Hero None None;
}

/// A signed-in person, as this request found them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedIn {
    /// The person.
    pub user_id: Uuid,
    /// The session the token names.
    pub session_id: Uuid,
    /// The platform role, read with this request and never from the token.
    pub role: PlatformRole,
    /// Raised by every change of role or membership.
    pub access_version: i64,
    /// When the access token ends, microseconds.
    pub token_expires_at: i64,
    /// What the key of a server may do; `None` for a person's own session, which may do all that they may.
    pub scopes: Option<Scopes>,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Nobody we could verify, and why.
    Anonymous(AuthReason),
    /// A person with a live session.
    User(SignedIn),
    /// The server itself, or its operator on the host.
    System,
}

/// Proof that the viewer is signed in.
#[derive(Debug, Clone, Copy)]
pub struct SignedInRight(SignedIn);

impl SignedInRight {
    /// Who it is.
    pub fn who(&self) -> SignedIn {
        self.0
    }
}

/// Proof that the viewer has a level of a feature.
#[derive(Debug, Clone, Copy)]
pub struct FeatureRight {
    /// Which feature was checked.
    pub feature: Feature,
    /// Who it is; `None` is the system.
    pub who: Option<SignedIn>,
}

impl Viewer {
    /// Refuses: `Unauthenticated`.
    pub fn signed_in(&self) -> Result<SignedInRight, Error> {
        match self {
            Self::User(who) => Ok(SignedInRight(*who)),
            Self::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
            Self::System => Err(Error::Unauthenticated(AuthReason::Missing)),
        }
    }

    /// Refuses: `Unauthenticated`, `Forbidden`.
    pub fn may(&self, feature: Feature, level: Level) -> Result<FeatureRight, Error> {
        match self {
            Self::System => Ok(FeatureRight { feature, who: None }),
            Self::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
            Self::User(who) if feature.level(who.role) >= level => Ok(FeatureRight { feature, who: Some(*who) }),
            Self::User(_) => Err(Error::Forbidden { feature, level }),
        }
    }

    /// Whether `may` would answer with a right.
    pub fn can(&self, feature: Feature, level: Level) -> bool {
        self.may(feature, level).is_ok()
    }

    /// The person, if there is one.
    pub fn user(&self) -> Option<SignedIn> {
        match self {
            Self::User(who) => Some(*who),
            Self::Anonymous(_) | Self::System => None,
        }
    }
}
