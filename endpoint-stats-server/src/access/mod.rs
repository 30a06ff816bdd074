//! Who may do what: tokens, their scopes, and the services they are bound to.
//!
//! Tokens live in a file, not in the database: one mechanism for every store, reading the database gives nobody a
//! token, and a Kubernetes Secret is mounted as a file. The file holds hashes only; a running server reads it again
//! when it changed.
//!
//! | what | where |
//! |---|---|
//! | the text a client shows, and its hash | [`Token`], [`SecretHash`] |
//! | the file, read and written | [`TokenFile`], [`TokenList`], [`follow`] |
//! | the decision about a request | [`Access`] |
//! | what a request may do from then on | [`Principal`] |
//!
//! [`layer`] puts a [`Principal`] into the extensions of every request it lets through, and answers the others. It says
//! the same to who shows no token, an unknown, an expired and a revoked one.

mod access_layer;
mod cross_site;
mod follow;
mod gate;
mod known_tokens;
mod local;
mod presented;
mod principal;
mod refusal;
mod token;
mod token_file;
mod token_list;
mod wrong_tokens;

pub use self::access_layer::{AccessLayer, AccessService, layer};
pub use self::follow::follow;
pub use self::gate::{Access, AccessOptions, WithoutToken};
pub use self::known_tokens::KnownTokens;
pub use self::principal::{Principal, ReadsEverything, Scope};
pub use self::token::{SecretHash, Token, TokenId};
pub use self::token_file::{TokenFile, TokenFileError};
pub use self::token_list::{FileTime, NewToken, TokenEntry, TokenList, TokenListError};
