//! People, tenants, sessions: values with checked constructors, commands and refusals. Must never know the database,
//! the network or a running clock.

mod account;
mod api_key;
mod credential;
mod invitation;
mod link;
mod member;
mod people;
mod profile;
mod session;

pub use account::{Account, AccountState, MemberRole, UpdateAccount, UpdateAccountError};
pub use api_key::{ApiKey, CreateApiKey, CreateApiKeyError, KEY_PREFIX, KEYS_MAX};
pub use credential::{Email, InvalidCredential, Password, Username};
pub(in crate::auth) use invitation::INVITATION_LIFETIME;
pub use invitation::{INVITATION_DAYS, INVITATIONS_MAX, Invitation, InviteError, InviteMember};
pub use link::{
    ChangePassword, ChangePasswordError, LinkInvalid, LinkPurpose, ResetPassword, ResetPasswordError, SIGN_UP_MINUTES,
    VerifyEmail, VerifyEmailError,
};
pub use member::{
    AccountStateError, CreateAccount, CreateAccountError, Member, MemberError, OWNED_ACCOUNTS_MAX, StateReason,
    check_change,
};
pub use people::{AssignRoleError, DeleteUserError, ListedUser, User, UserFilter, UserKey, UserOrder};
pub use profile::{CLIENT_CHARS_MAX, CloseViewer, CloseViewerError, LiveSession, UpdateViewer, client_label};
pub use session::{
    ClaimHero, ClaimHeroError, CloseReason, IssuedSession, Origin, RefreshSessionError, SignIn, SignInError, SignUp,
    SignUpError, limit_address,
};
