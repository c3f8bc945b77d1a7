//! People, tenants, sessions: values with checked constructors, commands and refusals. Must never know the database,
//! the network or a running clock.

mod account;
mod api_key;
mod credential;
mod link;
mod people;
mod session;

pub use account::{Account, AccountState, MemberRole, UpdateAccount, UpdateAccountError};
pub use api_key::{ApiKey, CreateApiKey, CreateApiKeyError, KEY_PREFIX, KEYS_MAX};
pub use credential::{Email, InvalidCredential, Password, Username};
pub use link::{
    ChangePassword, ChangePasswordError, LinkInvalid, LinkPurpose, ResetPassword, ResetPasswordError, SIGN_UP_MINUTES,
    VerifyEmail, VerifyEmailError,
};
pub use people::{AssignRoleError, DeleteUserError, User, UserFilter};
pub use session::{
    ClaimHero, ClaimHeroError, CloseReason, IssuedSession, Origin, RefreshSessionError, SignIn, SignInError, SignUp,
    SignUpError, limit_address,
};
