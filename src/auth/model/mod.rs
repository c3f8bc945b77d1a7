//! People, tenants, sessions: values with checked constructors, commands and refusals. Must never know the database,
//! the network or a running clock.

mod account;
mod credential;
mod people;
mod session;

pub use account::{Account, AccountState, MemberRole, UpdateAccount, UpdateAccountError};
pub use credential::{Email, InvalidCredential, Password, Username};
pub use people::{AssignRoleError, DeleteUserError, ListedUser, User, UserFilter, UserKey, UserOrder};
pub use session::{
    ClaimHero, ClaimHeroError, CloseReason, IssuedSession, Origin, RefreshSessionError, SignIn, SignInError, SignUp,
    SignUpError, limit_address,
};
