//! Who may do what: tokens, their scopes, and the services they are bound to.

mod principal;

pub use self::principal::{Principal, Scope};
