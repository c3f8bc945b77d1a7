//! People, tenants, sessions: values with checked constructors, commands and refusals. Must never know the database,
//! the network or a running clock.

mod account;
mod credential;
mod member;
mod people;
mod profile;
mod session;

pub use account::{Account, AccountState, MemberRole, UpdateAccount, UpdateAccountError};
pub use credential::{Email, InvalidCredential, Password, Username};
pub use member::{
    AccountStateError, CreateAccount, CreateAccountError, Member, MemberError, OWNED_ACCOUNTS_MAX, StateReason,
    check_change,
};
pub use people::{AssignRoleError, DeleteUserError, User, UserFilter};
pub use profile::{CLIENT_CHARS_MAX, CloseViewer, CloseViewerError, LiveSession, UpdateViewer, client_label};
pub use session::{
    ClaimHero, ClaimHeroError, CloseReason, IssuedSession, Origin, RefreshSessionError, SignIn, SignInError, SignUp,
    SignUpError, limit_address,
};
